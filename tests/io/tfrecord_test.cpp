#include "io/tfrecord.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/tfrecord.h"
#include "support/throws.h"

namespace glow::io::tfrecord_test {
namespace {

using glow::testing::example_record;
using glow::testing::get;
using glow::testing::little_endian;
using glow::testing::masked_checksum;
using glow::testing::proto_bytes;
using glow::testing::proto_entry;
using glow::testing::proto_integers;
using glow::testing::proto_strings;
using glow::testing::proto_varint;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::tfrecord;
using glow::testing::throws;

std::string text(const Image& image) { return {image.pixels.begin(), image.pixels.end()}; }

std::string entries(const std::vector<std::int64_t>& shape, const std::string& data) {
  return proto_integers("shape", shape) + proto_strings("data", {data});
}

// Made with Google's protobuf and google_crc32c for Python.
TEST(TfRecord, ReadsARecordOfOtherPrograms) {
  const ImageRecords file(std::filesystem::path(GLOW_TEST_FIXTURES) / "../../fuzz/corpus/tfrecord/features");
  ASSERT_EQ(file.records().size(), 1u);
  EXPECT_EQ(file.records()[0].shape, (ImageShape{2, 1, 3}));
  EXPECT_EQ(file.records()[0].label, 300);
  EXPECT_EQ(file.records()[0].length, 0x7au);
  EXPECT_EQ(file.read(0).shape, (ImageShape{2, 1, 3}));
  EXPECT_EQ(text(file.read(0)), "\x01\x02\x03\x04\x05\x06");
}

TEST(TfRecord, ChecksumsAreThoseOfTensorflow) {
  // The first bytes of every event file of TensorBoard.
  const std::string length = little_endian(24, 8);
  EXPECT_EQ(masked_checksum(length), "\xa3\x7fK\"");
}

TEST(TfRecord, ReadsRecordsInTheirOrder) {
  const TemporaryDirectory directory;
  const std::string first = example_record(entries({1, 2, 3}, "abcdef") + proto_integers("label", {7}));
  put(directory / "file", first + example_record(entries({2, 2, 1}, "ghij")));
  const ImageRecords file(directory / "file");
  ASSERT_EQ(file.records().size(), 2u);
  EXPECT_EQ(file.records()[0].offset, 0u);
  EXPECT_EQ(file.records()[1].offset, first.size());
  EXPECT_EQ(file.records()[0].label, 7);
  EXPECT_EQ(file.records()[1].label, ImageRecord::kNoLabel);
  EXPECT_EQ(text(file.read(0)), "abcdef");
  EXPECT_EQ(file.read(1).shape, (ImageShape{2, 2, 1}));
  EXPECT_EQ(text(file.read(1)), "ghij");
  put(directory / "empty", "");
  EXPECT_TRUE(ImageRecords(directory / "empty").records().empty());
}

struct Example {
  std::string name;
  std::string message;
  std::string reason;
};

std::string name_of(const ::testing::TestParamInfo<Example>& test) { return test.param.name; }

class ValidExample : public ::testing::TestWithParam<Example> {};

TEST_P(ValidExample, IsReadAsSixBytes) {
  const TemporaryDirectory directory;
  put(directory / "file", tfrecord(GetParam().message));
  const ImageRecords file(directory / "file");
  EXPECT_EQ(file.records().at(0).shape, (ImageShape{1, 2, 3}));
  EXPECT_EQ(text(file.read(0)), "abcdef");
}

const std::string kShape = proto_integers("shape", {1, 2, 3});
const std::string kData = proto_strings("data", {"abcdef"});
/// Three fields of type varint.
const std::string kUnpacked = std::string("\x08\x01\x08\x02\x08\x03", 6);

std::string message(const std::string& features) { return proto_bytes(1, features); }

INSTANTIATE_TEST_SUITE_P(
    TfRecord, ValidExample,
    ::testing::Values(
        Example{"ShapeFirst", message(kShape + kData), ""}, Example{"DataFirst", message(kData + kShape), ""},
        Example{"Unpacked", message(kData + proto_entry("shape", proto_bytes(3, kUnpacked))), ""},
        Example{"PartlyPacked",
                message(kData + proto_entry("shape", proto_bytes(3, "\x08\x01" + proto_bytes(1, "\x02\x03")))), ""},
        Example{"ValueBeforeName",
                message(kShape + proto_bytes(1, proto_bytes(2, proto_bytes(1, proto_bytes(1, "abcdef"))) +
                                                    proto_bytes(1, "data"))),
                ""},
        Example{"OtherFeatures",
                message(proto_strings("", {"?"}) + proto_strings("xyz", {"a", "b"}) + kShape + kData +
                        proto_integers("attr", std::vector<std::int64_t>(40, -1)) +
                        proto_entry("weights", proto_bytes(2, proto_bytes(1, "1234"))) + proto_entry("none", "")),
                ""},
        Example{"FieldsOfOtherTypes",
                message(kShape + kData) + "\x11"
                                          "12345678"
                                          "\x1d"
                                          "1234"
                                          "\x20\x05",
                ""},
        Example{"LastSevenBytesOfAVarint", message(kShape + kData) + "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                ""}),
    name_of);

class InvalidExample : public ::testing::TestWithParam<Example> {};

TEST_P(InvalidExample, IsRefused) {
  const TemporaryDirectory directory;
  put(directory / "file", example_record(kShape + kData) + tfrecord(GetParam().message));
  EXPECT_TRUE(throws<FormatError>([&] { ImageRecords file(directory / "file"); },
                                  {(directory / "file").string() + ": record 1: ", GetParam().reason}));
}

std::string label(const std::vector<std::int64_t>& values) {
  return message(kShape + kData + proto_integers("label", values));
}

INSTANTIATE_TEST_SUITE_P(
    Feature, InvalidExample,
    ::testing::Values(
        Example{"NoFeatures", "", "the feature \"shape\" is missing"},
        Example{"NoShape", message(kData), "the feature \"shape\" is missing"},
        Example{"NoData", message(kShape), "the feature \"data\" is missing"},
        Example{"TwoShapes", message(kShape + kData + kShape), "\"shape\" appears twice"},
        Example{"TwoStrings", message(kShape + proto_strings("data", {"abcdef", "abcdef"})), "several values"},
        Example{"NoString", message(kShape + proto_strings("data", {})), "\"data\" has 0 values, expected 1"},
        Example{"DataOfIntegers", message(kShape + proto_integers("data", {1})), "\"data\" is not one bytes_list"},
        Example{"StringInWrongField", message(kShape + proto_entry("data", proto_bytes(1, proto_bytes(2, "abcdef")))),
                "\"data\" is not a list of strings"},
        Example{"StringOfWrongType", message(kShape + proto_entry("data", proto_bytes(1, "\x08\x01"))),
                "a string of a feature has protobuf type 0, expected 2"},
        Example{"TwoDimensions", message(proto_integers("shape", {2, 3}) + kData), "has 2 values, expected 3"},
        Example{"FourDimensions", message(proto_integers("shape", {1, 1, 2, 3}) + kData), "has 4 values, expected 3"},
        Example{"ShapeOfFloats", message(proto_entry("shape", proto_bytes(2, "")) + kData),
                "\"shape\" is not one int64_list"},
        Example{"EmptyFeature", message(proto_entry("shape", "") + kData), "\"shape\" is not one int64_list"},
        Example{"FixedIntegers",
                message(proto_entry("shape", proto_bytes(3,
                                                         "\x0d"
                                                         "1234")) +
                        kData),
                "\"shape\" is not a list of integers"},
        Example{"TwoLabels", label({1, 2}), "\"label\" has 2 values, expected 1"},
        Example{"NegativeLabel", label({-2}), "label -2, expected -1 to 2147483647"},
        Example{"HugeLabel", label({2147483648}), "label 2147483648, expected -1 to 2147483647"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Shape, InvalidExample,
    ::testing::Values(
        Example{"TooFewBytes", message(entries({1, 2, 3}, "abcde")), "data of shape [1,2,3], found 5 bytes"},
        Example{"TooManyBytes", message(entries({1, 2, 3}, "abcdefg")), "data of shape [1,2,3], found 7 bytes"},
        Example{"Zero", message(entries({1, 0, 3}, "")), "data of shape [1,0,3], found 0 bytes"},
        Example{"Negative", message(entries({-1, -2, 3}, "abcdef")), "data of shape [-1,-2,3], found 6 bytes"},
        Example{"Overflow", message(entries({std::int64_t{1} << 62, 1, 4}, "")), "found 0 bytes"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Protobuf, InvalidExample,
    ::testing::Values(
        Example{"FieldBeyondTheMessage", std::string("\x0a\x05") + "abc", "has 5 bytes, expected at most 3"},
        Example{"HugeField", "\x0a" + proto_varint(~std::uint64_t{0}), "expected at most 0"},
        Example{"NestedBeyond", message(std::string("\x0a\x7f", 2)) + std::string(200, 'x'), "expected at most 0"},
        Example{"FixedBeyond",
                message(kShape + kData) + "\x11"
                                          "1234567",
                "has 8 bytes, expected at most 7"},
        Example{"OpenVarint", "\x80", "cut off"},
        Example{"VarintOf65Bits", "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "above 64 bits"},
        Example{"VarintOf11Bytes", "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x01", "above 64 bits"},
        Example{"Group", "\x0b", "type 3, expected 0, 1, 2 or 5"},
        Example{"FieldZero", std::string("\x02\x00", 2), "invalid number"},
        Example{"FeaturesOfWrongType", "\x08\x01", "tf.Example.features has protobuf type 0, expected 2"},
        Example{"EntryOfWrongType", message("\x08\x01"), "protobuf type 0, expected 2"},
        Example{"NameOfWrongType", message(proto_bytes(1, "\x08\x01")), "a feature's name has protobuf type 0"},
        Example{"ValueOfWrongType", message(proto_bytes(1, "\x10\x01")), "a feature's value has protobuf type 0"}),
    name_of);

struct Framing {
  std::string name;
  std::string bytes;
  std::string reason;
};

class InvalidFraming : public ::testing::TestWithParam<Framing> {};

TEST_P(InvalidFraming, IsRefused) {
  const TemporaryDirectory directory;
  put(directory / "file", example_record(kShape + kData) + GetParam().bytes);
  EXPECT_TRUE(throws<FormatError>([&] { ImageRecords file(directory / "file"); },
                                  {(directory / "file").string() + ": record 1: ", GetParam().reason}));
}

std::string of_length(std::uint64_t length) {
  return little_endian(length, 8) + masked_checksum(little_endian(length, 8));
}

INSTANTIATE_TEST_SUITE_P(
    TfRecord, InvalidFraming,
    ::testing::Values(Framing{"OneByte", "x", "expected a length and its checksum, found 1 bytes"},
                      Framing{"WithoutChecksum", of_length(0).substr(0, 11), "found 11 bytes"},
                      Framing{"WrongChecksum", little_endian(0, 8) + std::string(8, '\0'),
                              "the checksum of the length is wrong"},
                      Framing{"WithoutMessage", of_length(0), "expected 4 bytes after the length, found 0"},
                      Framing{"Truncated", of_length(9) + std::string(12, 'x'), "expected 13 bytes after the length"},
                      Framing{"TwoGigabytes", of_length(1u << 31), "expected less than 2 GiB"},
                      Framing{"Huge", of_length(~std::uint64_t{0}), "18446744073709551615 bytes"}),
    [](const auto& test) { return test.param.name; });

TEST(TfRecord, ChecksTheContentWhenARecordIsRead) {
  const TemporaryDirectory directory;
  std::string bytes = example_record(kShape + kData) + example_record(kData + kShape);
  bytes[bytes.rfind("abcdef")] = 'A';
  put(directory / "file", bytes);
  const ImageRecords file(directory / "file");
  EXPECT_EQ(text(file.read(0)), "abcdef");
  EXPECT_TRUE(throws<FormatError>([&] { file.read(1); }, {(directory / "file").string() + ": record 1: ", "checksum"}));
}

TEST(TfRecord, FailsWhenTheFileIsShortened) {
  const TemporaryDirectory directory;
  put(directory / "file", example_record(kShape + kData));
  const ImageRecords file(directory / "file");
  std::filesystem::resize_file(directory / "file", 40);
  EXPECT_TRUE(throws<IoError>([&] { file.read(0); }, {(directory / "file").string()}));
}

/// The number of bytes that this process has read.
std::uint64_t bytes_read() {
  std::ifstream counters("/proc/self/io");
  std::string name;
  std::uint64_t value = 0;
  counters >> name >> value;
  return value;
}

TEST(TfRecord, DoesNotReadThePixelsForTheIndex) {
  if (bytes_read() == 0) GTEST_SKIP() << "/proc/self/io is missing";
  const TemporaryDirectory directory;
  constexpr int kSide = 2048;
  const std::string pixels(std::size_t{kSide} * kSide, '\x5a');
  put(directory / "file", example_record(proto_strings("data", {pixels}) + proto_integers("shape", {kSide, kSide, 1})) +
                              example_record(kShape + kData));
  const std::uint64_t before = bytes_read();
  const ImageRecords file(directory / "file");
  EXPECT_LT(bytes_read() - before, 32768u);
  ASSERT_EQ(file.records().size(), 2u);
  EXPECT_EQ(file.records()[0].shape, (ImageShape{kSide, kSide, 1}));
  EXPECT_EQ(text(file.read(1)), "abcdef");
}

}  // namespace
}  // namespace glow::io::tfrecord_test
