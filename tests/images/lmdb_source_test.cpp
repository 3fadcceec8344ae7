#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/images/source.h>
#include <glow/io/image.h>

#include "support/files.h"
#include "support/lmdb.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::images::lmdb_source_test {
namespace {

using glow::testing::get;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;
using glow::testing::write_lmdb;

using Labels = std::vector<std::int64_t>;

/// A PNG file of one pixel.
std::string png(const std::vector<std::uint8_t>& pixel) {
  return io::encode_png({{1, 1, static_cast<int>(pixel.size())}, pixel});
}

std::vector<std::uint8_t> pixels(const ImageSource& source, std::int64_t index) { return source.image(index).pixels; }

DataSet open(const std::filesystem::path& path, const OpenOptions& options = {}) {
  return open_data_set("lmdb:" + path.string(), options);
}

TEST(LmdbSource, ReadsOneEnvironmentInTheOrderOfItsKeys) {
  const TemporaryDirectory directory;
  const std::string jpeg = get(std::filesystem::path(GLOW_TEST_FIXTURES) / "../../fuzz/corpus/jpeg/rgb_444.jpg");
  write_lmdb(directory.path(), {{"b", png({1, 2, 3})}, {"c", png({7})}, {"a", jpeg}, {"d", png({9, 0, 0, 0})}});
  const DataSet set = open(directory.path());
  EXPECT_EQ(set.valid, nullptr);
  EXPECT_EQ(set.test, nullptr);
  EXPECT_TRUE(set.class_names.empty());
  ASSERT_EQ(set.train->size(), 4);
  EXPECT_EQ(set.train->channels(), 3);
  EXPECT_EQ(pixels(*set.train, 0), io::decode_image(jpeg, "expected").pixels);
  EXPECT_EQ(pixels(*set.train, 1), (std::vector<std::uint8_t>{1, 2, 3}));
  EXPECT_EQ(pixels(*set.train, 2), (std::vector<std::uint8_t>{7, 7, 7}));
  EXPECT_EQ(pixels(*set.train, 3), (std::vector<std::uint8_t>{255, 255, 255}));
  EXPECT_EQ(set.train->label(0), -1);
  EXPECT_EQ(set.train->name(1), (directory / "data.mdb/b").string());
  EXPECT_EQ(set.train->content(0), jpeg);
  EXPECT_TRUE(throws<FormatError>([&] { open(directory.path(), {.with_labels = true}); },
                                  {directory.path().string() + ": ", "CATEGORY_train_lmdb"}));
}

/// Three categories, and validation images of two of them.
void write_lsun(const TemporaryDirectory& directory) {
  write_lmdb(directory / "church_train_lmdb", {{"x", png({1, 1, 1})}, {"y", png({2, 2, 2})}});
  write_lmdb(directory / "bedroom_train_lmdb", {{"z", png({3, 3, 3})}});
  write_lmdb(directory / "art_room_train_lmdb", {{"w", png({4, 4, 4})}});
  write_lmdb(directory / "church_val_lmdb", {{"x", png({5, 5, 5})}});
  write_lmdb(directory / "bedroom_val_lmdb", {{"x", png({6, 6, 6})}});
  write_lmdb(directory / "test_lmdb", {{"x", png({7, 7, 7})}});
  put(directory / "category_indices.txt", "");
}

TEST(LmdbSource, ReadsTheSplitsAndCategoriesOfLsun) {
  const TemporaryDirectory directory;
  write_lsun(directory);
  for (const bool with_labels : {false, true}) {
    const DataSet set = open(directory.path(), {.with_labels = with_labels});
    ASSERT_EQ(set.train->size(), 4);
    EXPECT_EQ(pixels(*set.train, 0).front(), 4);
    EXPECT_EQ(pixels(*set.train, 1).front(), 3);
    EXPECT_EQ(pixels(*set.train, 2).front(), 1);
    EXPECT_EQ(pixels(*set.train, 3).front(), 2);
    EXPECT_EQ(pixels(*set.valid, 1).front(), 5);
    EXPECT_EQ(pixels(*set.test, 0).front(), 7);
    EXPECT_EQ(set.train->name(3), (directory / "church_train_lmdb/data.mdb/y").string());
  }
  EXPECT_TRUE(open(directory.path()).class_names.empty());
  const DataSet set = open(directory.path(), {.with_labels = true});
  EXPECT_EQ(set.class_names, (std::vector<std::string>{"art_room", "bedroom", "church"}));
  EXPECT_EQ(all_labels(*set.train), (Labels{0, 1, 2, 2}));
  EXPECT_EQ(all_labels(*set.valid), (Labels{1, 2}));
  EXPECT_EQ(all_labels(*set.test), (Labels{-1}));
}

TEST(LmdbSource, TakesTheClassesOfAModel) {
  const TemporaryDirectory directory;
  write_lsun(directory);
  const DataSet set = open(directory.path(), {.with_labels = true, .class_names = {"church", "bedroom", "art_room"}});
  EXPECT_EQ(set.class_names, (std::vector<std::string>{"church", "bedroom", "art_room"}));
  EXPECT_EQ(all_labels(*set.train), (Labels{2, 1, 0, 0}));
  EXPECT_TRUE(throws<FormatError>([&] { open(directory.path(), {.with_labels = true, .class_names = {"church"}}); },
                                  {(directory / "art_room_train_lmdb").string() + ": ", "is none of the 1"}));
}

TEST(LmdbSource, RefusesOtherFoldersAndImages) {
  const TemporaryDirectory directory;
  create_directories(directory / "other");
  EXPECT_TRUE(throws<FormatError>([&] { open(directory / "other"); }, {"other: ", "expected the file data.mdb"}));
  write_lmdb(directory / "other/church_val_lmdb", {{"x", png({5, 5, 5})}});
  EXPECT_TRUE(throws<FormatError>([&] { open(directory / "other"); }, {"other: ", "folders CATEGORY_train_lmdb"}));
  create_directories(directory / "other/church_train_lmdb");
  EXPECT_TRUE(throws<IoError>([&] { open(directory / "other"); }, {"church_train_lmdb/data.mdb"}));
  write_lmdb(directory / "other/church_train_lmdb", {{"bad", "no image"}, {std::string("\n\0", 2), png({1})}});
  const DataSet set = open(directory / "other");
  EXPECT_EQ(pixels(*set.train, 0).front(), 1);
  const std::string file = (directory / "other/church_train_lmdb/data.mdb").string();
  EXPECT_EQ(set.train->name(0), file + "/0");
  EXPECT_TRUE(throws<FormatError>([&] { set.train->image(1); }, {file + "/bad: "}));
}

TEST(LmdbSource, FingerprintDependsOnCategoryKeyAndContent) {
  const auto fingerprint_of = [](const std::string& category, const std::string& key, std::uint8_t value) {
    const TemporaryDirectory directory;
    write_lmdb(directory / (category + "_train_lmdb"), {{key, png({value})}});
    return fingerprint(*open(directory.path()).train);
  };
  const std::string expected = fingerprint_of("church", "x", 1);
  EXPECT_EQ(fingerprint_of("church", "x", 1), expected);
  EXPECT_NE(fingerprint_of("bedroom", "x", 1), expected);
  EXPECT_NE(fingerprint_of("church", "y", 1), expected);
  EXPECT_NE(fingerprint_of("church", "x", 2), expected);
}

}  // namespace
}  // namespace glow::images::lmdb_source_test
