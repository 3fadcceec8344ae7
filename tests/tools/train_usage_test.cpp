#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/tools.h"

namespace glow::testing::train_usage_test {
namespace {

TEST(GlowTrain, HelpListsEveryFlagWithItsDefaultAndTheExamples) {
  const auto outcome = train({"--help-all"});
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_EQ(outcome.err, "");
  for (const char* text : {"--data SOURCE",
                           "-o, --out DIR",
                           "--overwrite",
                           "--preset NAME",
                           "--init-from MODEL",
                           "--image-size S|HxW",
                           "--resize R|fit",
                           "--random-crop",
                           "--bits B",
                           "--levels L",
                           "--depth K",
                           "--width W",
                           "--permutation KIND",
                           "--coupling KIND",
                           "--no-edge-bias",
                           "--no-learn-top",
                           "--conditional",
                           "--skip-corrupt",
                           "--weight-y W",
                           "--batch N",
                           "--steps N|auto",
                           "--epochs E",
                           "--lr RATE",
                           "--optimizer KIND",
                           "--warmup-epochs E",
                           "--beta2 B|auto",
                           "--ema-decay D|auto|none",
                           "--init-images N|auto",
                           "--clip-norm G|none",
                           "--memory POLICY",
                           "--no-cuda-graph",
                           "--seed S",
                           "--valid-images N|auto",
                           "--flip",
                           "--shift",
                           "--device NAME",
                           "--precision KIND",
                           "-j, --threads N|auto",
                           "--log-every N",
                           "--eval-every N|auto|end",
                           "--sample-every N|auto|end",
                           "--checkpoint-every N|auto|end",
                           "--keep N",
                           "--resume",
                           "--dry-run",
                           "-q, --quiet",
                           "-V, --version",
                           "-h, --help",
                           "(default: 512)",
                           "(default: conv1x1)",
                           "celeba-hq-256",
                           "--image-size 64 --resize 96 --random-crop",
                           "(default: auto)",
                           "Examples\n  glow-train --preset demo"}) {
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text;
  }
}

TEST(GlowTrain, VersionNamesGlowAndLibTorch) {
  const auto outcome = train({"--version"});
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_TRUE(outcome.out.starts_with("glow-train 0.")) << outcome.out;
  EXPECT_NE(outcome.out.find("(LibTorch "), std::string::npos) << outcome.out;
}

TEST(GlowTrain, DeviceCudaWithoutCudaIsAUsageError) {
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {20, 8, 8});
  const auto outcome =
      train(Arguments{"--data", "npy:" + data.string(), "--device", "cuda", "--dry-run"} + tiny_model());
  if (outcome.exit_code == 0) GTEST_SKIP() << "there is CUDA here";
  EXPECT_TRUE(failed(outcome, "glow-train", 2, {"--device: cuda", "GPU"}));
}

TEST(GlowTrain, WordsAndFalseContradictNothing) {
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {20, 8, 8});
  const auto outcome =
      train(Arguments{"--data", "npy:" + data.string(), "--dry-run", "--dry-run-steps", "none", "--steps", "auto",
                      "--epochs", "3", "--valid-images", "8", "--overwrite", "--resume=false"} +
            tiny_model());
  EXPECT_TRUE(succeeded(outcome));
  // At least 3 epochs of 12 images.
  EXPECT_NE(outcome.out.find("5 steps of 8 images"), std::string::npos) << outcome.out;
}

struct Published {
  std::string preset;
  Arguments flags;
  std::vector<std::string> summary;
};

class GlowTrainPreset : public ::testing::TestWithParam<Published> {};

/// A directory with pictures for every preset: pictures.npy and the files of CIFAR-10.
const std::filesystem::path& preset_data() {
  static const TemporaryDirectory directory;
  [[maybe_unused]] static const bool written = [] {
    put_images(directory / "pictures.npy", {80, 256, 256, 3});
    put(directory / "batches.meta.txt", "cat\ndog\n");
    for (const char* name :
         {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"}) {
      put(directory / (std::string(name) + ".bin"), std::string(16 * 3073, '\0'));
    }
    return true;
  }();
  return directory.path();
}

/// Glow, tables 2 and 4; millions of parameters, as counted by the published code.
TEST_P(GlowTrainPreset, HasTheSizeOfThePublishedModel) {
  const bool has_classes = GetParam().preset == "cifar10-conditional";
  const auto data =
      has_classes ? "cifar10:" + preset_data().string() : "npy:" + (preset_data() / "pictures.npy").string();
  const auto outcome = train(
      Arguments{"--preset", GetParam().preset, "--data", data, "--dry-run", "--dry-run-steps", "0"} + GetParam().flags);
  ASSERT_TRUE(succeeded(outcome));
  for (const auto& text : GetParam().summary)
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << outcome.out;
}

INSTANTIATE_TEST_SUITE_P(
    , GlowTrainPreset,
    ::testing::Values(
        Published{
            "cifar10", {"--image-size", "32"}, {"3 levels of 32 steps, width 512, affine", "44,", "8 bits", "of 64"}},
        Published{"cifar10-conditional", {}, {"3 levels of 32 steps", "additive", "2 classes", "5 bits"}},
        Published{"imagenet32", {}, {"3 levels of 48 steps", "affine", "32x32 RGB, 8 bits"}},
        Published{"imagenet64", {}, {"4 levels of 48 steps", "112,", "64x64 RGB, 8 bits"}},
        Published{"lsun64", {}, {"3 levels of 48 steps", "64x64 RGB, 8 bits", "random crops"}},
        Published{"celeba-hq-256", {}, {"6 levels of 32 steps, width 512, additive", "169,", "256x256 RGB, 5 bits"}},
        Published{"fashion-mnist", {"--image-size", "28"}, {"2 levels of 32 steps", "28x28"}},
        Published{"pictures", {}, {"4 levels of 8 steps, width 64", "64x64 RGB, 5 bits", "(a tenth of the run)"}},
        Published{"demo", {"--image-size", "28"}, {"2 levels of 8 steps", "5 bits"}}),
    [](const auto& test) {
      auto name = test.param.preset;
      std::erase(name, '-');
      return name;
    });

struct Usage {
  std::string name;
  Arguments flags;
  std::vector<std::string> message;
};

class GlowTrainUsage : public ::testing::TestWithParam<Usage> {};

TEST_P(GlowTrainUsage, ErrorIsOneLineThatNamesTheFlag) {
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {20, 8, 8});
  const Arguments sensible{"--data", "npy:" + data.string(), "--out", (directory / "run").string()};
  const auto outcome = train(sensible + GetParam().flags);
  EXPECT_TRUE(failed(outcome, "glow-train", 2, GetParam().message));
  EXPECT_FALSE(std::filesystem::exists(directory / "run"));
}

INSTANTIATE_TEST_SUITE_P(
    , GlowTrainUsage,
    ::testing::Values(
        Usage{"UnknownFlag", {"--foo", "3"}, {"unknown flag --foo"}},
        Usage{"PositionalArgument", {"images"}, {"'images' belongs to no flag"}},
        Usage{"ValueOfASwitch", {"--resume", "demo"}, {"--resume: takes no value, got 'demo'"}},
        Usage{"MissingValue", {"--lr"}, {"--lr: expected a value, got none"}},
        Usage{"FlagAsValue", {"--lr", "--flip"}, {"--lr: expected a value, got the flag --flip"}},
        Usage{"InvalidSwitchValue", {"--flip=perhaps"}, {"--flip=perhaps", "true or false"}},
        Usage{"NoOut", {"--out", ""}, {"--out: expected a directory"}},
        Usage{"NoData", {"--data", ""}, {"--data: expected a data set"}},
        Usage{"UnknownData", {"--data", "mnist:x"}, {"--data: ", "mnist:x", "fashion-mnist[:DIR]"}},
        Usage{"DepthNotANumber", {"--depth", "four"}, {"--depth: expected a whole number, got 'four'"}},
        Usage{"ZeroBatch", {"--batch", "0"}, {"--batch: ", "got 0"}},
        Usage{"BatchLargerThanTheSet",
              {"--batch", "64"},
              {"--batch: expected at most 18, the number of training images, got 64"}},
        Usage{"ZeroLevels", {"--levels", "0"}, {"--levels: ", "got 0"}},
        Usage{"NineBits", {"--bits", "9"}, {"--bits: expected 1 to 8, got 9"}},
        Usage{"DecimalComma", {"--lr", "0,001"}, {"--lr: expected a number, with a point as in 0.001, got '0,001'"}},
        Usage{"NaNLearningRate", {"--lr", "nan"}, {"--lr: expected a number, got 'nan'"}},
        Usage{"NegativeSteps", {"--steps", "-1"}, {"--steps: ", "got -1"}},
        Usage{"StepsAndEpochs", {"--steps", "3", "--epochs", "2"}, {"--steps and --epochs contradict"}},
        Usage{"OverwriteAndResume", {"--overwrite", "--resume"}, {"--overwrite and --resume contradict"}},
        Usage{"HeightNotAMultiple",
              {"--levels", "4"},
              {"images of 8x8: height: ", "multiple of 16", "4 levels", "--image-size"}},
        Usage{"InvalidImageSize", {"--image-size", "8x"}, {"--image-size: ", "'8x'"}},
        Usage{"UnknownPermutation", {"--permutation", "swap"}, {"--permutation: ", "'swap'", "conv1x1"}},
        Usage{"UnknownMemoryPolicy", {"--memory", "less"}, {"--memory: ", "'less'", "recompute"}},
        Usage{"UnknownDevice", {"--device", "gpu"}, {"--device: gpu", "cuda"}},
        Usage{"SeveralDevices",
              {"--device", "cuda:0,1"},
              {"--device: cuda:0,1: one process uses one device; for several GPUs start a process for each, without "
               "--device: torchrun --no_python --nproc_per_node 2 glow-train ..., or mpirun -n 2 glow-train ... "
               "(docs/distributed.md#start)"}},
        Usage{"SeveralGpus",
              {"--gpus", "2"},
              {"unknown flag --gpus: one process uses one device; for several GPUs start a process for each, without "
               "--device: torchrun --no_python --nproc_per_node 2 glow-train ..., or mpirun -n 2 glow-train ... "
               "(docs/distributed.md#start)"}},
        Usage{"NumberOfDevices", {"--device", "2"}, {"--device: 2: expected", "(did you mean cuda:2?)"}},
        Usage{"Tf32OnTheCpu", {"--device", "cpu", "--precision", "tf32"}, {"--precision: tf32", "CUDA", "cpu"}},
        Usage{"UnknownPrecision", {"--precision", "fp16"}, {"--precision: ", "'fp16'", "bf16"}},
        Usage{"UnknownPreset", {"--preset", "mnist"}, {"--preset: ", "'mnist'", "celeba-hq-256"}},
        Usage{"NegativeThreads", {"--threads", "-1"}, {"--threads: ", "got -1"}},
        Usage{"NegativeDryRunSteps", {"--dry-run-steps", "-1"}, {"--dry-run-steps: ", "got -1"}},
        Usage{"NoValidationImages", {"--valid-images", "0"}, {"--valid-images: "}},
        Usage{"SkipCorruptForAnArray", {"--skip-corrupt"}, {"--skip-corrupt: expected folder:PATH", "images.npy"}},
        Usage{"ConditionalWithoutClasses", {"--conditional"}, {"--conditional: ", "has no classes"}},
        Usage{"ClassifierWithoutClasses", {"--weight-y", "0.1"}, {"--weight-y: ", "--conditional"}}),
    name_of);

}  // namespace
}  // namespace glow::testing::train_usage_test
