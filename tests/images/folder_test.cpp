#include <filesystem>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/images/source.h>

#include "support/files.h"
#include "support/pictures.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::images::folder_test {
namespace {

namespace fs = std::filesystem;
using glow::testing::make_picture;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

class FolderTest : public ::testing::Test {
 protected:
  void add(const std::string& name, const io::Image& image = make_picture(2, 2, 3)) {
    fs::create_directories((directory_ / name).parent_path());
    io::write_png(directory_ / name, image);
  }
  DataSet open(bool with_labels = false) const {
    return open_data_set("folder:" + directory_.path().string(), {.with_labels = with_labels});
  }
  /// The names of a source's images, relative to the folder.
  std::vector<std::string> names(const ImageSource& source) const {
    std::vector<std::string> all;
    for (std::int64_t i = 0; i < source.size(); ++i)
      all.push_back(fs::path(source.name(i)).lexically_relative(directory_.path()).string());
    return all;
  }

  TemporaryDirectory directory_;
};

using Names = std::vector<std::string>;
using Labels = std::vector<std::int64_t>;

TEST_F(FolderTest, FindsImagesAtAnyDepthInBytewisePathOrder) {
  for (const char* name : {"b.png", "a/z.png", "a.png", "B.png", "a b.png", "a/b/c.png", "\xc3\xa4.png", "a-1.png"})
    add(name);
  EXPECT_EQ(names(*open().train),
            (Names{"B.png", "a b.png", "a-1.png", "a.png", "a/b/c.png", "a/z.png", "b.png", "\xc3\xa4.png"}));
}

TEST_F(FolderTest, FindsExtensionsInAnyCaseAndIgnoresHiddenFiles) {
  for (const char* name : {"1.PNG", "2.Jpg", "3.jpeg", ".4.png", ".hidden/5.png"}) add(name);
  put(directory_ / "notes.txt", "not an image");
  EXPECT_EQ(names(*open().train), (Names{"1.PNG", "2.Jpg", "3.jpeg"}));
}

TEST_F(FolderTest, FollowsLinksAndStopsAtCycles) {
  TemporaryDirectory elsewhere;
  io::write_png(elsewhere / "far.png", make_picture(2, 2, 3));
  add("a/near.png");
  fs::create_directory_symlink(elsewhere.path(), directory_ / "linked");
  fs::create_symlink(elsewhere / "far.png", directory_ / "file.png");
  fs::create_directory_symlink("..", directory_ / "a/up");
  fs::create_directory_symlink("self", directory_ / "self");
  EXPECT_EQ(names(*open().train).size(), 3u);
  EXPECT_EQ(open().train->image(1).pixels, make_picture(2, 2, 3).pixels);
}

TEST_F(FolderTest, VisitsAFolderOnceForAnyNumberOfLinks) {
  TemporaryDirectory elsewhere;
  fs::create_directory(elsewhere / "inner");
  io::write_png(elsewhere / "inner" / "far.png", make_picture(2, 2, 3));
  add("z/near.png");
  fs::create_directory_symlink("../z", directory_ / "a");  // dangling
  fs::create_directory_symlink("z", directory_ / "b");     // the real path has fewer links
  fs::create_directory_symlink(elsewhere.path(), directory_ / "d");
  fs::create_directory_symlink(elsewhere / "inner", directory_ / "e");
  fs::create_directory_symlink(elsewhere.path(), directory_ / "z/c");
  EXPECT_EQ(names(*open().train), (Names{"d/inner/far.png", "z/near.png"}));
}

TEST_F(FolderTest, SplitsMayLinkToOneFolder) {
  add("train/1.png");
  add("test/2.png");
  fs::create_directory_symlink("test", directory_ / "valid");
  const auto set = open();
  EXPECT_EQ(names(*set.train).size(), 1U);
  EXPECT_EQ(set.valid->size(), 1);
  EXPECT_EQ(set.test->size(), 1);
}

TEST_F(FolderTest, FoldersThatLinkToEachOtherTakeLinearTime) {
  constexpr int kFolders = 30;  // there are more than 30! paths through them
  for (int folder = 0; folder < kFolders; ++folder) {
    const auto name = "folder-" + std::to_string(folder);
    add(name + "/image.png");
    for (int other = 0; other < kFolders; ++other)
      fs::create_directory_symlink("../folder-" + std::to_string(other),
                                   directory_ / name / ("to-" + std::to_string(other)));
  }
  EXPECT_EQ(open().train->size(), kFolders);

  const TemporaryDirectory entrance;
  fs::create_directory_symlink(directory_ / "folder-7", entrance / "in");
  EXPECT_EQ(open_data_set("folder:" + entrance.path().string()).train->size(), kFolders);
}

TEST_F(FolderTest, DanglingLinkWithAnImageExtensionIsAnUnreadableImage) {
  add("1.png");
  fs::create_symlink("a", directory_ / "a");
  fs::create_symlink("b.png", directory_ / "b.png");
  const auto path = (directory_ / "b.png").string();
  EXPECT_TRUE(throws<IoError>([&] { open(); }, {path, "Too many levels of symbolic links"}));
}

TEST_F(FolderTest, ImagesKeepTheirSizes) {
  add("1.png", make_picture(5, 4, 3, 1));
  add("2.png", make_picture(3, 7, 3, 2));
  const DataSet set = open();
  EXPECT_EQ(set.train->common_shape(), std::nullopt);
  EXPECT_EQ(set.train->shape(1), (io::ImageShape{3, 7, 3}));
  EXPECT_EQ(set.train->image(1).pixels, make_picture(3, 7, 3, 2).pixels);
  EXPECT_EQ(set.train->label(1), -1);
}

TEST_F(FolderTest, IsInColourIfAnyImageIs) {
  add("1.png", make_picture(2, 2, 1));
  EXPECT_EQ(open().train->channels(), 1);
  add("2.png", make_picture(2, 2, 3));
  EXPECT_EQ(open().train->channels(), 3);
}

TEST_F(FolderTest, ConvertsGreyToColourInAColourSet) {
  add("1.png");
  add("2.png", {{1, 2, 1}, {10, 200}});
  EXPECT_EQ(open().train->shape(1), (io::ImageShape{1, 2, 3}));
  EXPECT_EQ(open().train->image(1).pixels, (std::vector<std::uint8_t>{10, 10, 10, 200, 200, 200}));
}

TEST_F(FolderTest, CompositesAlphaOntoWhite) {
  // v·a/255 + 255 − a: opaque, transparent, half.
  add("1.png", {{1, 3, 4}, {1, 2, 3, 255, 1, 2, 3, 0, 0, 100, 255, 128}});
  EXPECT_EQ(open().train->image(0).pixels, (std::vector<std::uint8_t>{1, 2, 3, 255, 255, 255, 127, 177, 255}));
}

TEST_F(FolderTest, GreyWithAlphaStaysGrey) {
  add("1.png", {{1, 2, 2}, {60, 255, 60, 128}});
  EXPECT_EQ(open().train->channels(), 1);
  EXPECT_EQ(open().train->image(0).pixels, (std::vector<std::uint8_t>{60, 157}));
}

TEST_F(FolderTest, RefusesAColourTestImageAfterGreyTrainingImages) {
  add("train/1.png", make_picture(2, 2, 1));
  add("test/2.png", make_picture(2, 2, 3));
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {(directory_ / "test/2.png").string(), "expected a grey image"}));
}

TEST_F(FolderTest, RefusesAClassWhoseNameIsNotUtf8) {
  add("\xe9t\xe9/1.png");
  EXPECT_TRUE(throws<FormatError>([&] { open(true); }, {"t\xe9", "UTF-8"}));
  EXPECT_EQ(open(false).train->size(), 1);
}

TEST_F(FolderTest, SubfoldersAreClassesWhenLabelsAreRequested) {
  for (const char* name : {"dog/1.png", "cat/deep/2.png", "cat/1.png", "cat b/1.png"}) add(name);
  const DataSet set = open(true);
  EXPECT_EQ(set.class_names, (Names{"cat", "cat b", "dog"}));
  EXPECT_EQ(names(*set.train), (Names{"cat b/1.png", "cat/1.png", "cat/deep/2.png", "dog/1.png"}));
  EXPECT_EQ(all_labels(*set.train), (Labels{1, 0, 0, 2}));
  EXPECT_TRUE(open(false).class_names.empty());
}

TEST_F(FolderTest, RefusesImagesWithoutAClassWhenLabelsAreRequested) {
  add("cat/1.png");
  add("stray.png");
  EXPECT_TRUE(throws<FormatError>([&] { open(true); }, {(directory_ / "stray.png").string(), "class"}));
}

class FolderSplitTest : public FolderTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(FolderSplitTest, TopFoldersAreSplits) {
  const std::string valid = GetParam();
  for (const std::string& name : {std::string("train/b/1.png"), std::string("train/a/2.png"), valid + "/b/3.png"})
    add(name);
  const DataSet set = open(true);
  EXPECT_EQ(names(*set.train), (Names{"train/a/2.png", "train/b/1.png"}));
  EXPECT_EQ(all_labels(*set.train), (Labels{0, 1}));
  ASSERT_NE(set.valid, nullptr);
  EXPECT_EQ(names(*set.valid), (Names{valid + "/b/3.png"}));
  EXPECT_EQ(all_labels(*set.valid), (Labels{1}));
  EXPECT_EQ(set.test, nullptr);
}

INSTANTIATE_TEST_SUITE_P(ValidationFolders, FolderSplitTest, ::testing::Values("valid", "val"));

TEST_F(FolderTest, HasNoValidationSplitWithoutItsFolder) {
  add("train/1.png");
  add("test/2.png");
  EXPECT_EQ(open().valid, nullptr);
  EXPECT_EQ(names(*open().test), Names{"test/2.png"});
}

TEST_F(FolderTest, RefusesSplitsWithoutATrainFolder) {
  add("test/1.png");
  add("cat/2.png");
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {directory_.path().string(), "a folder train", "the split test"}));
}

TEST_F(FolderTest, RefusesImagesBesideTheSplits) {
  add("train/1.png");
  add("extra/2.png");
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {(directory_ / "extra/2.png").string(), "beside"}));
}

TEST_F(FolderTest, RefusesTwoValidationSplits) {
  for (const char* name : {"train/1.png", "val/2.png", "valid/3.png"}) add(name);
  EXPECT_TRUE(throws<FormatError>([&] { open(); },
                                  {directory_.path().string(), "one folder of validation images", "val and valid"}));
}

TEST_F(FolderTest, RefusesAClassThatTrainingDoesNotHave) {
  for (const char* name : {"train/cat/1.png", "test/cat/2.png", "test/unicorn/3.png"}) add(name);
  EXPECT_TRUE(throws<FormatError>([&] { open(true); }, {(directory_ / "test/unicorn").string(), "class"}));
  EXPECT_EQ(open(false).test->size(), 2);
}

TEST_F(FolderTest, RefusesFoldersWithoutImages) {
  const std::string path = directory_.path().string();
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {path, "PNG, JPEG or WebP", "none"}));
  add("train/1.png");
  fs::create_directory(directory_ / "test");
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {path + "/test", "PNG, JPEG or WebP", "none"}));
}

TEST_F(FolderTest, NamesAFileThatIsNotAnImage) {
  add("1.png");
  fs::create_symlink("nowhere", directory_ / "3.png");
  EXPECT_TRUE(throws<IoError>([&] { open(); }, {(directory_ / "3.png").string(), "No such file"}));
  put(directory_ / "2.png", "not an image");
  fs::remove(directory_ / "3.png");
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {(directory_ / "2.png").string()}));
}

TEST_F(FolderTest, SkipsImagesThatCannotBeDecodedOnRequest) {
  for (const char* name : {"train/cat/1.png", "train/dog/2.png", "test/dog/3.png"}) add(name, make_picture(2, 2, 1));
  const auto coloured = io::encode_png(make_picture(2, 2, 3));
  fs::create_directory(directory_ / "train/ant");
  put(directory_ / "train/ant/0.png", coloured.substr(0, coloured.size() - 20));  // adds neither a class nor colour
  put(directory_ / "train/cat/2.png", "not an image");
  put(directory_ / "test/dog/4.jpg", "");
  std::vector<std::tuple<std::string, std::int64_t, std::int64_t>> progress;
  const auto set = open_data_set(
      "folder:" + directory_.path().string(),
      {.with_labels = true, .skip_corrupt = true, .progress = [&](const std::string& what, auto done, auto total) {
         progress.emplace_back(what, done, total);
       }});
  EXPECT_EQ(names(*set.train), (Names{"train/cat/1.png", "train/dog/2.png"}));
  EXPECT_EQ(names(*set.test), (Names{"test/dog/3.png"}));
  EXPECT_EQ(all_labels(*set.train), (Labels{0, 1}));
  EXPECT_EQ(set.class_names, (Names{"cat", "dog"}));
  EXPECT_EQ(set.train->channels(), 1);
  ASSERT_EQ(set.skipped.size(), 3u);
  for (const auto& [index, file] : {std::pair{0, "test/dog/4.jpg"}, {1, "train/ant/0.png"}, {2, "train/cat/2.png"}})
    EXPECT_TRUE(set.skipped[index].starts_with((directory_ / file).string() + ": ")) << set.skipped[index];
  ASSERT_FALSE(progress.empty());
  EXPECT_EQ(progress.back(), std::tuple("images checked", 4, 4));  // of the training split
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {(directory_ / "test/dog/4.jpg").string()}));
}

TEST_F(FolderTest, OpenPicturesFindsAllImagesOfAFolder) {
  for (const char* name : {"train/b.png", "test/1.png", "2.png"}) add(name);
  EXPECT_EQ(names(*open_pictures({directory_.path()}).train), (Names{"2.png", "test/1.png", "train/b.png"}));
}

TEST_F(FolderTest, OpenPicturesKeepsTheOrderOfFiles) {
  add("1.png", make_picture(2, 2, 1, 1));
  add("2.png", make_picture(2, 2, 1, 2));
  const auto pictures = open_pictures({directory_ / "2.png", directory_ / "1.png"}, {.channels = 1}).train;
  EXPECT_EQ(names(*pictures), (Names{"2.png", "1.png"}));
  EXPECT_EQ(pictures->image(0).pixels, make_picture(2, 2, 1, 2).pixels);
}

TEST_F(FolderTest, OpenPicturesConcatenatesFoldersAndFilesWithTheirClasses) {
  for (const char* name : {"b/cat/1.png", "b/dog/cat/2.png", "cat/dog/3.png", "cat/4.png", "cat/dog/dogs/5.png"})
    add(name);
  const auto set = open_pictures({directory_ / "cat/4.png", directory_ / "b", directory_ / "cat/dog"},
                                 {.class_names = {"cat", "dog"}});
  EXPECT_EQ(names(*set.train),
            (Names{"cat/4.png", "b/cat/1.png", "b/dog/cat/2.png", "cat/dog/3.png", "cat/dog/dogs/5.png"}));
  EXPECT_EQ(all_labels(*set.train), (Labels{0, 0, 1, 1, 1}));
}

TEST_F(FolderTest, OpenPicturesLeavesOutDamagedFilesOfAList) {
  add("1.png", make_picture(2, 2, 3, 1));
  put(directory_ / "2.png", "");
  add("3.png", make_picture(2, 2, 3, 3));
  const std::vector<fs::path> files{directory_ / "1.png", directory_ / "2.png", directory_ / "3.png"};
  EXPECT_TRUE(throws<FormatError>([&] { open_pictures(files); }, {"2.png", "(skip_corrupt = true leaves out"}));
  const auto set = open_pictures(files, {.skip_corrupt = true});
  EXPECT_EQ(names(*set.train), (Names{"1.png", "3.png"}));
  EXPECT_EQ(set.train->image(1).pixels, make_picture(2, 2, 3, 3).pixels);
  ASSERT_EQ(set.skipped.size(), 1u);
  EXPECT_TRUE(throws<FormatError>(
      [&] {
        open_pictures({files[1], files[1]}, {.skip_corrupt = true});
      },
      {"the given files: expected an image that can be used"}));
}

TEST_F(FolderTest, OpenPicturesConvertsToTheRequestedChannels) {
  add("grey.png", {{1, 2, 1}, {10, 200}});
  add("colour.png");
  EXPECT_EQ(open_pictures({directory_ / "grey.png"}).train->image(0).pixels,
            (std::vector<std::uint8_t>{10, 10, 10, 200, 200, 200}));
  EXPECT_TRUE(throws<FormatError>([&] { open_pictures({directory_ / "colour.png"}, {.channels = 1}); },
                                  {"colour.png", "expected a grey image"}));
}

TEST_F(FolderTest, OpenPicturesNamesAMissingFile) {
  EXPECT_TRUE(throws<FormatError>([&] { open_pictures({directory_.path()}); }, {directory_.path().string(), "none"}));
  EXPECT_TRUE(throws<IoError>([&] { open_pictures({directory_ / "none.png"}); }, {"none.png", "No such file"}));
}

TEST_F(FolderTest, RefusesAFileInPlaceOfAFolder) {
  put(directory_ / "file", "");
  EXPECT_TRUE(throws<FormatError>([&] { open_data_set("folder:" + (directory_ / "file").string()); },
                                  {(directory_ / "file").string(), "expected a folder, a tar or a zip"}));
}

}  // namespace
}  // namespace glow::images::folder_test
