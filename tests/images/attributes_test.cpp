#include <glow/images/attributes.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::images::attributes_test {
namespace {

using glow::testing::TemporaryDirectory;
using glow::testing::throws;
using Names = std::vector<std::string>;
using Row = Attributes::Row;

class AttributesTest : public ::testing::Test {
 protected:
  Attributes read(std::string_view text) const {
    glow::testing::put(path_, text);
    return read_attributes(path_);
  }
  ::testing::AssertionResult refused(std::string_view text, std::initializer_list<std::string_view> parts) const {
    return throws<FormatError>([&] { read(text); }, parts);
  }

  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "attributes";
};

Row row_of(const Attributes& attributes, const std::string& image) {
  const auto* row = attributes.find_all({image}).front();
  return row == nullptr ? Row{} : *row;
}

TEST_F(AttributesTest, ReadsCelebAsList) {
  const auto attributes = read("2\n5_o_Clock_Shadow Smiling Young \n000001.jpg -1  1  1\n000002.jpg  1 -1 -1\n");
  EXPECT_EQ(attributes.names(), (Names{"5_o_Clock_Shadow", "Smiling", "Young"}));
  EXPECT_EQ(attributes.size(), 2);
  EXPECT_EQ(row_of(attributes, "000001.jpg"), (Row{0, 1, 1}));
  EXPECT_EQ(row_of(attributes, "000002.jpg"), (Row{1, 0, 0}));
}

TEST_F(AttributesTest, ReadsCsvWithQuotesEmptyFieldsAndCrlf) {
  const auto attributes = read("image_id,\"hat, red\",\"a \"\"b\"\"\"\r\n1.png,1,0\r\n\r\n2.png,-1,\r\n");
  EXPECT_EQ(attributes.names(), (Names{"hat, red", "a \"b\""}));
  EXPECT_EQ(row_of(attributes, "1.png"), (Row{1, 0}));
  EXPECT_EQ(row_of(attributes, "2.png"), (Row{0, -1}));
}

TEST_F(AttributesTest, SkipsAByteOrderMark) {
  const auto celeba = read(
      "\xef\xbb\xbf"
      "1\r\nSmiling\r\n000001.jpg 1\r\n");
  EXPECT_EQ(row_of(celeba, "000001.jpg"), Row{1});
  const auto csv = read(
      "\xef\xbb\xbf"
      "\"file\",Smiling\r\n1.png,0\r\n");
  EXPECT_EQ(csv.names(), Names{"Smiling"});
  EXPECT_EQ(row_of(csv, "1.png"), Row{0});
}

TEST_F(AttributesTest, IgnoresFolderAndExtension) {
  const auto attributes = read("image,a\nx/000001.jpg,1\n7,0");
  EXPECT_EQ(row_of(attributes, "/data/celeba/000001.png"), Row{1});
  EXPECT_EQ(row_of(attributes, "7"), Row{0});
  EXPECT_EQ(attributes.find_all({"000002.jpg"}).front(), nullptr);
}

/// The value of the only attribute of each image, -2 for an image that is not listed.
std::vector<int> labels_of(const Attributes& attributes, const Names& images) {
  std::vector<int> labels;
  for (const auto* row : attributes.find_all(images)) labels.push_back(row == nullptr ? -2 : row->at(0));
  return labels;
}

TEST_F(AttributesTest, FoldersDistinguishImagesOfOneName) {
  const Names images{"/data/a/0.png", "/data/b/0.png"};
  EXPECT_EQ(labels_of(read("image,x\na/0.png,1\n"), images), (std::vector{1, -2}));
  EXPECT_EQ(labels_of(read("image,x\na/0.jpg,1\n"), images), (std::vector{1, -2}));
  EXPECT_EQ(labels_of(read("image,x\nb/0.png,0\n./a/0.png,1\n"), images), (std::vector{1, 0}));
  EXPECT_EQ(labels_of(read("image,x\n0.png,0\na/0.png,1\n"), images), (std::vector{1, 0}));
  EXPECT_EQ(labels_of(read("image,x\na/0.png,1\nc/0.png,0\n"), {"a/0.png", "b/0.png", "c/0.png"}),
            (std::vector{1, -2, 0}));
}

TEST_F(AttributesTest, ExtensionsDistinguishImagesOfOneName) {
  const auto attributes = read("2\nx\n1.jpg 1\n1.png -1\n");
  EXPECT_EQ(labels_of(attributes, {"a/1.png", "a/1.jpg"}), (std::vector{0, 1}));
  EXPECT_EQ(labels_of(read("1\nx\n1.jpg 1\n"), {"a/1.png", "a/1.jpg"}), (std::vector{-2, 1}));
  EXPECT_TRUE(throws<FormatError>([&] { attributes.find_all({"1.jpeg"}); }, {"\"1.jpeg\"", "\"1.jpg\"", "\"1.png\""}));
}

TEST_F(AttributesTest, RefusesAmbiguousMatches) {
  const auto all_refused = [&](std::string_view text, const Names& images,
                               std::initializer_list<std::string_view> parts) {
    const auto attributes = read(text);
    return throws<FormatError>([&] { attributes.find_all(images); }, parts);
  };
  EXPECT_TRUE(all_refused("image,x\n0.png,1\n", {"a/0.png", "b/0.png"}, {"\"a/0.png\" and \"b/0.png\"", "\"0.png\""}));
  EXPECT_TRUE(
      all_refused("image,x\nc/0.png,1\n", {"a/0.png", "b/0.png"}, {"\"a/0.png\" and \"b/0.png\"", "\"c/0.png\""}));
  EXPECT_TRUE(
      all_refused("image,x\na/0.png,1\nc/0.png,1\n", {"b/0.jpg"}, {"\"b/0.jpg\"", "\"a/0.png\" or \"c/0.png\""}));
}

TEST_F(AttributesTest, RefusesTooManyOrTooLongNames) {
  std::string names, numbers;
  for (int i = 0; i < 10'000; ++i) {
    names += " x";
    numbers += " 1";
  }
  EXPECT_EQ(read("1\n" + names + "\n1.jpg" + numbers).names().size(), 10'000u);
  EXPECT_TRUE(refused("1\n" + names + " y\n", {"line 2", "at most 10000 names"}));
  EXPECT_TRUE(refused("1\n" + names + "\n1.jpg" + numbers + numbers, {"line 3", "10002 fields or more"}));
  std::string csv = "image";
  for (int i = 0; i < 1'000'000; ++i) csv += ",x";
  EXPECT_TRUE(refused(csv, {path_.string(), "line 1", "at most 10000 names"}));
  const std::string longest(256, 'x');
  EXPECT_EQ(read("image," + longest + "\n1,1").names().front(), longest);
  EXPECT_TRUE(refused("image,x" + longest + "\n1,1", {"line 1", "at most 256 bytes", "\"xxx"}));
}

TEST_F(AttributesTest, ErrorsNameTheLine) {
  const auto path = path_.string();
  EXPECT_TRUE(refused("", {path, "expected a list of attributes, is an empty file"}));
  EXPECT_TRUE(refused(std::string_view("\xff\xfe"
                                       "f\0,\0a\0",
                                       8),
                      {path, "expected a list of attributes, is a text in UTF-16: save it as UTF-8"}));
  EXPECT_TRUE(refused("just words\n", {"line 1", "just words"}));
  EXPECT_TRUE(refused("1\n", {"line 1", "names of attributes"}));
  EXPECT_TRUE(refused("1\na b\n1.jpg 1\n", {path, "line 3", "2 attributes", "2 fields"}));
  EXPECT_TRUE(refused("1\na b\n1.jpg 1 2\n", {"line 3", "\"b\"", "\"2\""}));
  EXPECT_TRUE(refused("2\na\n1.jpg 1\n", {"expected 2 images", "got 1"}));
  EXPECT_TRUE(refused("2\na\n1.jpg 1\n./1.jpg 1\n", {"line 4", "twice"}));
  EXPECT_TRUE(refused("image,a\n", {"got none"}));
  EXPECT_TRUE(refused("image,a\n1.png,1,1\n", {"line 2", "1 attributes", "3 fields"}));
  EXPECT_TRUE(refused("image,a\n1.png,yes\n", {"line 2", "\"yes\""}));
  EXPECT_TRUE(throws<IoError>([&] { read_attributes(directory_ / "none"); }, {"none", "No such file"}));
}

}  // namespace
}  // namespace glow::images::attributes_test
