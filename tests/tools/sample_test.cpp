#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/io/image.h>
#include <glow/io/npy.h>

#include "support/tools.h"

namespace glow::testing::sample_test {
namespace {

namespace fs = std::filesystem;

const std::string kFiveChannels = fixture_model("five_channels_shuffle_affine");  // 6x4

/// The largest difference between two byte strings, 256 when their lengths differ.
int largest_difference(const std::string& one, const std::string& other) {
  if (one.size() != other.size()) return 256;
  int largest = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<unsigned char>(one[i]) - static_cast<unsigned char>(other[i])));
  }
  return largest;
}

class GlowSample : public ::testing::Test {
 protected:
  /// The bytes of the array that `model` samples with these flags.
  std::string array(const std::string& model, const Arguments& flags) {
    const auto path = directory_ / "array.npy";
    const auto outcome =
        sample(Arguments{"--model", model, "--out", path.string(), "--overwrite", "--threads", "1"} + flags);
    EXPECT_TRUE(succeeded(outcome));
    EXPECT_EQ(outcome.err, "");
    const io::NpyReader reader(path);
    shape_ = reader.shape();
    return std::string(reader.data());
  }

  TemporaryDirectory directory_;
  std::vector<std::int64_t> shape_;
};

TEST_F(GlowSample, HelpListsEveryFlag) {
  const auto outcome = sample({"--help-all"});
  EXPECT_TRUE(succeeded(outcome));
  for (const char* flag :
       {"--model FILE", "--out OUT", "--count N", "--columns N", "--temperature T|T0,T1,...", "--class NAME|I",
        "--seed S", "--batch N", "--device NAME", "--precision KIND", "--threads N", "--overwrite", "--describe",
        "--version", "--help", "(default: 64)", "Examples\n  glow-sample"}) {
    EXPECT_NE(outcome.out.find(flag), std::string::npos) << flag;
  }
}

TEST_F(GlowSample, BytesDependOnTheSeed) {
  const auto first = array(kColourModel, {"--count", "3", "--seed", "5"});
  EXPECT_EQ(shape_, (std::vector<std::int64_t>{3, 8, 12, 3}));
  EXPECT_TRUE(array(kColourModel, {"--count", "3", "--seed", "5"}) == first);
  EXPECT_FALSE(array(kColourModel, {"--count", "3", "--seed", "6"}) == first);
}

TEST_F(GlowSample, ImageDoesNotDependOnBatchSizeAndCount) {
  const auto five = array(kColourModel, {"--count", "5", "--batch", "5"});
  const auto two_at_once = array(kColourModel, {"--count", "5", "--batch", "2"});
  const auto three = array(kColourModel, {"--count", "3", "--batch", "2"});
  // Another batch size may change the rounding, which can move a value into the next bin. Other latents would give
  // another image.
  EXPECT_LE(largest_difference(two_at_once, five), 1);
  EXPECT_LE(largest_difference(three, five.substr(0, three.size())), 1);
}

TEST_F(GlowSample, TemperaturesArePerLevel) {
  const Arguments flags{"--count", "2"};
  const auto one = array(kColourModel, flags + Arguments{"--temperature", "0.6"});
  EXPECT_TRUE(array(kColourModel, flags + Arguments{"--temperature", "0.6,0.6"}) == one);
  EXPECT_FALSE(array(kColourModel, flags + Arguments{"--temperature", "0.6,0.3"}) == one);
  const auto mean = array(kColourModel, flags + Arguments{"--temperature", "0"});
  EXPECT_LE(largest_difference(mean.substr(0, mean.size() / 2), mean.substr(mean.size() / 2)), 1);
}

TEST_F(GlowSample, SaysHowADecimalCommaWasTaken) {
  const auto err = [&](const Arguments& flags) {
    return sample(Arguments{"--model", kColourModel, "--count", "1", "--out", (directory_ / "out.npy").string(),
                            "--overwrite", "--threads", "1"} +
                  flags)
        .err;
  };
  EXPECT_EQ(
      err({"--temperature", "0,1"}),
      "note: --temperature 0,1 was taken as two numbers, one per level; a decimal is written with a point, 0.1\n");
  for (const auto* unmistakable : {"0.7", "0.5,0.7"}) EXPECT_EQ(err({"--temperature", unmistakable}), "");
}

TEST_F(GlowSample, RewritesItsLineOnlyOnATerminalThatCan) {
  const auto err = [&](const std::string& kind) {
    Process process(Arguments{"/usr/bin/env", "TERM=" + kind} +
                        command("glow-sample", {"--model", kGreyModel, "--count", "2", "--batch", "1", "--out",
                                                (directory_ / "out.npy").string(), "--overwrite"}),
                    {.on_terminal = true});
    const auto outcome = process.wait();
    EXPECT_TRUE(succeeded(outcome));
    return outcome.err;
  };
  EXPECT_NE(err("xterm").find("\x1b["), std::string::npos);
  EXPECT_EQ(err("dumb"), "");
}

TEST_F(GlowSample, ClassIsGivenByNameOrIndex) {
  const Arguments flags{"--count", "4"};
  const auto bag = array(kClassModel, flags + Arguments{"--class", "bag"});
  EXPECT_TRUE(array(kClassModel, flags + Arguments{"--class", "1"}) == bag);
  EXPECT_FALSE(array(kClassModel, flags + Arguments{"--class", "2"}) == bag);
  EXPECT_FALSE(array(kClassModel, flags) == bag);
}

TEST_F(GlowSample, Float64EqualsFloat32UpToRounding) {
  const auto single = array(kGreyModel, {"--count", "2"});
  EXPECT_EQ(shape_, (std::vector<std::int64_t>{2, 4, 8}));
  EXPECT_LE(largest_difference(array(kGreyModel, {"--count", "2", "--precision", "fp64"}), single), 1);
}

TEST_F(GlowSample, GridAndFolderContainTheImagesOfTheArray) {
  const auto pixels = array(kColourModel, {"--count", "5"});
  const auto grid = (directory_ / "grid.png").string();
  const auto outcome = sample({"--model", kColourModel, "--out", grid, "--count", "5", "--columns", "5"});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_EQ(outcome.out, "5 images in " + grid + "\n");
  const auto picture = io::read_image(grid);
  EXPECT_GE(picture.shape.width, 5 * 12);
  EXPECT_LT(picture.shape.height, 2 * 8);

  const auto folder = directory_ / "images";
  ASSERT_TRUE(succeeded(sample({"--model", kColourModel, "--out", folder.string(), "--count", "5", "--threads", "1"})));
  EXPECT_EQ(count_files(folder), 5u);
  const auto last = io::read_image(folder / "000004.png");
  EXPECT_TRUE(std::string(last.pixels.begin(), last.pixels.end()) == pixels.substr(4 * 8 * 12 * 3));
}

TEST_F(GlowSample, FolderKeepsForeignFiles) {
  const auto folder = directory_ / "images";
  fs::create_directory(folder);
  put(folder / "mine.txt", "mine");
  const Arguments flags{"--model", kGreyModel, "--out", folder.string(), "--count", "2"};
  ASSERT_TRUE(succeeded(sample(flags)));
  const auto again = flags + Arguments{"--seed", "1"};
  EXPECT_TRUE(failed(sample(again), "glow-sample", 2, {"--out: ", "000000.png exists", "--overwrite"}));
  ASSERT_TRUE(succeeded(sample(again + Arguments{"--overwrite"})));
  EXPECT_EQ(get(folder / "mine.txt"), "mine");
  EXPECT_EQ(count_files(folder), 3u);
  // A call with fewer images is refused: it would neither replace nor remove the remaining pictures.
  EXPECT_TRUE(failed(sample({"--model", kGreyModel, "--out", folder.string(), "--count", "1", "--overwrite"}),
                     "glow-sample", 2, {"--out: ", "000001.png is beyond the 1 picture of this call"}));
  EXPECT_EQ(count_files(folder), 3u);
}

TEST_F(GlowSample, ArrayMayHaveAnyNumberOfChannels) {
  array(kFiveChannels, {"--count", "1"});
  EXPECT_EQ(shape_, (std::vector<std::int64_t>{1, 6, 4, 5}));
}

TEST_F(GlowSample, DescribePrintsTheModelInfo) {
  const auto outcome = sample({"--model", kClassModel, "--describe"});
  ASSERT_TRUE(succeeded(outcome));
  for (const char* text :
       {"channels     3\n", "height       4\n", "hidden_width 8\n", "permutation  conv1x1\n",
        "classes      3: ankle boot, bag, coat\n", "parameters   ", "written by   Glow 0.1.0\n", "checksum     "}) {
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << " in " << outcome.out;
  }
}

}  // namespace
}  // namespace glow::testing::sample_test
