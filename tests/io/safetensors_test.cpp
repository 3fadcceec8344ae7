#include <glow/io/safetensors.h>

#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "io/digest.h"
#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::io::safetensors_test {
namespace {

using glow::testing::count_files;
using glow::testing::get;
using glow::testing::little_endian;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

/// The bytes of a safetensors file with any JSON and any data.
std::string raw_file(const std::string& json, const std::string& data) {
  return little_endian(json.size(), 8) + json + data;
}

TensorEntry tensor(const std::string& name, const std::string& dtype, const std::vector<std::int64_t>& shape,
                   std::string_view data) {
  return {.name = name, .dtype = dtype, .shape = shape, .data = data};
}

std::string sha256_of(std::string_view bytes) {
  Sha256 sha256;
  sha256.update(bytes);
  return sha256.hex_digest();
}

class Safetensors : public ::testing::Test {
 protected:
  ::testing::AssertionResult refuses(const std::string& bytes, std::initializer_list<std::string_view> parts) const {
    put(path_, bytes);
    return throws<FormatError>([&] { SafetensorsReader reader(path_); }, parts);
  }
  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "file.safetensors";
};

using SafetensorsFile = Safetensors;
using SafetensorsChecksum = Safetensors;

TEST_F(SafetensorsFile, RoundTripPreservesTensorsAndMetadata) {
  const Metadata metadata = {{"format", "glow"}, {"odd \"key\"\n", "any text: \xc3\xa9 \\ \t"}};
  const std::vector<TensorEntry> entries = {tensor("z.matrix", "F32", {2, 3}, "abcdefghijklmnopqrstuvwx"),
                                            tensor("a.scalar", "U8", {}, "!"), tensor("a.empty", "F64", {3, 0, 5}, ""),
                                            tensor("indices", "I64", {1}, "12345678")};
  const std::string checksum = write_safetensors(path_, metadata, entries);

  const SafetensorsReader reader(path_);
  reader.verify_checksum();
  Metadata expected = metadata;
  expected[kChecksumKey] = checksum;
  EXPECT_EQ(reader.metadata(), expected);
  EXPECT_EQ(reader.path(), path_);
  ASSERT_EQ(reader.entries().size(), entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const TensorEntry& seen = reader.entries()[i];
    EXPECT_EQ(std::tie(seen.name, seen.dtype, seen.shape, seen.data),
              std::tie(entries[i].name, entries[i].dtype, entries[i].shape, entries[i].data));
  }
}

TEST_F(SafetensorsFile, PiecewiseWritingGivesTheSameFile) {
  const Metadata metadata = {{"k", "v"}};
  const std::vector<TensorEntry> entries = {tensor("a", "I64", {1}, "12345678"), tensor("b", "F32", {2}, "abcdefgh"),
                                            tensor("c", "U8", {0}, "")};
  const auto checksum = write_safetensors(path_, metadata, entries);
  const auto pieces = directory_ / "pieces.safetensors";
  SafetensorsWriter writer(pieces, metadata, entries);
  writer.write(1, "abc");
  writer.write(0, "1234567");
  writer.write(1, "defgh");
  writer.write(0, "8");
  EXPECT_FALSE(std::filesystem::exists(pieces));
  EXPECT_EQ(writer.finish(), checksum);
  EXPECT_EQ(get(pieces), get(path_));
}

TEST_F(SafetensorsFile, RefusesTooManyOrTooFewBytes) {
  {
    SafetensorsWriter writer(path_, {}, {tensor("a", "U8", {4}, ""), tensor("b", "U8", {4}, "")});
    writer.write(0, "abc");
    writer.write(1, "abcd");
    EXPECT_TRUE(throws<FormatError>([&] { writer.write(0, "de"); }, {path_.string(), "\"a\"", "5 bytes", "[4]"}));
    EXPECT_TRUE(throws<FormatError>([&] { writer.finish(); }, {path_.string(), "\"a\"", "3 bytes", "[4]"}));
  }
  EXPECT_EQ(count_files(directory_.path()), 0u);
}

TEST_F(SafetensorsFile, WritesAFileWithoutTensors) {
  write_safetensors(path_, {}, {});
  const SafetensorsReader reader(path_);
  reader.verify_checksum();
  EXPECT_TRUE(reader.entries().empty());
}

TEST_F(SafetensorsFile, AlignsTheData) {
  for (const std::string name : {"a", "ab", "abc", "abcd", "abcde"}) {
    write_safetensors(path_, {}, {tensor(name, "F64", {1}, "12345678")});
    EXPECT_EQ(get(path_).find("12345678") % 8, 0) << name;
  }
}

TEST_F(SafetensorsFile, WriterRefusesAFileThatTheReaderRefuses) {
  put(path_, "old");
  const auto write = [&](const std::vector<TensorEntry>& entries) {
    return [this, entries] { write_safetensors(path_, {}, entries); };
  };
  EXPECT_TRUE(throws<FormatError>(write({tensor("short", "F32", {2}, "abc")}), {path_.string(), "\"short\"", "[2]"}));
  EXPECT_TRUE(throws<FormatError>(write({tensor("t", "F31", {}, "abc")}), {"\"t\"", "\"F31\""}));
  EXPECT_TRUE(throws<FormatError>(write({tensor("t", "U8", {-1, -3}, "abc")}), {"\"t\"", "[-1,-3]"}));
  EXPECT_TRUE(throws<FormatError>(write({tensor("t", "U8", {}, "a"), tensor("t", "U8", {}, "b")}),
                                  {"\"t\": the name is already used"}));
  EXPECT_TRUE(throws<FormatError>(write({tensor("__metadata__", "U8", {}, "a")}), {"the name is already used"}));
  EXPECT_TRUE(throws<FormatError>(write({tensor("\xff", "U8", {}, "a")}), {"not UTF-8"}));
  EXPECT_TRUE(throws<FormatError>([&] { write_safetensors(path_, {{"key", "\xff"}}, {}); }, {"not UTF-8"}));
  EXPECT_EQ(get(path_), "old");
  EXPECT_EQ(count_files(directory_.path()), 1);
}

TEST_F(SafetensorsChecksum, IsTheDigestOfTheFileWithZeroedDigits) {
  // A value that looks like the key, and a name that is the key, must not mislead the writer.
  const std::string decoy = "\"glow.checksum\":\"" + std::string(64, '0') + "\"";
  const std::string checksum =
      write_safetensors(path_, {{"a decoy", decoy}, {kChecksumKey, "old"}}, {tensor(kChecksumKey, "U8", {3}, "abc")});
  std::string bytes = get(path_);
  const std::size_t position = bytes.find(checksum);
  ASSERT_NE(position, std::string::npos);
  bytes.replace(position, checksum.size(), std::string(64, '0'));
  EXPECT_EQ(sha256_of(bytes), checksum);
  SafetensorsReader(path_).verify_checksum();
}

TEST_F(SafetensorsChecksum, DetectsEveryFlippedBit) {
  write_safetensors(path_, {{"k", "v"}}, {tensor("t", "F32", {2}, "abcdefgh")});
  const std::string whole = get(path_);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] ^= static_cast<char>(1 << i % 8);
    put(path_, damaged);
    EXPECT_THROW(SafetensorsReader(path_).verify_checksum(), FormatError) << "byte " << i;
  }
}

TEST_F(SafetensorsChecksum, ErrorsNameTheDefect) {
  const auto verify = [this](const std::string& metadata) {
    put(path_, raw_file("{\"__metadata__\":" + metadata + "}", ""));
    return [this] { SafetensorsReader(path_).verify_checksum(); };
  };
  const std::string digits(64, 'a');
  EXPECT_TRUE(throws<FormatError>(verify("{}"), {path_.string(), "\"glow.checksum\""}));
  EXPECT_TRUE(throws<FormatError>(verify("{\"glow.checksum\":\"abc\"}"), {path_.string(), "not 64 lower-case"}));
  EXPECT_TRUE(
      throws<FormatError>(verify("{\"glow.checksum\":\"" + std::string(64, 'A') + "\"}"), {"not 64 lower-case"}));
  EXPECT_TRUE(throws<FormatError>(verify("{\"glow.checksum\":\"" + digits + "\"}"),
                                  {"its checksum, glow.checksum, is not that of its content"}));
  EXPECT_TRUE(throws<FormatError>(verify("{\"glow.checksum\":\"" + digits + "\",\"copy\":\"" + digits + "\"}"),
                                  {"does not appear in the header exactly once"}));
  EXPECT_TRUE(throws<FormatError>(verify("{\"glow.checksum\":\"\\u0061" + digits.substr(1) + "\"}"),
                                  {"does not appear in the header exactly once"}));
}

TEST_F(Safetensors, ReadsAFileOfAnotherWriter) {
  // Names in any order, spaces anywhere, no metadata; an empty tensor between two others.
  put(path_, raw_file(R"({ "b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
                           "a":{"data_offsets":[2,4],"shape":[1,1],"dtype":"F16"},
                           "c":{"dtype":"F32","shape":[0],"data_offsets":[2,2]} }   )",
                      "bbaa"));
  const SafetensorsReader reader(path_);
  ASSERT_EQ(reader.entries().size(), 3);
  EXPECT_EQ(reader.entries()[0].name, "b");
  EXPECT_EQ(reader.entries()[1].name, "c");
  EXPECT_EQ(reader.entries()[2].name, "a");
  EXPECT_EQ(reader.entries()[2].data, "aa");
  EXPECT_TRUE(reader.metadata().empty());
}

TEST_F(Safetensors, NamesTheMissingMetadata) {
  put(path_, raw_file(R"({"__metadata__":{"format":"pt"}})", ""));
  const SafetensorsReader reader(path_);
  EXPECT_EQ(reader.metadata_value("format"), "pt");
  EXPECT_TRUE(throws<FormatError>([&] { reader.metadata_value("glow.config"); }, {path_.string(), "\"glow.config\""}));
}

TEST_F(Safetensors, RefusesEveryTruncation) {
  write_safetensors(path_, {}, {tensor("t", "F32", {2}, "abcdefgh")});
  const std::string whole = get(path_);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_TRUE(refuses(whole.substr(0, length), {})) << length;
  }
  EXPECT_TRUE(refuses(whole.substr(0, 7), {"expected a safetensors file, is not one"}));
  EXPECT_TRUE(refuses(whole.substr(0, 20), {"truncated", "in a file of 20"}));
  EXPECT_TRUE(
      refuses(whole.substr(0, whole.size() - 1), {"truncated", "tensor \"t\" ends at offset 8, the data at 7"}));
}

TEST_F(Safetensors, RefusesAHeaderLengthBeyondTheFile) {
  EXPECT_TRUE(refuses(little_endian(std::uint64_t{1} << 63, 8) + "{}", {"expected a safetensors file, is not one"}));
  EXPECT_TRUE(refuses(little_endian(~std::uint64_t{0}, 8) + "{}", {"expected a safetensors file, is not one"}));
  EXPECT_TRUE(refuses(little_endian(100'000'001, 8) + "{}", {"expected a safetensors file, is not one"}));
  EXPECT_TRUE(refuses(little_endian(100'000'000, 8) + "{}", {"truncated"}));
}

TEST_F(Safetensors, RefusesDeepNesting) {
  const std::string deep(1'000'000, '[');
  EXPECT_TRUE(refuses(raw_file("{\"t\":" + deep, ""), {"nested too deeply"}));
  EXPECT_TRUE(refuses(raw_file("{\"t\":{\"shape\":[[1]]}}", ""), {"nested too deeply"}));
}

struct BadHeader {
  std::string name;
  std::string json;
  std::string reason;
};

class InvalidSafetensors : public ::testing::TestWithParam<BadHeader> {};

/// The data are the eight bytes "abcdefgh".
TEST_P(InvalidSafetensors, IsRefused) {
  const TemporaryDirectory directory;
  put(directory / "file", raw_file(GetParam().json, "abcdefgh"));
  EXPECT_TRUE(throws<FormatError>([&] { SafetensorsReader reader(directory / "file"); },
                                  {(directory / "file").string() + ": ", GetParam().reason}));
}

/// A header with one tensor, "t".
BadHeader one_tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                     const std::string& offsets, const std::string& reason) {
  return {name, R"({"t":{"dtype":)" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}",
          "tensor \"t\"" + reason};
}

/// A header with two tensors of bytes, "a" and "b", at these offsets.
BadHeader two_tensors(const std::string& name, std::pair<int, int> a, std::pair<int, int> b,
                      const std::string& reason) {
  const auto entry = [](const std::pair<int, int>& at) {
    return R"({"dtype":"U8","shape":[)" + std::to_string(at.second - at.first) + R"(],"data_offsets":[)" +
           std::to_string(at.first) + "," + std::to_string(at.second) + "]}";
  };
  return {name, R"({"b":)" + entry(b) + R"(,"a":)" + entry(a) + "}", reason};
}

INSTANTIATE_TEST_SUITE_P(
    Shape, InvalidSafetensors,
    ::testing::Values(
        one_tensor("TooSmall", "\"F32\"", "[3]", "[0,8]", ": F32 [3] takes 12 bytes, but data_offsets span 8"),
        one_tensor("TooLarge", "\"U8\"", "[7]", "[0,8]", ": U8 [7] takes 7 bytes, but data_offsets span 8"),
        one_tensor("NotEmpty", "\"U8\"", "[0]", "[0,8]", ": U8 [0] takes 0 bytes"),
        one_tensor("Overflow", "\"F32\"", "[4611686018427387904]", "[0,8]",
                   ": F32 [4611686018427387904] is larger than any file"),
        one_tensor("OverflowToMatchingSize", "\"U8\"", "[4294967296,4294967296,8]", "[0,8]",
                   ": U8 [4294967296,4294967296,8] is larger than any file"),
        one_tensor("OverflowOfStrides", "\"U8\"", "[4611686018427387904,4,0]", "[0,0]",
                   ": U8 [4611686018427387904,4,0] is larger than any file"),
        one_tensor("BeyondInt64", "\"U8\"", "[9223372036854775808]", "[0,8]", ": shape holds something"),
        one_tensor("BeyondUint64", "\"U8\"", "[18446744073709551616]", "[0,8]", ": shape holds something"),
        one_tensor("Negative", "\"U8\"", "[-2,-4]", "[0,8]", ": shape holds something"),
        one_tensor("Fraction", "\"U8\"", "[8.0]", "[0,8]", ": shape holds something"),
        one_tensor("Text", "\"U8\"", "[\"8\"]", "[0,8]", ": shape holds something"),
        one_tensor("Boolean", "\"U8\"", "[8,true]", "[0,8]", ": shape holds something"),
        one_tensor("ShapeNotAnArray", "\"U8\"", "8", "[0,8]", ": shape is not an array")),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(Dtype, InvalidSafetensors,
                         ::testing::Values(one_tensor("Unknown", "\"F31\"", "[8]", "[0,8]", ": unknown dtype \"F31\""),
                                           one_tensor("Empty", "\"\"", "[8]", "[0,8]", ": unknown dtype \"\""),
                                           one_tensor("LowerCase", "\"u8\"", "[8]", "[0,8]", ": unknown dtype"),
                                           one_tensor("Long", "\"" + std::string(100'000, 'x') + "\"", "[8]", "[0,8]",
                                                      ": unknown dtype \"" + std::string(120, 'x') + "...\""),
                                           one_tensor("Number", "8", "[8]", "[0,8]", ": dtype is not a string")),
                         [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Offsets, InvalidSafetensors,
    ::testing::Values(
        two_tensors("Overlap", {0, 5}, {4, 8}, "tensor \"b\" begins at offset 4, inside another that ends at 5"),
        two_tensors("SameBytes", {0, 8}, {0, 8}, "tensor \"b\" begins at offset 0, inside"),
        two_tensors("EmptyInside", {0, 8}, {4, 4}, "tensor \"b\" begins at offset 4, inside"),
        two_tensors("Hole", {0, 3}, {4, 8}, "tensor \"b\" begins at offset 4, leaving a hole after 3"),
        two_tensors("HoleAtTheStart", {4, 8}, {1, 4}, "tensor \"b\" begins at offset 1, leaving a hole after 0"),
        two_tensors("TrailingBytes", {0, 3}, {3, 7}, "1 bytes follow the last tensor"),
        two_tensors("BeyondTheEnd", {0, 3}, {3, 9}, "tensor \"b\" ends at offset 9, the data at 8"),
        one_tensor("FarBeyondTheEnd", "\"U8\"", "[9223372036854775807]", "[0,9223372036854775807]",
                   " ends at offset 9223372036854775807, the data at 8"),
        one_tensor("Backwards", "\"U8\"", "[8]", "[8,0]", ": data_offsets are not [begin, end]"),
        one_tensor("Three", "\"U8\"", "[8]", "[0,8,8]", ": data_offsets are not [begin, end]"),
        one_tensor("None", "\"U8\"", "[8]", "[]", ": data_offsets are not [begin, end]"),
        one_tensor("Negative", "\"U8\"", "[8]", "[-8,0]", ": data_offsets holds something")),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Json, InvalidSafetensors,
    ::testing::Values(
        BadHeader{"Empty", "", "expected a safetensors file, is not one"},
        BadHeader{"Array", "[]", "expected a safetensors file, is not one"},
        BadHeader{"LeadingSpace", " {}", "expected a safetensors file, is not one"},
        BadHeader{"Unclosed", "{", "is not JSON"}, BadHeader{"TwoJsonValues", "{}{}", "is not JSON"},
        BadHeader{"TrailingNul", std::string("{}\0", 3), "a NUL byte"}, BadHeader{"Comment", "{/* */}", "is not JSON"},
        BadHeader{"NotUtf8", "{\"\xff\":1}", "is not JSON"},
        BadHeader{"HugeNumber", R"({"t":1e999})", "a number in the header is too large"},
        BadHeader{"ControlCharactersInName", "{\"a\\n\\u001b\":1}", R"(tensor "a\n\u001b": is not an object)"},
        BadHeader{"TensorNotAnObject", R"({"t":[]})", "tensor \"t\": is not an object"},
        BadHeader{"MissingDtype", R"({"t":{"shape":[8],"data_offsets":[0,8]}})", "tensor \"t\": dtype is missing"},
        BadHeader{"MissingShape", R"({"t":{"dtype":"U8","data_offsets":[0,8]}})", "tensor \"t\": shape is missing"},
        BadHeader{"MissingOffsets", R"({"t":{"dtype":"U8","shape":[8]}})", "tensor \"t\": data_offsets is missing"},
        BadHeader{"UnknownKey", R"({"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"x":1}})", "has other keys"},
        BadHeader{"DuplicateTensor", R"({"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},
                                     "t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
                  "the key \"t\" appears twice"},
        BadHeader{"DuplicateTensorByEscape", R"({"t":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"\u0074":{}})",
                  "the key \"t\" appears twice"},
        BadHeader{"DuplicateShape", R"({"t":{"dtype":"U8","shape":[8],"shape":[8],"data_offsets":[0,8]}})",
                  "the key \"shape\" appears twice"},
        BadHeader{"DuplicateMetadata", R"({"__metadata__":{},"__metadata__":{}})", "\"__metadata__\" appears twice"},
        BadHeader{"DuplicateMetadataKey", R"({"__metadata__":{"k":"v","k":"v"}})", "the key \"k\" appears twice"},
        BadHeader{"MetadataNumber", R"({"__metadata__":{"k":1}})", "the metadata of \"k\" is not a string"},
        BadHeader{"MetadataObject", R"({"__metadata__":{"k":{}}})", "the metadata of \"k\" is not a string"},
        BadHeader{"MetadataNull", R"({"__metadata__":null})", "__metadata__ is not an object"},
        BadHeader{"NoTensors", "{}", "8 bytes follow the last tensor"}),
    [](const auto& test) { return test.param.name; });

TEST(DtypeSize, IsZeroForAnUnknownDtype) {
  EXPECT_EQ(dtype_size("F64"), 8);
  EXPECT_EQ(dtype_size("F32"), 4);
  EXPECT_EQ(dtype_size("BF16"), 2);
  EXPECT_EQ(dtype_size("BOOL"), 1);
  EXPECT_EQ(dtype_size("float32"), 0);
}

}  // namespace
}  // namespace glow::io::safetensors_test
