#include "io/tensor_bundle.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/io/safetensors.h>

#include "support/temporary_directory.h"
#include "support/tensor_bundle.h"
#include "support/throws.h"

namespace glow::io::tensor_bundle_test {
namespace {

using glow::testing::BundleEntry;
using glow::testing::BundleFiles;
using glow::testing::BundleInput;
using glow::testing::TableEntries;
using glow::testing::throws;
using namespace std::string_literals;

using Sizes = std::vector<std::int64_t>;

/// Refers to the files' bytes.
TensorBundle open(const BundleFiles& files) {
  return {files.index, {files.shards.begin(), files.shards.end()}, "folder/model.ckpt.index"};
}

const std::string kEight = "abcdefgh";

TEST(TensorBundle, HasNamesTypesShapesAndBytes) {
  const BundleFiles files = glow::testing::tensor_bundle({{"model/0/W", {1, 2}, kEight},
                                                          {"model/0/b", {}, "ABCD"},
                                                          {"model/0/indices", {3}, std::string(12, 'i'), 3},
                                                          {"model/1/empty", {0, 4}, ""}});
  const TensorBundle bundle = open(files);
  ASSERT_EQ(bundle.tensors().size(), 4u);
  const StoredTensor& w = bundle.tensors()[0];
  EXPECT_EQ(w.name, "model/0/W");
  EXPECT_EQ(w.dtype, "F32");
  EXPECT_EQ(w.shape, (Sizes{1, 2}));
  EXPECT_EQ(w.strides, (Sizes{2, 1}));
  EXPECT_EQ(w.data.data(), files.shards[0].data());
  EXPECT_EQ(w.data, kEight);
  EXPECT_EQ(bundle.tensors()[1].shape, Sizes{});
  EXPECT_EQ(bundle.tensors()[1].data, "ABCD");
  EXPECT_EQ(bundle.tensors()[2].dtype, "I32");
  EXPECT_EQ(bundle.tensors()[3].shape, (Sizes{0, 4}));
  for (const StoredTensor& tensor : bundle.tensors()) verify(tensor, bundle.path());
}

TEST(TensorBundle, HasTheTypesOfSafetensors) {
  const std::vector<std::pair<std::uint64_t, std::string>> types = {
      {1, "F32"},   {2, "F64"},   {3, "I32"},  {4, "U8"},   {5, "I16"},  {6, "I8"},  {9, "I64"},
      {10, "BOOL"}, {14, "BF16"}, {17, "U16"}, {19, "F16"}, {22, "U32"}, {23, "U64"}};
  for (const auto& [type, dtype] : types) {
    const BundleFiles files = glow::testing::tensor_bundle({{"a", {3}, std::string(3 * dtype_size(dtype), 'x'), type}});
    const TensorBundle bundle = open(files);
    EXPECT_EQ(bundle.tensors()[0].dtype, dtype);
    EXPECT_EQ(bundle.tensors()[0].data.size(), 3 * dtype_size(dtype));
  }
}

TEST(TensorBundle, ListsStringsWithoutData) {
  constexpr std::uint64_t kString = 7;
  const BundleFiles files =
      glow::testing::tensor_bundle({{"_CHECKPOINTABLE_OBJECT_GRAPH", {}, "graph", kString}, {"a", {2}, kEight}});
  const TensorBundle bundle = open(files);
  EXPECT_EQ(bundle.tensors()[0].dtype, "");
  EXPECT_EQ(bundle.tensors()[0].data, "");
  verify(bundle.tensors()[0], bundle.path());
  EXPECT_EQ(bundle.tensors()[1].data, kEight);
}

TEST(TensorBundle, ReadsManyBlocks) {
  std::vector<BundleInput> inputs;
  for (int i = 100; i < 400; ++i)
    inputs.push_back({"model/" + std::to_string(i) + "/W", {1}, "ab" + std::to_string(i).substr(1)});
  for (const std::size_t entries_of_block : {1, 7, 1000}) {
    const BundleFiles files = glow::testing::tensor_bundle(inputs, 1, {.entries_of_block = entries_of_block});
    const TensorBundle bundle = open(files);
    ASSERT_EQ(bundle.tensors().size(), inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      EXPECT_EQ(bundle.tensors()[i].name, inputs[i].name);
      EXPECT_EQ(bundle.tensors()[i].data, inputs[i].data);
    }
  }
}

TEST(TensorBundle, ReadsSeveralShards) {
  const BundleFiles files =
      glow::testing::tensor_bundle({{"a", {2}, kEight, 1, 2}, {"b", {1}, "ABCD", 1, 0}, {"c", {1}, "EFGH", 1, 2}}, 3);
  const TensorBundle bundle = open(files);
  EXPECT_EQ(count_bundle_shards(files.index, "index"), 3u);
  EXPECT_EQ(bundle.tensors()[0].data, kEight);
  EXPECT_EQ(bundle.tensors()[1].data, "ABCD");
  EXPECT_EQ(bundle.tensors()[2].data, "EFGH");
}

TEST(TensorBundle, ComparesChecksumsOfTensors) {
  BundleFiles files = glow::testing::tensor_bundle({{"a", {2}, kEight}, {"b", {1}, "ABCD"}});
  files.shards[0][9] ^= 1;
  const TensorBundle bundle = open(files);
  verify(bundle.tensors()[0], bundle.path());
  EXPECT_TRUE(throws<FormatError>([&] { verify(bundle.tensors()[1], bundle.path()); },
                                  {"folder/model.ckpt.index: tensor \"b\" is damaged", "CRC-32C"}));
}

TEST(TensorBundle, DetectsEveryDamagedByteOfTheIndex) {
  const BundleFiles intact = glow::testing::tensor_bundle({{"model/a", {2}, kEight}, {"model/b", {1}, "ABCD"}});
  constexpr std::size_t kFooter = 48;
  for (std::size_t i = 0; i < intact.index.size(); ++i) {
    BundleFiles files = intact;
    files.index[i] ^= 1;
    const bool is_padding = i >= files.index.size() - kFooter + 4 && i < files.index.size() - 8;
    if (is_padding) continue;
    EXPECT_TRUE(throws<FormatError>([&] { open(files); }, {"folder/model.ckpt.index: "})) << i;
  }
}

TEST(TensorBundle, IsRefusedWhenAFileEndsEarly) {
  const BundleFiles intact = glow::testing::tensor_bundle({{"model/a", {2}, kEight}, {"model/b", {1}, "ABCD"}});
  for (std::size_t size = 0; size < intact.index.size(); ++size) {
    const BundleFiles files{intact.index.substr(0, size), intact.shards};
    EXPECT_TRUE(throws<FormatError>([&] { open(files); }, {"folder/model.ckpt.index: "})) << size;
  }
  for (std::size_t size = 0; size < intact.shards[0].size(); ++size) {
    const BundleFiles files{intact.index, {intact.shards[0].substr(0, size)}};
    EXPECT_TRUE(throws<FormatError>([&] { open(files); }, {"tensor \"model/", "of the data file"})) << size;
  }
}

TEST(TensorBundle, ReadsAnIndexOfTensorFlow) {
  // That TensorFlow wrote for a Glow with shuffles (openai/glow): the seed of the fuzzer.
  const std::filesystem::path path = std::filesystem::path(GLOW_FUZZ_CORPUS) / "tensor_bundle" / "tensorflow";
  const BundleFiles files{glow::testing::get(path), {std::string(557508, '\0')}};
  const TensorBundle bundle = open(files);
  EXPECT_EQ(bundle.tensors().size(), 209u);
  std::uint64_t bytes = 0;
  for (const StoredTensor& tensor : bundle.tensors()) bytes += tensor.data.size();
  EXPECT_EQ(bytes, files.shards[0].size());
  const auto find = [&](const std::string& name) {
    return *std::ranges::find(bundle.tensors(), name, &StoredTensor::name);
  };
  EXPECT_EQ(find("model/0/0/shuffle/indices").dtype, "I32");
  EXPECT_EQ(find("model/0/0/shuffle/indices").shape, Sizes{12});
  EXPECT_EQ(find("model/1/0/f1/l_2/W").shape, (Sizes{1, 1, 16, 16}));
}

// Paths.

class TensorBundlePaths : public ::testing::Test {
 protected:
  void write(const std::string& prefix, const BundleFiles& files) const {
    glow::testing::put(directory_ / (prefix + ".index"), files.index);
    for (std::size_t shard = 0; shard < files.shards.size(); ++shard) {
      glow::testing::put(directory_ / bundle_shard_name(prefix, shard, files.shards.size()), files.shards[shard]);
    }
  }

  void write(const std::string& prefix, const std::string& data) const {
    write(prefix, glow::testing::tensor_bundle({{"a", {2}, data}}));
  }

  glow::testing::TemporaryDirectory directory_;
};

TEST_F(TensorBundlePaths, AreTheIndexThePrefixOrTheFolder) {
  write("model.ckpt", kEight);
  for (const auto& path : {directory_ / "model.ckpt.index", directory_ / "model.ckpt", directory_.path()}) {
    const TensorBundle bundle(path);
    EXPECT_EQ(bundle.path(), directory_ / "model.ckpt.index");
    ASSERT_EQ(bundle.tensors().size(), 1u);
    EXPECT_EQ(bundle.tensors()[0].data, kEight);
    verify(bundle.tensors()[0], bundle.path());
  }
}

TEST_F(TensorBundlePaths, FollowTheFileCheckpoint) {
  write("model.ckpt-1", kEight);
  write("model.ckpt-2", "ABCDEFGH");
  EXPECT_TRUE(throws<FormatError>([&] { TensorBundle(directory_.path()); },
                                  {"expected one checkpoint", "\"model.ckpt-1.index\" and \"model.ckpt-2.index\""}));
  for (const std::string name : {"model.ckpt-2", "/elsewhere/run/model.ckpt-2"}) {
    glow::testing::put(directory_ / "checkpoint",
                       "model_checkpoint_path: \"" + name + "\"\nall_model_checkpoint_paths: \"model.ckpt-1\"\n");
    EXPECT_EQ(TensorBundle(directory_.path()).tensors()[0].data, "ABCDEFGH");
  }
  glow::testing::put(directory_ / "checkpoint", "model_checkpoint_path: \"model.ckpt-3\"\n");
  EXPECT_TRUE(throws<FormatError>([&] { TensorBundle(directory_.path()); }, {"expected one checkpoint"}));
}

TEST_F(TensorBundlePaths, NameWhatIsMissing) {
  EXPECT_TRUE(throws<FormatError>([&] { TensorBundle(directory_.path()); }, {"has no .index file"}));
  EXPECT_TRUE(throws<IoError>([&] { TensorBundle(directory_ / "model.ckpt"); }, {"model.ckpt.index"}));
  const BundleFiles files = glow::testing::tensor_bundle({{"a", {2}, kEight}}, 2);
  write("model.ckpt", files);
  EXPECT_EQ(TensorBundle(directory_ / "model.ckpt").tensors()[0].data, kEight);
  std::filesystem::remove(directory_ / "model.ckpt.data-00001-of-00002");
  EXPECT_TRUE(throws<IoError>([&] { TensorBundle(directory_ / "model.ckpt"); }, {"model.ckpt.data-00001-of-00002"}));
  EXPECT_TRUE(throws<FormatError>([&] { TensorBundle(directory_ / "model.ckpt.data-00000-of-00002"); },
                                  {"expected the index of a TensorFlow checkpoint"}));
}

// Hostile files.

struct BadBundle {
  std::string name;
  BundleFiles files;
  std::string problem;
};

class InvalidTensorBundle : public ::testing::TestWithParam<BadBundle> {};

TEST_P(InvalidTensorBundle, IsRefused) {
  EXPECT_TRUE(throws<FormatError>([&] { open(GetParam().files); }, {"folder/model.ckpt.index: ", GetParam().problem}));
}

const auto kBundleName = [](const auto& test) { return test.param.name; };

BadBundle bad_table(const std::string& name, const TableEntries& entries, const std::string& problem) {
  return {name, {glow::testing::table_file(entries), {kEight}}, problem};
}

const std::string kHeader = glow::testing::bundle_header(1);
const std::string kMaximum = glow::testing::proto_varint(~std::uint64_t{0});
const std::string kEntry = BundleEntry{.shape = {2}, .size = 8}.bytes();

INSTANTIATE_TEST_SUITE_P(
    Headers, InvalidTensorBundle,
    ::testing::Values(
        BadBundle{"Empty", {"", {""}}, "expected the index of a TensorFlow checkpoint (.index), is an empty file"},
        BadBundle{"OtherMagic",
                  {glow::testing::table_file({{"", kHeader}}, {.magic = "notmagic"}), {kEight}},
                  "expected the index of a TensorFlow checkpoint"},
        bad_table("EmptyTable", {}, "is an empty table"),
        bad_table("WithoutHeader", {{"a", kEntry}}, "expected a header, has the tensor \"a\""),
        bad_table("BigEndian", {{"", glow::testing::bundle_header(1, 1)}}, "has big-endian ones"),
        bad_table("NewerVersion", {{"", glow::testing::bundle_header(1, 0, 2)}}, "needs version 2"),
        bad_table("NoShards", {{"", glow::testing::bundle_header(0)}}, "expected 1 to 1024 shards, has 0"),
        bad_table("ManyShards", {{"", glow::testing::bundle_header(1025)}}, "expected 1 to 1024 shards"),
        bad_table("NegativeShards", {{"", glow::testing::bundle_header(~std::uint64_t{0})}}, "expected 1 to 1024"),
        bad_table("MoreShardsThanFiles", {{"", glow::testing::bundle_header(2)}}, "expected 2 data files, has 1"),
        bad_table("HeaderIsCut", {{"", kHeader.substr(0, kHeader.size() - 1)}}, "a field of protobuf has"),
        bad_table("HeaderIsText", {{"", "text"}}, "protobuf"),
        bad_table("ShardsAreText", {{"", glow::testing::proto_bytes(1, "1")}}, "protobuf type 2, expected 0")),
    kBundleName);

BadBundle bad_entry(const std::string& name, const BundleEntry& entry, const std::string& problem) {
  return {name,
          {glow::testing::table_file({{"", kHeader}, {"model/w", entry.bytes()}}), {kEight}},
          "tensor \"model/w\": " + problem};
}

BadBundle two_entries(const std::string& name, const BundleEntry& first, const BundleEntry& second,
                      const std::string& problem) {
  return bad_table(name, {{"", kHeader}, {"a", first.bytes()}, {"b", second.bytes()}}, problem);
}

constexpr std::uint64_t kHuge = ~std::uint64_t{0};

INSTANTIATE_TEST_SUITE_P(
    Entries, InvalidTensorBundle,
    ::testing::Values(
        bad_entry("TooLong", {.shape = {3}, .size = 12}, "expected 12 bytes at byte 0 of the data file, which has 8"),
        bad_entry("TooFar", {.shape = {2}, .offset = 1, .size = 8}, "expected 8 bytes at byte 1"),
        bad_entry("HugeOffset", {.shape = {2}, .offset = kHuge, .size = 8}, "expected 8 bytes at byte"),
        bad_entry("HugeSize", {.shape = {2}, .size = kHuge}, "expected 18446744073709551615 bytes"),
        bad_entry("OtherSize", {.shape = {1}, .size = 8}, "F32 [1] has another size than its 8 bytes"),
        bad_entry("NegativeShape", {.shape = {-2}, .size = 8}, "F32 [-2] has another size"),
        bad_entry("NegativeShapes", {.shape = {-2, -1}, .size = 8}, "F32 [-2,-1] has another size"),
        bad_entry("HugeShape", {.shape = {std::int64_t{1} << 62, 4}, .size = 0},
                  "F32 [4611686018427387904,4] has another size"),
        bad_entry("ManyDimensions", {.shape = Sizes(65, 1), .size = 4}, "expected at most 64 dimensions"),
        bad_entry("UnknownShard", {.shape = {2}, .shard = 1, .size = 8}, "is in shard 1 of 1"),
        bad_entry("NegativeShard", {.shape = {2}, .shard = kHuge, .size = 8}, "is in shard"),
        bad_entry("StringsTooFar", {.type = 7, .offset = 9, .size = 1}, "expected 1 bytes at byte 9"),
        bad_entry("Slices", {.shape = {2}, .more = glow::testing::proto_bytes(7, "")}, "is saved in slices"),
        bad_entry("UnknownRank", {.more = glow::testing::proto_bytes(2, glow::testing::proto_integer(3, 1))},
                  "expected a shape, has an unknown rank"),
        bad_entry("ChecksumIsANumber", {.more = glow::testing::proto_integer(6, 1)},
                  "the field 6 has protobuf type 0, expected 5"),
        bad_entry("ShapeIsANumber", {.more = glow::testing::proto_integer(2, 1)},
                  "the field 2 has protobuf type 0, expected 2"),
        two_entries("Overlap", {.shape = {2}, .size = 8}, {.shape = {1}, .offset = 4, .size = 4},
                    "tensor \"b\": its data overlap those of \"a\""),
        two_entries("Equal", {.shape = {2}, .size = 8}, {.shape = {2}, .size = 8}, "overlap those of"),
        two_entries("OverlapInOtherOrder", {.shape = {1}, .offset = 4, .size = 4}, {.shape = {2}, .size = 8},
                    "tensor \"a\": its data overlap those of \"b\"")),
    kBundleName);

BadBundle with_block(const std::string& name, const std::string& block, const std::string& problem) {
  std::string table;
  const std::string place = glow::testing::add_table_block(table, block);
  std::string footer = glow::testing::add_table_block(table, glow::testing::table_block({}));
  footer += glow::testing::add_table_block(table, glow::testing::table_block({{"x", place}}));
  footer.resize(40, '\0');
  return {name, {table + footer + glow::testing::little_endian(0xdb4775248b80fb57, 8), {kEight}}, problem};
}

BadBundle with_footer(const std::string& name, std::string footer, const std::string& problem) {
  footer.resize(40, '\0');
  return {name, {footer + glow::testing::little_endian(0xdb4775248b80fb57, 8), {kEight}}, problem};
}

const std::string kNoRestarts(4, '\0');

INSTANTIATE_TEST_SUITE_P(
    Tables, InvalidTensorBundle,
    ::testing::Values(
        BadBundle{"Snappy",
                  {glow::testing::table_file({{"", kHeader}}, {.compression = 1}), {kEight}},
                  "a block is compressed with snappy"},
        BadBundle{"OtherCompression",
                  {glow::testing::table_file({{"", kHeader}}, {.compression = 2}), {kEight}},
                  "a block is compressed, expected"},
        bad_table("NameTwice", {{"", kHeader}, {"a", kEntry}, {"a", kEntry}}, "in increasing order, has \"a\" after"),
        bad_table("HeaderTwice", {{"", kHeader}, {"", kHeader}}, "in increasing order"),
        bad_table("NotInOrder", {{"", kHeader}, {"b", kEntry}, {"a", kEntry}}, "has \"a\" after \"b\""),
        bad_table("LongName", {{"", kHeader}, {std::string(1025, 'x'), kEntry}}, "names of at most 1024 bytes"),
        with_block("EmptyBlock", "", "shorter than its list of offsets"),
        with_block("TooManyRestarts", glow::testing::little_endian(1, 4), "shorter than its list of offsets"),
        with_block("HugeRestarts", "\xff\xff\xff\xff", "shorter than its list of offsets"),
        with_block("SharesTooMuch", "\x01\0\0"s + kNoRestarts, "shares more bytes"),
        with_block("SharesHugeNumber", kMaximum + "\0\0"s + kNoRestarts, "shares more bytes"),
        with_block("HugeKey", "\0"s + kMaximum + "\0"s + kNoRestarts, "names of at most 1024 bytes"),
        with_block("KeyTooLong", "\0\x05\0a"s + kNoRestarts, "has 5 bytes, expected at most 1"),
        with_block("HugeValue", "\0\0"s + kMaximum + kNoRestarts, "bytes, expected at most 0"),
        with_block("CutNumber", "\0\0\xff"s + kNoRestarts, "cut off or above 64 bits"),
        with_footer("BlockBeyondTheFile", "\x00\x01\x00\x00"s, "a block of 1 bytes at byte 0 is not inside"),
        with_footer("HugeBlock", "\x00"s + kMaximum, "is not inside the file"),
        with_footer("HugeOffset", kMaximum + "\x00"s, "is not inside the file")),
    kBundleName);

}  // namespace
}  // namespace glow::io::tensor_bundle_test
