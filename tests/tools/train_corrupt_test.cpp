// Tests damaged images, which end the training or are left out by --skip-corrupt.
#include <algorithm>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/io/image.h>
#include <glow/io/safetensors.h>

#include "support/pictures.h"
#include "support/runs.h"
#include "support/tools.h"

namespace glow::testing::train_corrupt_test {
namespace {

namespace fs = std::filesystem;

class GlowTrainCorrupt : public ::testing::Test {
 protected:
  GlowTrainCorrupt() {
    for (const auto* split : {"train", "valid", "test"}) fs::create_directories(folder_ / split);
    for (std::uint32_t i = 0; i < 24; ++i) put_picture(folder_ / "train" / (std::to_string(100 + i) + ".png"), i);
    for (std::uint32_t i = 0; i < 8; ++i) put_picture(folder_ / "valid" / (std::to_string(100 + i) + ".png"), 50 + i);
    for (std::uint32_t i = 0; i < 8; ++i) put_picture(folder_ / "test" / (std::to_string(100 + i) + ".png"), 80 + i);
  }

  static std::string picture(std::uint32_t seed) { return io::encode_png(make_picture(8, 8, 1, seed)); }
  static void put_picture(const fs::path& path, std::uint32_t seed) { put(path, picture(seed)); }
  /// A damaged picture whose header is intact.
  static std::string torn_picture() { return picture(7).substr(0, picture(7).size() - 30); }

  /// Adds four files that are not valid images, one of them in another split.
  void damage() const {
    put(folder_ / "train" / "000.png", torn_picture());
    put(folder_ / "train" / "110-a.png", "GIF89a");
    put(folder_ / "train" / "999.jpg", "\xff\xd8\xff\xe0");
    put(folder_ / "valid" / "103-a.png", "");
  }

  Outcome run(const std::string& name, const std::string& steps, const Arguments& how) const {
    return train(flags(name) + Arguments{"--steps", steps} + how);
  }
  Arguments flags(const std::string& name) const {
    return {"--data",          "folder:" + folder_.string(),
            "--image-size",    "8",
            "--out",           directory_ / name,
            "--levels",        "2",
            "--depth",         "1",
            "--width",         "8",
            "--batch",         "8",
            "--warmup-epochs", "0",
            "--threads",       "1",
            "--log-every",     "1"};
  }
  /// Compares two runs, except for the record of --skip-corrupt in the model file.
  void expect_same_run(const std::string& one, const std::string& other) const {
    EXPECT_EQ(get(directory_ / one / "metrics.jsonl"), get(directory_ / other / "metrics.jsonl"));
    const auto model = [&](const std::string& name) {
      return io::SafetensorsReader(directory_ / name / "model.safetensors");
    };
    const auto first = model(one), second = model(other);
    ASSERT_EQ(first.entries().size(), second.entries().size());
    for (std::size_t i = 0; i < first.entries().size(); ++i) {
      EXPECT_EQ(first.entries()[i].name, second.entries()[i].name);
      EXPECT_EQ(first.entries()[i].data, second.entries()[i].data) << first.entries()[i].name;
    }
  }

  TemporaryDirectory directory_;
  fs::path folder_ = directory_ / "pictures";
};

TEST_F(GlowTrainCorrupt, ImageDamagedDuringTheRunEndsItWithACheckpoint) {
  Process process(
      command("glow-train", flags("run") + Arguments{"--quiet", "--checkpoint-every", "0", "--steps", "1000000"}));
  const auto steps_logged = [&] { return std::ranges::count(get(directory_ / "run" / "metrics.jsonl"), '\n'); };
  ASSERT_TRUE(process.wait_until([&] {
    return fs::exists(directory_ / "run" / "metrics.jsonl") && steps_logged() > 2;
  })) << process.err();
  process.pause();
  // Replaced by a rename, because a file that is being read must not be shortened.
  const auto image = folder_ / "train" / "111.png";
  put(directory_ / "torn", torn_picture());
  fs::rename(image, directory_ / "whole");
  fs::rename(directory_ / "torn", image);
  process.send(SIGCONT);
  EXPECT_TRUE(failed(process.wait(), "glow-train", 1, {image.string() + ": not a whole PNG file"}));

  EXPECT_GT(newest_step(directory_ / "run"), 1);
  fs::rename(directory_ / "whole", image);
  const auto end = std::to_string(newest_step(directory_ / "run") + 2);
  EXPECT_TRUE(succeeded(run("run", end, {"--resume", "--quiet"})));
  EXPECT_TRUE(succeeded(run("undisturbed", end, {"--quiet"})));
  expect_same_run("run", "undisturbed");
}

TEST_F(GlowTrainCorrupt, TornValidationImageCostsNoStep) {
  const auto image = folder_ / "valid" / "107.png";
  put(image, torn_picture());  // its header is intact
  const auto outcome = run("run", "5", {"--eval-every", "5", "--checkpoint-every", "0"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.err.find("after step 5 of 5; the newest checkpoint is of step 5, --resume"), std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("glow-train: " + image.string() + ": not a whole PNG"), std::string::npos) << outcome.err;
  put_picture(image, 57);
  const Arguments resume{"--eval-every", "5", "--checkpoint-every", "0", "--resume", "--quiet"};
  EXPECT_TRUE(failed(run("run", "5", resume), "glow-train", 1, {"content of the images has changed", "--accept-data"}));
  EXPECT_TRUE(succeeded(run("run", "5", resume + Arguments{"--accept-data"})));
  EXPECT_TRUE(succeeded(run("undisturbed", "5", {"--eval-every", "5", "--checkpoint-every", "0", "--quiet"})));
  expect_same_run("run", "undisturbed");
}

TEST_F(GlowTrainCorrupt, NamesAllImagesThatCannotBeUsed) {
  damage();
  const auto outcome = run("run", "1", {"--quiet"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.err.find("3 of 44 images cannot be used (--skip-corrupt leaves out damaged images):\n"),
            std::string::npos)
      << outcome.err;
  for (const auto* name : {"train/110-a.png", "train/999.jpg", "valid/103-a.png"})
    EXPECT_NE(outcome.err.find("\n  " + (folder_ / name).string() + ": "), std::string::npos) << outcome.err;
  EXPECT_FALSE(fs::exists(directory_ / "run"));
}

TEST_F(GlowTrainCorrupt, SmallImagesAreNamedOrLeftOut) {
  for (const auto* name : {"train/small-1.png", "train/small-2.png", "test/small.png"})
    put(folder_ / name, io::encode_png(make_picture(8, 7, 1, 3)));
  const auto outcome = run("run", "1", {"--quiet"});
  EXPECT_TRUE(
      failed(outcome, "glow-train", 2,
             {"--image-size: 3 of 43 images are too small (--skip-small leaves out small images):\n",
              "train/small-1.png: 8x8 is", "test/small.png", "small-2.png: 8x8 is too large for an image of 8x7"}));
  ASSERT_TRUE(succeeded(run("skipping", "2", {"--skip-small"})));
  for (const auto* name : {"train/small-1.png", "train/small-2.png", "test/small.png"}) fs::remove(folder_ / name);
  ASSERT_TRUE(succeeded(run("without", "2", {"--quiet"})));
  expect_same_run("skipping", "without");
}

TEST_F(GlowTrainCorrupt, ColourBecomesGreyOnRequestInEveryTool) {
  put(folder_ / "train" / "colour.png", io::encode_png(make_picture(8, 8, 3, 1)));
  put(folder_ / "test" / "colour.png", io::encode_png(make_picture(8, 8, 3, 2)));
  ASSERT_TRUE(succeeded(run("run", "1", {"--quiet", "--channels", "grey"})));
  ASSERT_TRUE(succeeded(train({"--resume", "--out", directory_ / "run", "--steps", "2", "--quiet"})));
  const auto model = (directory_ / "run" / "model.safetensors").string();
  EXPECT_TRUE(succeeded(eval({"--model", model, "--data", "folder:" + folder_.string(), "--threads", "1"})));
  EXPECT_TRUE(succeeded(edit({"encode", "--model", model, "--images", folder_.string(), "--out",
                              directory_ / "latents.safetensors", "--threads", "1"})));
  ASSERT_TRUE(succeeded(run("rgb", "1", {"--quiet", "--channels", "rgb"})));
  EXPECT_TRUE(failed(run("auto", "1", {"--quiet", "--init-from", model}), "glow-train", 2, {"1 channel"}));
}

TEST_F(GlowTrainCorrupt, RunsWithoutTheNewOptionsContinue) {
  const auto data = put_images(directory_ / "images.npy", {40, 8, 8, 3});
  auto arguments = flags("run") + Arguments{"--steps", "1", "--quiet"};
  arguments[1] = "npy:" + data.string();
  ASSERT_TRUE(succeeded(train(arguments)));
  const auto path = directory_ / "run" / "config.json";
  auto config = nlohmann::ordered_json::parse(get(path));
  for (const auto* key : {"splits", "image_channels", "skip_small"}) ASSERT_EQ(config["options"].erase(key), 1U);
  put(path, config.dump(2));
  EXPECT_TRUE(succeeded(train({"--resume", "--out", directory_ / "run", "--steps", "2", "--quiet"})));
}

TEST_F(GlowTrainCorrupt, CorruptImageEndsTheRunByDefault) {
  put(folder_ / "train" / "000.png", torn_picture());
  // Enough steps to read all images.
  EXPECT_TRUE(failed(run("run", "4", {"--quiet"}), "glow-train", 1,
                     {(folder_ / "train" / "000.png").string() + ": not a whole PNG file"}));
}

TEST_F(GlowTrainCorrupt, SkippingEqualsARunWithoutTheImages) {
  ASSERT_TRUE(succeeded(run("whole", "3", {"--quiet"})));
  ASSERT_TRUE(succeeded(run("whole", "6", {"--quiet", "--resume"})));
  damage();
  const auto outcome = run("damaged", "3", {"--skip-corrupt"});
  ASSERT_TRUE(succeeded(outcome));
  for (const auto* name : {"train/000.png", "train/110-a.png", "train/999.jpg", "valid/103-a.png"}) {
    EXPECT_NE(outcome.err.find("left out " + (folder_ / name).string() + ": "), std::string::npos) << outcome.err;
  }
  EXPECT_NE(outcome.err.find("24 training, 8 validation, 8 test, 4 left out"), std::string::npos) << outcome.err;

  ASSERT_TRUE(succeeded(train({"--resume", "--out", directory_ / "damaged", "--steps", "6", "--quiet"})));
  expect_same_run("whole", "damaged");
}

TEST_F(GlowTrainCorrupt, ResumeRefusesARepairedImage) {
  damage();
  ASSERT_TRUE(succeeded(run("run", "1", {"--skip-corrupt", "--quiet"})));
  put_picture(folder_ / "train" / "000.png", 7);
  const auto config = (directory_ / "run" / "config.json").string();
  EXPECT_TRUE(failed(run("run", "2", {"--resume", "--quiet"}), "glow-train", 1, {config, "\"train\":25"}));
}

TEST_F(GlowTrainCorrupt, RefusesASplitWithoutIntactImages) {
  for (const auto& entry : fs::directory_iterator(folder_ / "test")) put(entry.path(), "");
  EXPECT_TRUE(failed(run("run", "1", {"--skip-corrupt", "--quiet"}), "glow-train", 1,
                     {(folder_ / "test").string() + ": expected an image that can be used"}));
}

TEST_F(GlowTrainCorrupt, UnreadableImageIsAnErrorDespiteSkipping) {
  fs::create_symlink("nowhere", folder_ / "train" / "000.png");
  EXPECT_TRUE(failed(run("run", "1", {"--skip-corrupt", "--quiet"}), "glow-train", 1,
                     {"cannot read " + (folder_ / "train" / "000.png").string()}));
}

TEST_F(GlowTrainCorrupt, TerminalShowsTheProgressOfTheSearch) {
  const auto outcome = call(tools::run_glow_train, flags("run") + Arguments{"--skip-corrupt", "--dry-run"},
                            /*terminal_columns=*/100);
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_NE(outcome.err.find(" images checked"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.out.find("0 left out"), std::string::npos) << outcome.out;
}

}  // namespace
}  // namespace glow::testing::train_corrupt_test
