#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/images/source.h>

#include "support/files.h"
#include "support/npz.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::images::npz_source_test {
namespace {

using glow::testing::little_endian;
using glow::testing::npy_bytes;
using glow::testing::put;
using glow::testing::stored_zip;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

std::filesystem::path of_numpy(const std::string& name) {
  return std::filesystem::path(GLOW_TEST_FIXTURES) / "../../fuzz/corpus/npz" / name;
}

/// Two images of 2 x 2 pixels in planes, whose bytes are the letters from `first`.
std::string two_images(char first, const std::vector<std::uint64_t>& labels) {
  std::string pixels;
  for (int i = 0; i < 24; ++i) pixels += static_cast<char>(first + i);
  std::string values;
  for (const std::uint64_t label : labels) values += little_endian(label, 8);
  return stored_zip({{"data.npy", npy_bytes("|u1", "(2, 12)", pixels)},
                     {"labels.npy", npy_bytes("<i8", "(" + std::to_string(labels.size()) + ",)", values)}});
}

std::string pixels(const ImageSource& source, std::int64_t index) {
  const auto image = source.image(index);
  return {image.pixels.begin(), image.pixels.end()};
}

TEST(NpzSource, ReadsPlanesAndInterleavedImagesOfNumpy) {
  // Byte i of the stored data is 5 i modulo 256.
  const DataSet planes = open_data_set("npz:" + of_numpy("stored.npz").string());
  const DataSet interleaved = open_data_set("npz:" + of_numpy("deflated.npz").string());
  EXPECT_EQ(planes.valid, nullptr);
  EXPECT_EQ(planes.test, nullptr);
  for (const DataSet* set : {&planes, &interleaved}) {
    EXPECT_EQ(set->train->size(), 4);
    EXPECT_EQ(set->train->channels(), 3);
    EXPECT_EQ(set->train->common_shape(), (io::ImageShape{2, 2, 3}));
    EXPECT_EQ(set->class_names, (std::vector<std::string>{"1", "2", "3"}));
    EXPECT_EQ(all_labels(*set->train), (std::vector<std::int64_t>{0, 2, 1, 0}));
  }
  const auto bytes = [](const std::vector<int>& places) {
    std::string text;
    for (const int place : places) text += static_cast<char>(5 * (12 + place));
    return text;
  };
  EXPECT_EQ(pixels(*planes.train, 1), bytes({0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}));
  EXPECT_EQ(pixels(*interleaved.train, 1), bytes({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(planes.train->name(1), "image 1 of " + of_numpy("stored.npz").string() + "/data.npy");
}

TEST(NpzSource, OrdersFilesByNameAndSplitsThemByName) {
  const TemporaryDirectory directory;
  put(directory / "train_data_batch_2.npz", two_images('C', {7, 9}));
  put(directory / "train_data_batch_1.npz", two_images('A', {9, 1000}));
  put(directory / "VAL_data.NPZ", two_images('E', {1000, 7}));
  put(directory / "Test.npz", two_images('G', {9, 9}));
  put(directory / "readme.txt", "");
  const DataSet set = open_data_set("npz:" + directory.path().string());
  EXPECT_EQ(set.train->size(), 4);
  EXPECT_EQ(set.class_names, (std::vector<std::string>{"7", "9", "1000"}));
  EXPECT_EQ(all_labels(*set.train), (std::vector<std::int64_t>{1, 2, 0, 1}));
  EXPECT_EQ(all_labels(*set.valid), (std::vector<std::int64_t>{2, 0}));
  EXPECT_EQ(all_labels(*set.test), (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(pixels(*set.train, 0).front(), 'A');
  EXPECT_EQ(pixels(*set.train, 1).front(), 'A' + 12);
  EXPECT_EQ(pixels(*set.train, 2).front(), 'C');
  EXPECT_EQ(pixels(*set.train, 3).back(), 'C' + 23);
  EXPECT_EQ(pixels(*set.valid, 0).front(), 'E');
  EXPECT_EQ(set.train->name(3), "image 1 of " + (directory / "train_data_batch_2.npz/data.npy").string());
}

TEST(NpzSource, ReadsFoldersOfSplitsAndFilesWithoutThem) {
  const TemporaryDirectory directory;
  for (const char* name : {"splits/train", "splits/val", "plain"}) create_directories(directory / name);
  put(directory / "splits/train/a.npz", two_images('A', {1, 2}));
  put(directory / "splits/val/b.npz", two_images('B', {2, 2}));
  put(directory / "plain/b.npz", two_images('B', {1, 2}));
  put(directory / "plain/a.npz", two_images('A', {1, 2}));
  const DataSet splits = open_data_set("npz:" + (directory / "splits").string());
  EXPECT_EQ(splits.train->size(), 2);
  EXPECT_EQ(pixels(*splits.valid, 0).front(), 'B');
  const DataSet plain = open_data_set("npz:" + (directory / "plain").string());
  EXPECT_EQ(plain.train->size(), 4);
  EXPECT_EQ(pixels(*plain.train, 0).front(), 'A');
}

TEST(NpzSource, HasNoClassesWithoutLabels) {
  const TemporaryDirectory directory;
  put(directory / "file.npz", stored_zip({{"data.npy", npy_bytes("|u1", "(1, 1, 2, 1)", "ab")}}));
  const DataSet set = open_data_set("npz:" + (directory / "file.npz").string());
  EXPECT_EQ(set.train->common_shape(), (io::ImageShape{1, 2, 1}));
  EXPECT_EQ(pixels(*set.train, 0), "ab");
  EXPECT_EQ(set.train->label(0), -1);
  EXPECT_TRUE(set.class_names.empty());
}

struct LabelType {
  std::string descr;
  std::size_t size;
};

class NpzLabels : public ::testing::TestWithParam<LabelType> {};

TEST_P(NpzLabels, AreReadAndOrderedAsNumbers) {
  const TemporaryDirectory directory;
  const auto& [descr, size] = GetParam();
  const bool has_sign = descr[1] == 'i';
  const std::string values =
      little_endian(100, size) + little_endian(has_sign ? ~std::uint64_t{0} : 20, size) + little_endian(3, size);
  put(directory / "file", stored_zip({{"data.npy", npy_bytes("|u1", "(3, 1, 1, 1)", "abc")},
                                      {"labels.npy", npy_bytes(descr, "(3,)", values)}}));
  const DataSet set = open_data_set("npz:" + (directory / "file").string());
  EXPECT_EQ(set.class_names,
            has_sign ? (std::vector<std::string>{"-1", "3", "100"}) : (std::vector<std::string>{"3", "20", "100"}));
  EXPECT_EQ(all_labels(*set.train),
            has_sign ? (std::vector<std::int64_t>{2, 0, 1}) : (std::vector<std::int64_t>{2, 1, 0}));
}

INSTANTIATE_TEST_SUITE_P(Types, NpzLabels,
                         ::testing::Values(LabelType{"|u1", 1}, LabelType{"|i1", 1}, LabelType{"<u2", 2},
                                           LabelType{"<i2", 2}, LabelType{"<u4", 4}, LabelType{"<i4", 4},
                                           LabelType{"<u8", 8}, LabelType{"<i8", 8}));

struct BadArrays {
  std::string name;
  std::string bytes;
  std::string reason;
};

class InvalidNpzSource : public ::testing::TestWithParam<BadArrays> {};

TEST_P(InvalidNpzSource, IsRefused) {
  const TemporaryDirectory directory;
  put(directory / "file.npz", GetParam().bytes);
  EXPECT_TRUE(throws<FormatError>([&] { open_data_set("npz:" + (directory / "file.npz").string()); },
                                  {(directory / "file.npz").string(), GetParam().reason}));
}

/// A file of four bytes of data.
std::string four_bytes(const std::string& descr, const std::string& shape) {
  return stored_zip({{"data.npy", npy_bytes(descr, shape, "abcd")}});
}

std::string with_labels(const std::string& descr, const std::string& shape, const std::string& labels) {
  return stored_zip(
      {{"data.npy", npy_bytes("|u1", "(2, 1, 1, 2)", "abcd")}, {"labels.npy", npy_bytes(descr, shape, labels)}});
}

INSTANTIATE_TEST_SUITE_P(
    Npz, InvalidNpzSource,
    ::testing::Values(
        BadArrays{"NoData", stored_zip({{"images.npy", ""}}), "expected an array data, has \"images\": save"},
        BadArrays{"NoSquare", four_bytes("|u1", "(1, 4)"), "data.npy: expected images, \"|u1\""},
        BadArrays{"OneDimension", four_bytes("|u1", "(4,)"), "data.npy: expected images, \"|u1\""},
        BadArrays{"Floats", four_bytes("<f4", "(1, 1, 1, 1)"), "is \"<f4\" [1,1,1,1]"},
        BadArrays{"NoImages", stored_zip({{"data.npy", npy_bytes("|u1", "(0, 12)", "")}}), "is \"|u1\" [0,12]"},
        BadArrays{"NoPixels", stored_zip({{"data.npy", npy_bytes("|u1", "(2, 0)", "")}}), "is \"|u1\" [2,0]"},
        BadArrays{"NoRows", stored_zip({{"data.npy", npy_bytes("|u1", "(2, 0, 2, 3)", "")}}), "is \"|u1\" [2,0,2,3]"},
        BadArrays{"OneLabel", with_labels("|u1", "(1,)", "a"), "expected labels, integers [2], is"},
        BadArrays{"LabelsOfTwoDimensions", with_labels("|u1", "(2, 1)", "ab"), "integers [2], is"},
        BadArrays{"LabelsOfFloats", with_labels("<f4", "(2,)", "abcdefgh"), "integers [2], is \"<f4\""},
        BadArrays{"HugeLabel", with_labels("<u8", "(2,)", std::string(16, '\xff')),
                  "labels.npy: label 18446744073709551615"}),
    [](const auto& test) { return test.param.name; });

struct BadFiles {
  std::string name;
  std::vector<std::pair<std::string, std::string>> files;
  std::string place;
  std::string reason;
};

class InvalidNpzFolder : public ::testing::TestWithParam<BadFiles> {};

TEST_P(InvalidNpzFolder, IsRefused) {
  const TemporaryDirectory directory;
  for (const auto& [name, bytes] : GetParam().files) {
    create_directories((directory / name).parent_path());
    put(directory / name, bytes);
  }
  EXPECT_TRUE(throws<FormatError>([&] { open_data_set("npz:" + directory.path().string()); },
                                  {directory.path().string() + GetParam().place + ": ", GetParam().reason}));
}

const std::string kTwo = two_images('A', {1, 2});
const std::string kUnlabelled = stored_zip({{"data.npy", npy_bytes("|u1", "(1, 12)", "abcdefghijkl")}});

INSTANTIATE_TEST_SUITE_P(
    Npz, InvalidNpzFolder,
    ::testing::Values(
        BadFiles{"Empty", {{"readme", ""}}, "", "expected .npz files of training images"},
        BadFiles{"NoTraining", {{"val.npz", kTwo}}, "", "expected .npz files of training images"},
        BadFiles{"EmptySplit", {{"train/a.npz", kTwo}, {"val/readme", ""}}, "/val", "expected .npz files, has none"},
        BadFiles{"NoTrainingFolder",
                 {{"val/a.npz", kTwo}},
                 "",
                 "expected training images (a folder train) beside the split val"},
        BadFiles{"TwoValidationFolders",
                 {{"train/a.npz", kTwo}, {"val/a.npz", kTwo}, {"valid/a.npz", kTwo}},
                 "",
                 "expected one folder of validation images, has val and valid"},
        BadFiles{"BesideFolders", {{"train/a.npz", kTwo}, {"b.npz", kTwo}}, "/b.npz", "is beside them"},
        BadFiles{"OtherName",
                 {{"train.npz", kTwo}, {"b.npz", kTwo}},
                 "/b.npz",
                 "expected one of the words train, val and test"},
        BadFiles{"OtherShape",
                 {{"a.npz", kTwo}, {"b.npz", with_labels("|u1", "(2,)", "ab")}},
                 "/b.npz",
                 "expected images of the same shape as in"},
        BadFiles{"LabelsMissingInAFile", {{"a.npz", kTwo}, {"b.npz", kUnlabelled}}, "/b.npz", "with labels"},
        BadFiles{"LabelsMissingInASplit",
                 {{"train.npz", kTwo}, {"val.npz", kUnlabelled}},
                 "/val.npz",
                 "expected an array labels"},
        BadFiles{"UnknownLabel",
                 {{"train.npz", kTwo}, {"val.npz", two_images('A', {2, 3})}},
                 "/val.npz",
                 "expected labels of the training images, has the label 3"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace glow::images::npz_source_test
