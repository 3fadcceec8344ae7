// Tests what is made of the folders and files that people and programs leave in a data set.
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/images/source.h>

#include "support/files.h"
#include "support/pictures.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::images::layout_test {
namespace {

namespace fs = std::filesystem;
using glow::testing::make_picture;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

using Names = std::vector<std::string>;

/// A folder whose files hold pictures, whatever their names are.
class Pictures {
 public:
  explicit Pictures(const Names& files) {
    for (const std::string& name : files) add(name);
  }
  void add(const std::string& name, const io::Image& image = make_picture(2, 2, 3)) const {
    add_text(name, io::encode_png(image));
  }
  void add_text(const std::string& name, const std::string& content) const {
    fs::create_directories((directory_ / name).parent_path());
    put(directory_ / name, content);
  }
  DataSet open(const OpenOptions& options = {}, const std::string& below = "") const {
    return open_data_set("folder:" + (directory_ / below).string(), options);
  }
  Names names(const std::shared_ptr<const ImageSource>& source) const {
    Names all;
    for (std::int64_t i = 0; source && i < source->size(); ++i)
      all.push_back(fs::path(source->name(i)).lexically_relative(directory_.path()).string());
    return all;
  }
  std::string path(const std::string& name = "") const { return (directory_ / name).string(); }

 private:
  TemporaryDirectory directory_;
};

/// The names in the tables have no endings.
Names with_endings(Names names) {
  for (std::string& name : names) name += ".png";
  return names;
}

struct Layout {
  std::string name;
  Names files;
  Names train;
  Names valid;
  Names test;
};

void PrintTo(const Layout& layout, std::ostream* out) { *out << layout.name; }

class SplitLayout : public ::testing::TestWithParam<Layout> {};

TEST_P(SplitLayout, IsUnderstood) {
  const Layout& layout = GetParam();
  const Pictures pictures(with_endings(layout.files));
  const DataSet set = pictures.open();
  EXPECT_EQ(pictures.names(set.train), layout.train);
  EXPECT_EQ(pictures.names(set.valid), layout.valid);
  EXPECT_EQ(pictures.names(set.test), layout.test);
  const DataSet one = pictures.open({.find_splits = false});
  EXPECT_EQ(one.train->size(), std::ssize(layout.train) + std::ssize(layout.valid) + std::ssize(layout.test));
  EXPECT_EQ(one.valid, nullptr);
  EXPECT_EQ(one.test, nullptr);
}

const auto kNameOfLayout = [](const auto& test) { return test.param.name; };

INSTANTIATE_TEST_SUITE_P(
    Folders, SplitLayout,
    ::testing::Values(
        Layout{"Capitals", {"Train/1", "Test/2", "Val/3"}, {"Train/1.png"}, {"Val/3.png"}, {"Test/2.png"}},
        Layout{"Shouting", {"TRAIN/1", "TEST/2"}, {"TRAIN/1.png"}, {}, {"TEST/2.png"}},
        Layout{"LongNames",
               {"training/1", "validation/2", "testing/3"},
               {"training/1.png"},
               {"validation/2.png"},
               {"testing/3.png"}},
        Layout{"Years", {"train2017/1", "val2017/2"}, {"train2017/1.png"}, {"val2017/2.png"}, {}},
        Layout{"WordsInNames", {"Training Set/1", "Test Set/2"}, {"Training Set/1.png"}, {}, {"Test Set/2.png"}},
        Layout{"Letters", {"trainA/1", "testA/2"}, {"trainA/1.png"}, {}, {"testA/2.png"}},
        Layout{"CamelCase", {"TrainImages/1", "TestImages/2"}, {"TrainImages/1.png"}, {}, {"TestImages/2.png"}},
        Layout{"SimilarBesideExact", {"train_images/1", "test/2"}, {"train_images/1.png"}, {}, {"test/2.png"}},
        Layout{"ClassesInSplits", {"Train/a/1", "Test/a/2"}, {"Train/a/1.png"}, {}, {"Test/a/2.png"}},
        Layout{
            "OneFolderWithAWord", {"train_station/1", "airport/2"}, {"airport/2.png", "train_station/1.png"}, {}, {}},
        Layout{"WordWithinAWord", {"protest/1", "latest/2"}, {"latest/2.png", "protest/1.png"}, {}, {}},
        Layout{"DeeperFolderOfOneSplit", {"a/train/1", "b/2"}, {"a/train/1.png", "b/2.png"}, {}, {}}),
    kNameOfLayout);

struct BadLayout {
  std::string name;
  Names files;
  std::string reason;
};

void PrintTo(const BadLayout& layout, std::ostream* out) { *out << layout.name; }

class DoubtfulLayout : public ::testing::TestWithParam<BadLayout> {};

TEST_P(DoubtfulLayout, IsRefusedUnlessSplitsAreTurnedOff) {
  const BadLayout& layout = GetParam();
  const Pictures pictures(with_endings(layout.files));
  const OpenOptions options{.names = {.no_splits = "--no-splits-flag"}};
  EXPECT_TRUE(
      throws<FormatError>([&] { pictures.open(options); }, {pictures.path(), layout.reason, "--no-splits-flag"}));
  const DataSet one = pictures.open({.find_splits = false});
  EXPECT_EQ(one.train->size(), std::ssize(layout.files));
}

INSTANTIATE_TEST_SUITE_P(
    Folders, DoubtfulLayout,
    ::testing::Values(
        BadLayout{
            "TwoOfOneSplit", {"train/1", "Train/2"}, "expected one folder of training images, has Train and train"},
        BadLayout{"TwoSpellings", {"train/1", "valid/2", "validation/3"}, "one folder of validation images"},
        BadLayout{"TwoYears", {"train2014/1", "train2017/2", "val2017/3"}, "one folder of training images"},
        BadLayout{"NoTraining", {"Test/1", "Val/2"}, "expected training images (a folder train) beside the split Test"},
        BadLayout{"AClassCalledTrain", {"train/1", "bus/2", "bicycle/3"}, "is beside them"},
        BadLayout{"PicturesBeside", {"train/1", "test/2", "3"}, "is beside them"},
        BadLayout{"ASimilarFolder", {"train/1", "train_masks/2"}, "is beside them"},
        BadLayout{"OneLevelDown", {"data/Train/1", "data/Test/2"}, "has data/Test and data/Train"},
        BadLayout{
            "SimilarOneLevelDown", {"data/seg_train/1", "data/seg_test/2"}, "has data/seg_test and data/seg_train"},
        BadLayout{"SplitsInASplit", {"train/data/train/1", "train/data/test/2"}, "has data/test and data/train"},
        BadLayout{"SplitsInClasses", {"cat/train/1", "cat/test/2", "dog/train/3"}, "has cat/test and cat/train"}),
    kNameOfLayout);

TEST(Layouts, ClassMayBeCalledTrain) {
  const Pictures pictures({"train/1.png", "bus/2.png", "test/3.png"});
  const DataSet set = pictures.open({.with_labels = true, .find_splits = false});
  EXPECT_EQ(set.class_names, (Names{"bus", "test", "train"}));
  EXPECT_EQ(all_labels(*set.train), (std::vector<std::int64_t>{0, 1, 2}));
}

TEST(Layouts, AreDescribed) {
  const Pictures pictures({"Train/dog/1.png", "Train/cat/2.png", "test/cat/3.png"});
  EXPECT_EQ(pictures.open().layout, "splits train (Train), test (test); 2 folders: cat, dog");
  EXPECT_EQ(pictures.open({.with_labels = true}).layout, "splits train (Train), test (test); 2 classes: cat, dog");
  EXPECT_EQ(pictures.open({}, "Train").layout, "2 folders: cat, dog");
  EXPECT_EQ(pictures.open({}, "Train/dog").layout, "");
}

TEST(Layouts, LeaveOutWhatProgramsPutThere) {
  const Pictures pictures({"1.png", "a/2.png", "@eaDir/1.png/thumb.png", "a/@eaDir/x.png", ".thumbnails/y.png",
                           "#recycle/z.png", "$RECYCLE.BIN/w.png", "__MACOSX/1.png", "lost+found/v.png", ".3.png",
                           "a/._2.png"});
  for (const char* name : {"b.GIF", "c.gif", "d.heic", "notes.txt", "README", "a/.DS_Store"})
    pictures.add_text(name, "x");
  const DataSet set = pictures.open();
  EXPECT_EQ(pictures.names(set.train), (Names{"1.png", "a/2.png"}));
  EXPECT_EQ(set.left_out,
            "files: 2 .gif, 2 hidden .png, 1 .heic, 1 .txt, 1 without an ending; "
            "folders: 2 @eaDir, 1 #recycle, 1 $RECYCLE.BIN, 1 .thumbnails, 1 __MACOSX, 1 lost+found");
  EXPECT_EQ(pictures.open({}, "a/..").left_out, set.left_out);
  EXPECT_EQ(open_pictures({pictures.path()}).left_out, set.left_out);
  EXPECT_EQ(pictures.names(open_pictures({pictures.path()}).train), (Names{"1.png", "a/2.png"}));
}

TEST(Layouts, CountWhatIsLeftOutOfSplitsOnce) {
  const Pictures pictures({"train/1.png", "train/@eaDir/1.png", "test/2.png"});
  pictures.add_text("train/a.txt", "x");
  EXPECT_EQ(pictures.open().left_out, "files: 1 .txt; folders: 1 @eaDir");
}

TEST(Layouts, LeaveOutTheRunsOfTraining) {
  const Pictures pictures({"1.png", "runs/first/samples/step-000000001.png", "samples/2.png"});
  const std::string config = "{\n  \"tool\": \"glow-train\",\n  \"command\": []\n}\n";
  pictures.add_text("runs/first/config.json", config);
  pictures.add_text("runs/other/config.json", "{\"tool\": \"another\"}");
  pictures.add("runs/other/3.png");
  DataSet set = pictures.open();
  EXPECT_EQ(pictures.names(set.train), (Names{"1.png", "runs/other/3.png", "samples/2.png"}));
  EXPECT_EQ(set.left_out, "files: 1 .json; folders: 1 runs of glow-train");

  pictures.add_text("config.json", config);  // the data set is a run itself
  set = pictures.open();
  EXPECT_EQ(pictures.names(set.train), (Names{"1.png", "runs/other/3.png"}));
  EXPECT_EQ(pictures.names(pictures.open({}, "samples").train), (Names{"samples/2.png"}));
}

TEST(Layouts, NameAllImagesThatCannotBeUsed) {
  const Pictures pictures({"train/000.png"});
  for (int i = 1; i <= 25; ++i) pictures.add_text("train/" + std::to_string(100 + i) + ".png", "no image");
  pictures.add_text("test/1.png", "no image");
  EXPECT_TRUE(throws<FormatError>(
      [&] { pictures.open({.names = {.skip_corrupt = "--skip-flag"}}); },
      {pictures.path() + ": 26 of 27 images cannot be used (--skip-flag leaves out damaged images):\n",
       "\n  " + pictures.path("test/1.png") + ": ", "\n  " + pictures.path("train/119.png") + ": ", "\n  and 6 more"}));
  fs::create_symlink("nowhere", pictures.path("train/999.png"));
  EXPECT_TRUE(throws<IoError>([&] { pictures.open(); },
                              {"cannot read " + pictures.path() + ": 27 of 28 images", ":\n  cannot read "}));
  EXPECT_TRUE(throws<IoError>([&] { pictures.open({.skip_corrupt = true}); },
                              {"cannot read " + pictures.path("train/999.png")}));
}

/// Grey in three planes, with alpha or without.
io::Image grey_planes(int channels) {
  io::Image image = make_picture(4, 4, channels);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const std::size_t channel = i % channels;
    if (channel == 1 || channel == 2) image.pixels[i] = image.pixels[i - channel];
  }
  return image;
}

TEST(Colours, AreJudgedByContent) {
  const Pictures pictures({});
  pictures.add("train/1.png", make_picture(4, 4, 1));
  pictures.add("train/2.png", grey_planes(3));
  pictures.add("train/3.png", grey_planes(4));
  pictures.add("test/4.png", grey_planes(3));
  for (const bool skip_corrupt : {false, true}) {
    const DataSet set = pictures.open({.skip_corrupt = skip_corrupt});
    EXPECT_EQ(set.train->channels(), 1);
    EXPECT_EQ(set.train->image(1).shape, (io::ImageShape{4, 4, 1}));
    EXPECT_EQ(set.train->shape(1), (io::ImageShape{4, 4, 1}));
    for (int pixel = 0; pixel < 16; ++pixel)
      EXPECT_EQ(set.train->image(1).pixels[pixel], grey_planes(3).pixels[3 * pixel]);
  }
  EXPECT_EQ(pictures.open({.channels = 3}).train->channels(), 3);
}

TEST(Colours, OfTransparentPixelsDoNotCount) {
  const Pictures pictures({});
  pictures.add("1.png", {{1, 2, 4}, {255, 0, 0, 0, 9, 9, 9, 255}});
  EXPECT_EQ(pictures.open().train->channels(), 1);
  EXPECT_EQ(pictures.open().train->image(0).pixels, (std::vector<std::uint8_t>{255, 9}));
}

TEST(Colours, OfOneTrainingImageMakeTheSetColoured) {
  const Pictures pictures({});
  for (int i = 0; i < 40; ++i) pictures.add("train/" + std::to_string(100 + i) + ".png", grey_planes(3));
  pictures.add("train/121-a.png", make_picture(4, 4, 3));
  EXPECT_EQ(pictures.open().train->channels(), 3);
}

TEST(Colours, AreRefusedOrConvertedWhereGreyIsRequired) {
  const Pictures pictures({});
  pictures.add("train/1.png", {{1, 3, 3}, {255, 0, 0, 0, 255, 0, 0, 0, 255}});
  pictures.add("train/2.png", make_picture(1, 3, 1));
  pictures.add("test/3.png", make_picture(2, 2, 3));
  const OpenOptions grey{.channels = 1, .names = {.to_grey = "--to-grey-flag"}};
  EXPECT_TRUE(throws<FormatError>([&] { pictures.open(grey); },
                                  {"2 of 3 images", "--to-grey-flag converts to grey", pictures.path("train/1.png"),
                                   pictures.path("test/3.png"), "expected a grey image"}));
  const DataSet set = pictures.open({.channels = 1, .to_grey = true});
  // Pillow 10: Image.fromarray([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]).convert("L")
  EXPECT_EQ(set.train->image(0).pixels, (std::vector<std::uint8_t>{76, 150, 29}));
  EXPECT_EQ(set.test->channels(), 1);
  fs::remove(pictures.path("train/1.png"));
  EXPECT_TRUE(throws<FormatError>([&] { pictures.open(); }, {pictures.path("test/3.png"), "channels = 3 reads all"}));
}

TEST(Sizes, ThatAreTooSmallCanBeLeftOut) {
  const Pictures pictures({});
  pictures.add("cat/1.png", make_picture(4, 4, 1));
  pictures.add("cat/2.png", make_picture(3, 4, 3));  // neither its colour nor its class count
  pictures.add("ant/3.png", make_picture(1, 1, 3));
  OpenOptions options{.with_labels = true};
  options.size_problem = [](const io::ImageShape& shape) { return shape.height < 4 ? "is too small" : ""; };
  const DataSet set = pictures.open(options);
  EXPECT_EQ(pictures.names(set.train), Names{"cat/1.png"});
  EXPECT_EQ(set.train->channels(), 1);
  EXPECT_EQ(set.class_names, Names{"cat"});
  EXPECT_EQ(set.skipped,
            (Names{pictures.path("ant/3.png") + ": is too small", pictures.path("cat/2.png") + ": is too small"}));
}

}  // namespace
}  // namespace glow::images::layout_test
