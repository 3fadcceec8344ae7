#include "io/torch_file.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/io/safetensors.h>

#include "support/temporary_directory.h"
#include "support/throws.h"
#include "support/torch_files.h"

namespace glow::io::torch_file_test {
namespace {

namespace pickles = glow::testing::pickles;
namespace torch_files = glow::testing::torch_files;
using glow::testing::throws;
using glow::testing::zip_deflated;
using glow::testing::zip_stored;
using torch_files::ramp;
using torch_files::tensor;
using torch_files::tensor_of_two;
using namespace std::string_literals;

using Sizes = std::vector<std::int64_t>;
using Numbers = std::vector<double>;

std::vector<StoredTensor> read(std::string_view bytes) { return read_torch(bytes, "folder/file.pt"); }

std::string pytorch_file(const std::string& name) {
  return glow::testing::get(std::filesystem::path(GLOW_FUZZ_CORPUS) / "torch_file" / name);
}

const StoredTensor& find(const std::vector<StoredTensor>& tensors, const std::string& name) {
  const auto found = std::ranges::find(tensors, name, &StoredTensor::name);
  if (found == tensors.end()) throw std::runtime_error("no tensor " + name);
  return *found;
}

/// The elements in C order, through the strides.
template <typename Number = float>
Numbers numbers(const StoredTensor& tensor) {
  Numbers all;
  Sizes index(tensor.shape.size(), 0);
  if (std::ranges::count(tensor.shape, 0) > 0) return all;
  for (bool more = true; more;) {
    std::int64_t place = 0;
    for (std::size_t i = 0; i < index.size(); ++i) place += index[i] * tensor.strides[i];
    Number number{};
    const std::string_view bytes = tensor.data.substr(static_cast<std::size_t>(place) * sizeof number, sizeof number);
    EXPECT_EQ(bytes.size(), sizeof number);
    std::memcpy(&number, bytes.data(), bytes.size());
    all.push_back(static_cast<double>(number));
    more = false;
    for (std::size_t i = index.size(); i > 0 && !more; --i) {
      more = ++index[i - 1] < tensor.shape[i - 1];
      if (!more) index[i - 1] = 0;
    }
  }
  return all;
}

// Files that PyTorch has written (write_torch_files.py).

class TorchFileOfPyTorch : public ::testing::TestWithParam<const char*> {
 protected:
  static std::string file(const std::string& name) { return pytorch_file(name + GetParam() + ".pt"); }
};

TEST_P(TorchFileOfPyTorch, HasTheTensorsOfAStateDict) {
  const std::string bytes = file("state_dict");
  const auto tensors = read(bytes);
  std::vector<std::string> names;
  for (const StoredTensor& tensor : tensors) names.push_back(tensor.name);
  EXPECT_EQ(names, (std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean",
                                             "1.running_var", "1.num_batches_tracked"}));
  EXPECT_EQ(find(tensors, "0.weight").shape, (Sizes{2, 3}));
  EXPECT_EQ(numbers(find(tensors, "0.weight")), (Numbers{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(numbers(find(tensors, "1.running_var")), (Numbers{1, 1}));
  EXPECT_EQ(find(tensors, "1.num_batches_tracked").dtype, "I64");
  EXPECT_EQ(find(tensors, "1.num_batches_tracked").shape, Sizes{});
  EXPECT_EQ(numbers<std::int64_t>(find(tensors, "1.num_batches_tracked")), Numbers{0});
}

TEST_P(TorchFileOfPyTorch, NamesTensorsByTheirPlace) {
  const std::string bytes = file("training");
  const auto tensors = read(bytes);
  EXPECT_EQ(find(tensors, "graph/0.weight").shape, (Sizes{2, 3}));
  EXPECT_EQ(find(tensors, "optim/state/0/exp_avg").shape, (Sizes{2, 3}));
  EXPECT_EQ(numbers(find(tensors, "optim/state/3/step")), Numbers{1});
  // Numbers and strings are left out.
  EXPECT_TRUE(std::ranges::none_of(tensors, [](const StoredTensor& tensor) { return tensor.name == "step"; }));
}

TEST_P(TorchFileOfPyTorch, HasTheTypesOfSafetensors) {
  const std::string bytes = file("types");
  const auto tensors = read(bytes);
  const auto is = [&](const std::string& name, const std::string& dtype) {
    const StoredTensor& tensor = find(tensors, name);
    return tensor.dtype == dtype && tensor.shape == Sizes{2} && tensor.data.size() == 2 * dtype_size(dtype);
  };
  EXPECT_TRUE(is("float32", "F32") && is("float64", "F64") && is("float16", "F16") && is("bfloat16", "BF16"));
  EXPECT_TRUE(is("int64", "I64") && is("int32", "I32") && is("int16", "I16") && is("int8", "I8"));
  EXPECT_TRUE(is("uint8", "U8") && is("bool", "BOOL"));
  EXPECT_EQ(numbers<double>(find(tensors, "float64")), (Numbers{1, 2}));
  EXPECT_EQ(numbers<std::int16_t>(find(tensors, "int16")), (Numbers{1, 2}));
  EXPECT_EQ(find(tensors, "float16").data, "\x00\x3c\x00\x40"s);
  EXPECT_EQ(find(tensors, "bfloat16").data, "\x80\x3f\x00\x40"s);
}

TEST_P(TorchFileOfPyTorch, HasViewsThroughTheirStrides) {
  const std::string bytes = file("views");
  const auto tensors = read(bytes);
  const auto has = [&](const std::string& name, const Sizes& shape, const Numbers& expected, std::size_t span) {
    const StoredTensor& tensor = find(tensors, name);
    EXPECT_EQ(tensor.shape, shape) << name;
    EXPECT_EQ(numbers(tensor), expected) << name;
    EXPECT_EQ(tensor.data.size(), sizeof(float) * span) << name;
  };
  has("0", {2, 3}, {1, 2, 3, 4, 5, 6}, 6);
  has("1", {3, 2}, {1, 4, 2, 5, 3, 6}, 6);
  has("2", {1, 3}, {4, 5, 6}, 3);
  has("3", {2, 2}, {2, 3, 5, 6}, 5);
  has("4", {3}, {1, 3, 5}, 5);
  has("5", {}, {0}, 1);
  has("6", {0, 3}, {}, 0);
  has("7", {3, 2}, {1, 2, 1, 2, 1, 2}, 2);
  has("8/0", {2}, {1, 2}, 2);
  has("8/1", {2, 3}, {1, 2, 3, 4, 5, 6}, 6);
  EXPECT_EQ(find(tensors, "0").data.data(), find(tensors, "8/1").data.data());
}

TEST_P(TorchFileOfPyTorch, MayBeOneTensor) {
  const std::string bytes = file("tensor");
  const auto tensors = read(bytes);
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(tensors[0].name, "");
  EXPECT_EQ(numbers(tensors[0]), (Numbers{1, 2}));
}

TEST_P(TorchFileOfPyTorch, WithOtherObjectsIsRefusedByTheirName) {
  const std::string bytes = file("unknown");
  EXPECT_TRUE(throws<FormatError>([&] { read(bytes); },
                                  {"folder/file.pt: expected tensors and numbers, has \"torch.device\""}));
}

TEST_P(TorchFileOfPyTorch, IsRefusedWhenItEndsEarly) {
  const std::string bytes = file("state_dict");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string start = bytes.substr(0, size);
    EXPECT_TRUE(throws<FormatError>([&] { read(start); }, {"folder/file.pt: "})) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(TorchFile, TorchFileOfPyTorch, ::testing::Values(".zip", ".old"));

TEST(TorchFile, ReadsProtocol4) {
  const std::string bytes = pytorch_file("protocol4.zip.pt");
  EXPECT_EQ(numbers(find(read(bytes), "float32")), (Numbers{1, 2}));
}

TEST(TorchFile, TellsHowToSaveAModule) {
  const std::string bytes = pytorch_file("module.zip.pt");
  EXPECT_TRUE(throws<FormatError>([&] { read(bytes); }, {"has a whole module", "torch.nn.modules.container.Sequential",
                                                         "torch.save(module.state_dict(), PATH)"}));
  const std::string own =
      torch_files::zip_file(pickles::file("cmodel\nGlow\n)\x81}" + pickles::string("_modules") + "}sb"), {});
  EXPECT_TRUE(throws<FormatError>([&] { read(own); }, {"has a whole module (\"model.Glow\")", "state_dict()"}));
  const std::string script = torch_files::zip_file(pickles::file("c__torch__.model\nGlow\n)\x81}b"), {});
  EXPECT_TRUE(throws<FormatError>([&] { read(script); }, {"has a whole module (\"__torch__.model.Glow\")"}));
}

TEST(TorchFile, ComparesChecksumsOfTheZip) {
  std::string bytes = pytorch_file("tensor.zip.pt");
  verify(read(bytes)[0], "file");
  const std::size_t numbers = bytes.find(ramp(2));
  ASSERT_NE(numbers, std::string::npos);
  bytes[numbers] ^= 1;
  EXPECT_TRUE(
      throws<FormatError>([&] { verify(read(bytes)[0], "file"); }, {"file: tensor \"\" is damaged", "CRC-32 "}));
  bytes[numbers] ^= 1;
  bytes[bytes.find("cpu") + 1] ^= 1;
  EXPECT_TRUE(throws<FormatError>([&] { read(bytes); }, {"tensor.zip/data.pkl", "CRC-32"}));
  const std::string without = pytorch_file("without_crc.zip.pt");
  verify(read(without)[0], "file");
}

// Files that are built here, the same object in both formats.

struct Object {
  /// The pickle of it.
  std::string object;
  torch_files::Storages storages;
};

enum class Format { kZip, kOld };

std::string file_of(Format format, const Object& object) {
  const std::string pickle = pickles::file(object.object);
  if (format == Format::kZip) return torch_files::zip_file(pickle, object.storages);
  return torch_files::old_file(pickle, object.storages).bytes();
}

/// A dictionary with one tensor "w".
std::string with_w(const std::string& tensor) { return "}" + pickles::string("w") + tensor + "s"; }

TEST(TorchFile, ReadsFilesThatAreBuiltHere) {
  for (const Format format : {Format::kZip, Format::kOld}) {
    const std::string bytes = file_of(format, {with_w(tensor_of_two("0")), {{"0", ramp(2)}}});
    const auto tensors = read(bytes);
    EXPECT_EQ(numbers(find(tensors, "w")), (Numbers{1, 2}));
  }
}

TEST(TorchFile, ReadsTheOrderedDictOfPython2) {
  const std::string items = pickles::list({pickles::list({pickles::string("a"), tensor_of_two("0")}),
                                           pickles::list({pickles::string("b"), tensor_of_two("1")})});
  const std::string object = "ccollections\nOrderedDict\n" + items + "\x85R}" + pickles::string("_metadata") + "}sb";
  const std::string bytes = file_of(Format::kOld, {object, {{"0", ramp(2)}, {"1", ramp(2)}}});
  const auto tensors = read(bytes);
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[1].name, "b");
}

TEST(TorchFile, ReadsAPartOfAStorage) {
  // As the first versions of PyTorch wrote it: the storage is elements 1 to 3 of another.
  const std::string view = torch_files::tuple({pickles::string("view"), pickles::integer(1), pickles::integer(3)});
  const auto file = [&](std::int64_t offset) {
    const std::string storage = torch_files::storage("0", pickles::integer(4), view);
    return file_of(Format::kOld,
                   {with_w(tensor({.storage = storage, .offset = pickles::integer(offset)})), {{"0", ramp(4)}}});
  };
  const std::string bytes = file(1);
  EXPECT_EQ(numbers(find(read(bytes), "w")), (Numbers{3, 4}));
  const std::string beyond = file(2);
  EXPECT_TRUE(throws<FormatError>([&] { read(beyond); }, {"tensor \"w\"", "not inside its storage of 3 elements"}));
}

struct BadObject {
  std::string name;
  Object object;
  std::string problem;
};

class InvalidTorchObject : public ::testing::TestWithParam<BadObject> {};

TEST_P(InvalidTorchObject, IsRefusedInBothFormats) {
  for (const Format format : {Format::kZip, Format::kOld}) {
    const std::string bytes = file_of(format, GetParam().object);
    EXPECT_TRUE(throws<FormatError>([&] { read(bytes); }, {"folder/file.pt: ", GetParam().problem}));
  }
}

const auto kObjectName = [](const auto& test) { return test.param.name; };

BadObject bad_object(const std::string& name, const std::string& object, const std::string& problem) {
  return {name, {object, {}}, problem};
}

INSTANTIATE_TEST_SUITE_P(
    Code, InvalidTorchObject,
    ::testing::Values(
        bad_object("System", "cos\nsystem\n" + pickles::string("ls") + "\x85R",
                   "tensors and numbers, has \"os.system\""),
        bad_object("SystemOfPosix", pickles::string("posix") + pickles::string("system") + "\x93",
                   "tensors and numbers, has \"posix.system\""),
        bad_object("Eval", "c__builtin__\neval\n", "has \"__builtin__.eval\""),
        bad_object("NameInAnotherModule", "cos\n_rebuild_tensor_v2\n", "has \"os._rebuild_tensor_v2\""),
        bad_object("Attribute", "ctorch._utils\n_rebuild_tensor_v2.__globals__\n", "_rebuild_tensor_v2.__globals__"),
        bad_object("Load", "ctorch\nload\n", "has \"torch.load\""),
        bad_object("Complex", "ctorch\nComplexFloatStorage\n", "has \"torch.ComplexFloatStorage\""),
        bad_object("NumpyArray", "cnumpy\nndarray\n", "has \"numpy.ndarray\""),
        bad_object("Instance", "(ios\nsystem\n", "unsupported opcode 0x69"),
        bad_object("NewObject", "ccollections\nOrderedDict\n)\x81", "unsupported opcode 0x81"),
        bad_object("PersistentText", "Pname\n", "unsupported opcode 0x50"),
        bad_object("Extension", "\x82\x01", "unsupported opcode 0x82"),
        bad_object("CallOfANumber", "K\x01)R", "expected the call of a function"),
        bad_object("CallOfAStorage", "ctorch\nFloatStorage\n)R", "expected the call of a tensor's function"),
        bad_object("StateOfADictionary", "}}b", "attributes of an OrderedDict only"),
        bad_object("StateOfAFunction", "ctorch._utils\n_rebuild_tensor\n}b", "attributes of an OrderedDict only"),
        bad_object("OtherId", pickles::string("module") + "\x85Q", "expected a storage"),
        bad_object("IdIsANumber", "K\x01Q", "expected a tuple")),
    kObjectName);

std::string nested(int depth) { return pickles::repeat("]", static_cast<std::size_t>(depth)); }

INSTANTIATE_TEST_SUITE_P(
    Structure, InvalidTorchObject,
    ::testing::Values(
        bad_object("DeepNesting", nested(100) + pickles::repeat("a", 99), "at most 64 dictionaries and lists"),
        bad_object("VeryDeepNesting", nested(100000) + pickles::repeat("a", 99999), "at most 64 dictionaries"),
        bad_object("ListInItself", "]q\x01h\x01"s + "a", "at most 64 dictionaries and lists"),
        bad_object("DictionaryInItself", "}q\x01" + pickles::string("a") + "h\x01s", "at most 64 dictionaries"),
        bad_object("ManyItems", pickles::file(std::string((1 << 20) + 1, 'N')).substr(2), "1048576 objects"),
        bad_object("KeyIsATensor", "}" + tensor_of_two("0") + "Ns", "strings and integers as keys"),
        bad_object("LongName", "}" + pickles::string(std::string(1025, 'x')) + "Ns", "at most 1024 bytes"),
        BadObject{
            "TensorTwice",
            {"}" + pickles::string("w") + tensor_of_two("0") + "s" + pickles::string("w") + tensor_of_two("0") + "s",
             {{"0", ramp(2)}}},
            "two tensors of the name \"w\""},
        BadObject{"SameNameInTwoWays",
                  {"}" + pickles::string("a/b") + tensor_of_two("0") + "s" + pickles::string("a") + "}" +
                       pickles::string("b") + tensor_of_two("0") + "ss",
                   {{"0", ramp(2)}}},
                  "two tensors of the name \"a/b\""}),
    kObjectName);

BadObject bad_tensor(const std::string& name, const torch_files::Tensor& parts, const std::string& problem) {
  torch_files::Tensor tensor_parts = parts;
  if (tensor_parts.storage.empty()) tensor_parts.storage = torch_files::storage("0", 4);
  return {name, {with_w(tensor(tensor_parts)), {{"0", ramp(4)}}}, problem};
}

const std::string kHuge = "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"s;
const std::string kMinusOne = pickles::integer(-1);

std::string sizes(const Sizes& values) { return torch_files::tuple(values); }

INSTANTIATE_TEST_SUITE_P(
    Tensors, InvalidTorchObject,
    ::testing::Values(
        bad_tensor("TooLong", {.shape = sizes({5})}, "tensor \"w\" of shape [5]"),
        bad_tensor("TooFar", {.offset = pickles::integer(3)}, "not inside its storage of 4 elements"),
        bad_tensor("HugeOffset", {.offset = kHuge}, "not inside its storage"),
        bad_tensor("NegativeOffset", {.offset = kMinusOne}, "expected an integer from 0"),
        bad_tensor("NegativeSize", {.shape = sizes({-1})}, "expected an integer from 0"),
        bad_tensor("NegativeStride", {.strides = sizes({-1})}, "expected an integer from 0"),
        bad_tensor("HugeSize", {.shape = '(' + kHuge + 't'}, "not inside its storage"),
        bad_tensor("HugeStride", {.strides = '(' + kHuge + 't'}, "not inside its storage"),
        bad_tensor("HugeProduct", {.shape = '(' + kHuge + kHuge + 't', .strides = sizes({0, 0})},
                   "not inside its storage"),
        bad_tensor("HugeSum", {.shape = sizes({2, 2}), .strides = '(' + kHuge + kHuge + 't'}, "not inside its storage"),
        bad_tensor("EmptyButHuge", {.shape = '(' + kHuge + kHuge + "K\0t"s, .strides = sizes({0, 0, 0})},
                   "not inside its storage"),
        bad_tensor("ExpandedTooFar", {.shape = sizes({5}), .strides = sizes({0})}, "not inside its storage"),
        bad_tensor("OffsetIsText", {.offset = pickles::string("0")}, "expected an integer from 0"),
        bad_tensor("ShapeIsANumber", {.shape = "K\x01"}, "expected a tuple"),
        bad_tensor("TooFewStrides", {.shape = sizes({1, 1})}, "as many strides as sizes"),
        bad_tensor("TooManyDimensions", {.shape = sizes(Sizes(65, 1)), .strides = sizes(Sizes(65, 1))},
                   "expected a tuple"),
        bad_tensor("Negated", {.more = "}" + pickles::string("neg") + "\x88s"}, "a tensor without metadata"),
        bad_tensor("StorageIsANumber", {.storage = "K\x01"}, "expected the storage of a tensor"),
        bad_object("ParameterOfANumber", "ctorch._utils\n_rebuild_parameter\nK\x01\x88}\x87R",
                   "expected the tensor of a parameter"),
        bad_tensor("StorageWithoutType", {.storage = torch_files::storage("0", "K\x04", "", "K\x01")},
                   "expected the type of a storage"),
        bad_tensor("StorageOfNegativeSize", {.storage = torch_files::storage("0", kMinusOne)}, "an integer from 0"),
        bad_tensor("StorageIsMissing", {.storage = torch_files::storage("1", 4)}, ""),
        bad_tensor("StorageIsLarger", {.storage = torch_files::storage("0", 5)}, "expected 5 elements"),
        bad_tensor("StorageIsSmaller", {.storage = torch_files::storage("0", 3)}, "expected 3 elements"),
        bad_tensor("StorageIsHuge", {.storage = torch_files::storage("0", kHuge)}, "expected 9223372036854775807"),
        bad_object("StorageInTwoWays",
                   torch_files::tuple({tensor_of_two("0"), tensor({.storage = torch_files::storage("0", 4)})}),
                   "the storage \"0\" has two types or sizes")),
    kObjectName);

TEST(TorchFile, BoundsTheWorkForSharedObjects) {
  // 2^30 tensors, of which the pickle has one.
  std::string all = tensor_of_two("0") + "q\x01"s;
  std::string object = "](" + all;
  for (int i = 1; i <= 30; ++i) {
    const std::string before(1, static_cast<char>(i));
    const std::string after(1, static_cast<char>(i + 1));
    object += "](h" + before + "h" + before + "eq" + after;
  }
  object += "e";
  const std::string bytes = file_of(Format::kZip, {object, {{"0", ramp(2)}}});
  EXPECT_TRUE(throws<FormatError>([&] { read(bytes); }, {"more than 1048576 objects"}));
  // A list of 1000 items that is made a dictionary again and again.
  const std::string item = pickles::list({pickles::string("a"), "N"});
  const std::string list = "](" + item + "q\x01" + pickles::repeat("h\x01", 999) + "eq\x02";
  const std::string copies =
      file_of(Format::kZip, {list + pickles::repeat("ccollections\nOrderedDict\nh\x02\x85R\x86", 1000), {}});
  EXPECT_TRUE(throws<FormatError>([&] { read(copies); }, {"more than 1048576 objects"}));
}

// What only one format has.

struct BadFile {
  std::string name;
  std::string bytes;
  std::string problem;
};

class InvalidTorchFile : public ::testing::TestWithParam<BadFile> {};

TEST_P(InvalidTorchFile, IsRefused) {
  EXPECT_TRUE(throws<FormatError>([&] { read(GetParam().bytes); }, {"folder/file.pt", GetParam().problem}));
}

const std::string kPickle = pickles::file(with_w(tensor_of_two("0")));
const torch_files::Storages kStorages = {{"0", ramp(2)}};

std::string zip_of(const std::vector<glow::testing::ZipMember>& members) { return glow::testing::zip_archive(members); }

/// A zip whose storages 0 and 1 are the same bytes.
std::string overlapping_zip() {
  using namespace glow::testing;
  const ZipMember pickle =
      zip_stored("name/data.pkl", pickles::file(torch_files::tuple({tensor_of_two("0"), tensor_of_two("1")})));
  // The header of 1 lies in what the directory has as the bytes of 0.
  const ZipMember inner = zip_stored("name/data/1", ramp(2));
  const ZipMember outer = zip_stored("name/data/0", zip_local_header(inner) + inner.stored);
  const std::string start = zip_local_header(pickle) + pickle.stored;
  const std::string bytes = start + zip_local_header(outer) + outer.stored;
  const std::string directory =
      zip_directory_header(pickle, 0, pickle.stored.size()) +
      zip_directory_header(outer, start.size(), outer.stored.size()) +
      zip_directory_header(inner, start.size() + zip_local_header(outer).size(), inner.stored.size());
  return bytes + directory + zip_end(bytes.size(), directory.size(), 3);
}

INSTANTIATE_TEST_SUITE_P(
    Zip, InvalidTorchFile,
    ::testing::Values(
        BadFile{"BigEndian", torch_files::zip_file(kPickle, kStorages, {zip_stored("name/byteorder", "big")}),
                "expected little-endian numbers, has the byte order \"big\""},
        BadFile{"WithoutPickle", zip_of({zip_stored("name/data/0", ramp(2))}), "expected a file of torch.save"},
        BadFile{"NoTorchFile", zip_of({zip_stored("a.npy", "")}), "expected a file of torch.save, is an .npz file"},
        BadFile{"TwoPickles", zip_of({zip_stored("a/data.pkl", kPickle), zip_stored("b/data.pkl", kPickle)}),
                "expected one data.pkl, has \"a\" and \"b\""},
        BadFile{"DeflatedPickle", zip_of({zip_deflated("name/data.pkl", kPickle)}), "is compressed"},
        BadFile{"DeflatedStorage", zip_of({zip_stored("name/data.pkl", kPickle), zip_deflated("name/data/0", ramp(2))}),
                "\"name/data/0\" is compressed"},
        BadFile{"BytesAfterThePickle", torch_files::zip_file(kPickle + "N", kStorages), "bytes follow the end"},
        BadFile{"MissingStorage", torch_files::zip_file(kPickle, {}), "has no numbers of the storage \"0\""},
        BadFile{"StorageTwice", torch_files::zip_file(kPickle, {{"0", ramp(2)}, {"0", ramp(2)}}), "twice"},
        BadFile{"SharedBytes", overlapping_zip(), "\"name/data/1\" overlaps \"name/data/0\""}),
    kObjectName);

std::string old_with(std::string torch_files::OldFile::*part, const std::string& value) {
  torch_files::OldFile file = torch_files::old_file(kPickle, kStorages);
  file.*part = value;
  return file.bytes();
}

std::string machine(const std::string& little_endian) { return pickles::dict({{"little_endian", little_endian}}); }

using Old = torch_files::OldFile;

INSTANTIATE_TEST_SUITE_P(
    Old, InvalidTorchFile,
    ::testing::Values(
        BadFile{"Empty", "", "expected a file of torch.save, is an empty file"},
        BadFile{"PlainPickle", kPickle, "expected a file of torch.save, is a pickle"},
        BadFile{"OtherVersion", old_with(&Old::version, pickles::file(pickles::integer(1002))), "version 1001"},
        BadFile{"VersionIsText", old_with(&Old::version, pickles::file(pickles::string("1001"))), "version 1001"},
        BadFile{"BigEndian", old_with(&Old::machine, machine("\x89")), "has big-endian ones"},
        BadFile{"WithoutByteOrder", old_with(&Old::machine, pickles::dict({})), "does not say whether"},
        BadFile{"ByteOrderIsANumber", old_with(&Old::machine, machine("K\x01")), "does not say whether"},
        BadFile{"MachineIsAList", old_with(&Old::machine, pickles::file("]")), "does not say whether"},
        BadFile{"CodeInTheMachine", old_with(&Old::machine, machine("cos\nsystem\n")), "has \"os.system\""},
        BadFile{"CodeInTheKeys", old_with(&Old::keys, pickles::file("cos\nsystem\n")), "has \"os.system\""},
        BadFile{"KeysAreADictionary", old_with(&Old::keys, pickles::file("}")), "the list of its storages"},
        BadFile{"KeyIsANumber", old_with(&Old::keys, pickles::file(pickles::integers({0}))), "each storage"},
        BadFile{"UnknownKey", old_with(&Old::keys, pickles::file(pickles::strings({"7"}))), "once, has \"7\""},
        BadFile{"KeyTwice", torch_files::old_file(kPickle, {{"0", ramp(2)}, {"0", ramp(2)}}).bytes(),
                "once, has \"0\""},
        BadFile{"MissingKey", torch_files::old_file(kPickle, {}).bytes(), "has no numbers of the storage \"0\""},
        BadFile{"NegativeElements", old_with(&Old::storages, torch_files::old_storage(~std::uint64_t{0}, ramp(2))),
                "expected 2 elements in its storage \"0\", has 18446744073709551615"},
        BadFile{"BytesAtTheEnd", torch_files::old_file(kPickle, kStorages).bytes() + "x", "1 bytes follow the last"}),
    kObjectName);

}  // namespace
}  // namespace glow::io::torch_file_test
