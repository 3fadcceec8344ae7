#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/images/source.h>

#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/tfrecord.h"
#include "support/throws.h"

namespace glow::images::tfrecord_source_test {
namespace {

using glow::testing::example_record;
using glow::testing::proto_integers;
using glow::testing::proto_strings;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

using Labels = std::vector<std::int64_t>;

/// A record of an image with these bytes, one row of grey pixels.
std::string record(const std::string& pixels, std::int64_t label = -1, std::int64_t channels = 1) {
  const auto width = static_cast<std::int64_t>(pixels.size()) / channels;
  const std::string labels = label < 0 ? "" : proto_integers("label", {label});
  return example_record(proto_strings("data", {pixels}) + labels + proto_integers("shape", {1, width, channels}));
}

std::string pixels(const ImageSource& source, std::int64_t index) {
  const auto image = source.image(index);
  return {image.pixels.begin(), image.pixels.end()};
}

DataSet open(const std::filesystem::path& path, const OpenOptions& options = {}) {
  return open_data_set("tfrecord:" + path.string(), options);
}

void put_in_folders(const std::filesystem::path& file, const std::string& bytes) {
  create_directories(file.parent_path());
  put(file, bytes);
}

/// Two resolutions, two files of training images and one of validation images.
void write_set(const TemporaryDirectory& directory) {
  put_in_folders(directory / "train/train-r02-s-0000-of-0001.tfrecords", record("s", 0));
  put_in_folders(directory / "train/train-r03-s-0001-of-0002.tfrecords", record("c", 0) + record("d", 3));
  put_in_folders(directory / "train/train-r03-s-0000-of-0002.tfrecords", record("a", 1) + record("b", 0));
  put_in_folders(directory / "train/readme.txt", "");
  put_in_folders(directory / "validation/validation-r02-s-0-of-1.tfrecords", record("t", 0));
  put_in_folders(directory / "validation/validation-r03-s-0-of-1.tfrecords", record("v", 2));
}

TEST(TfrecordSource, ReadsTheFilesOfTheHighestResolutionInTheirOrder) {
  const TemporaryDirectory directory;
  write_set(directory);
  const DataSet set = open(directory.path());
  ASSERT_EQ(set.train->size(), 4);
  EXPECT_EQ(set.train->channels(), 1);
  EXPECT_EQ(set.train->common_shape(), (io::ImageShape{1, 1, 1}));
  EXPECT_EQ(pixels(*set.train, 0) + pixels(*set.train, 1) + pixels(*set.train, 2) + pixels(*set.train, 3), "abcd");
  EXPECT_EQ(set.train->name(3), "record 1 of " + (directory / "train/train-r03-s-0001-of-0002.tfrecords").string());
  ASSERT_EQ(set.valid->size(), 1);
  EXPECT_EQ(pixels(*set.valid, 0), "v");
  EXPECT_EQ(set.test, nullptr);
  EXPECT_TRUE(set.class_names.empty());
  EXPECT_EQ(set.train->label(0), -1);
}

TEST(TfrecordSource, ChoosesTheResolutionOfTheOptions) {
  const TemporaryDirectory directory;
  write_set(directory);
  EXPECT_EQ(pixels(*open(directory.path(), {.image_size = 4}).train, 0), "s");
  EXPECT_EQ(pixels(*open(directory.path(), {.image_size = 4}).valid, 0), "t");
  EXPECT_EQ(pixels(*open(directory.path(), {.image_size = 8}).train, 0), "a");
  EXPECT_TRUE(throws<ConfigError>([&] { open(directory.path(), {.image_size = 16}); },
                                  {(directory / "train").string(), "4, 8 rows, expected 16, the size of the images"}));
  std::filesystem::remove(directory / "train/train-r02-s-0000-of-0001.tfrecords");
  EXPECT_EQ(pixels(*open(directory.path(), {.image_size = 16}).train, 0), "a");  // the only one
  std::filesystem::remove(directory / "validation/validation-r03-s-0-of-1.tfrecords");
  EXPECT_TRUE(throws<FormatError>([&] { open(directory.path()); },
                                  {(directory / "validation").string() + ": ", "images of 8 rows"}));
}

TEST(TfrecordSource, NumbersTheClassesByTheirLabels) {
  const TemporaryDirectory directory;
  write_set(directory);
  const DataSet set = open(directory.path(), {.with_labels = true});
  EXPECT_EQ(set.class_names, (std::vector<std::string>{"0", "1", "2", "3"}));
  EXPECT_EQ(all_labels(*set.train), (Labels{1, 0, 0, 3}));
  EXPECT_EQ(all_labels(*set.valid), (Labels{2}));
  const auto valid = directory / "validation/validation-r03-s-0-of-1.tfrecords";
  put(valid, record("v", 2) + record("w", 4));
  EXPECT_TRUE(throws<FormatError>([&] { open(directory.path(), {.with_labels = true}); },
                                  {valid.string() + ": record 1: label 4, expected 0..3"}));
}

TEST(TfrecordSource, ReadsOneFileAndFilesWithoutSplits) {
  const TemporaryDirectory directory;
  const auto file = directory / "a-r05-s-0-of-1.tfrecords";
  put(file, record("abc", -1, 3) + record("defghi", -1, 3));
  for (const auto& path : {file, directory.path()}) {
    const DataSet set = open(path, {.with_labels = true});
    EXPECT_EQ(set.valid, nullptr);
    EXPECT_TRUE(set.class_names.empty());
    EXPECT_EQ(set.train->channels(), 3);
    EXPECT_EQ(set.train->common_shape(), std::nullopt);
    EXPECT_EQ(set.train->shape(1), (io::ImageShape{1, 2, 3}));
    EXPECT_EQ(pixels(*set.train, 1), "defghi");
  }
}

TEST(TfrecordSource, RefusesValidationImagesOfOtherChannels) {
  const TemporaryDirectory directory;
  write_set(directory);
  const auto valid = directory / "validation/validation-r03-s-0-of-1.tfrecords";
  put(valid, record("abc", -1, 3));
  EXPECT_TRUE(throws<FormatError>([&] { open(directory.path()); },
                                  {valid.string() + ": record 0: expected 1 channels", "has 3"}));
}

struct BadRecords {
  std::string name;
  std::string bytes;
  std::string reason;
};

class InvalidRecords : public ::testing::TestWithParam<BadRecords> {};

TEST_P(InvalidRecords, AreRefused) {
  const TemporaryDirectory directory;
  const auto file = directory / "file.tfrecords";
  put(file, GetParam().bytes);
  EXPECT_TRUE(
      throws<FormatError>([&] { open(file, {.with_labels = true}); }, {file.string() + ": ", GetParam().reason}));
}

INSTANTIATE_TEST_SUITE_P(
    Tfrecord, InvalidRecords,
    ::testing::Values(
        BadRecords{"Empty", "", "expected images, has none"},
        BadRecords{"Text", "x", "expected a TFRecord file, is a text that begins with \"x\""},
        BadRecords{"OtherChannels", record("abc", -1, 3) + record("abc"), "record 1: expected 3 channels"},
        BadRecords{"LabelMissing", record("a", 1) + record("b"), "record 1: expected a label, has none"},
        BadRecords{"LabelAdded", record("a") + record("b", 1), "record 1: expected no label"},
        BadRecords{"HugeLabel", record("a", 1 << 20), "record 0: label 1048576, expected less than 2^20"}),
    [](const auto& test) { return test.param.name; });

struct BadNames {
  std::string name;
  std::vector<std::string> files;
  std::string reason;
};

class InvalidRecordNames : public ::testing::TestWithParam<BadNames> {};

TEST_P(InvalidRecordNames, AreRefused) {
  const TemporaryDirectory directory;
  for (const std::string& file : GetParam().files) put(directory / file, record("a"));
  EXPECT_TRUE(throws<FormatError>([&] { open(directory.path()); }, {directory.path().string(), GetParam().reason}));
}

INSTANTIATE_TEST_SUITE_P(
    Tfrecord, InvalidRecordNames,
    ::testing::Values(
        BadNames{"None", {"readme"}, "expected files NAME-rNN-s-NUMBER-of-COUNT.tfrecords, has none"},
        BadNames{"NoNumbers", {"train.tfrecords"}, "train.tfrecords: expected a name NAME-rNN"},
        BadNames{"NoCount", {"a-r08-s-0.tfrecords"}, "expected a name NAME-rNN"},
        BadNames{"NoResolution", {"a-s-0-of-1.tfrecords"}, "expected a name NAME-rNN"},
        BadNames{"HugeResolution", {"a-r17-s-0-of-1.tfrecords"}, "expected a name NAME-rNN"},
        BadNames{"HugeCount", {"a-r08-s-0-of-1234567890.tfrecords"}, "expected a name NAME-rNN"},
        BadNames{"OnlyDigits", {"1.tfrecords"}, "expected a name NAME-rNN"},
        BadNames{"CountZero", {"a-r08-s-0-of-0.tfrecords"}, "expected 0 files"},
        BadNames{"LastMissing", {"a-r08-s-0-of-2.tfrecords"}, "expected 2 files as a-r08-s-0-of-2.tfrecords says"},
        BadNames{"FirstMissing", {"a-r08-s-1-of-2.tfrecords"}, "number 0 is missing"},
        BadNames{"Twice", {"a-r08-s-0-of-2.tfrecords", "b-r08-s-0-of-2.tfrecords"}, "number 1 is missing"},
        BadNames{"TooMany", {"a-r08-s-0-of-1.tfrecords", "a-r08-s-1-of-1.tfrecords"}, "expected 1 files"},
        BadNames{"OtherCount", {"a-r08-s-0-of-2.tfrecords", "a-r08-s-1-of-3.tfrecords"}, "ends in -of-2"},
        BadNames{"MissingInALowerResolution",
                 {"a-r08-s-0-of-1.tfrecords", "a-r07-s-0-of-2.tfrecords"},
                 "number 1 is missing"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace glow::images::tfrecord_source_test
