#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <glow/io/image.h>

#include "support/pictures.h"
#include "support/small_disk.h"
#include "support/tools.h"

namespace glow::testing::train_bad_input_test {
namespace {

namespace fs = std::filesystem;

/// Invalid data: `put_input` writes them into a directory and returns the flags that name them.
struct Input {
  std::string name;
  std::function<Arguments(const fs::path&)> put_input;
  int exit_code;
  std::vector<std::string> message;
};

Arguments folder(const fs::path& directory) { return {"--data", "folder:" + directory.string(), "--image-size", "8"}; }

Arguments folder_with(const fs::path& directory, const std::string& name, const std::string& bytes) {
  put(directory / name, bytes);
  return folder(directory);
}

std::string png(int size) { return io::encode_png(make_picture(size, size, 3)); }

const std::string kModel = "colour_conv1x1_additive";

/// Training that starts from a model file in the directory.
Arguments init_from(const fs::path& directory, const std::string& model) {
  const auto data = put_images(directory / "good.npy", {20, 8, 8, 3});
  return {"--data", "npy:" + data.string(), "--init-from", (directory / model).string()};
}

class GlowTrainInput : public ::testing::TestWithParam<Input> {};

TEST_P(GlowTrainInput, ErrorIsOneLineThatNamesTheInput) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "input");
  const auto data = GetParam().put_input(directory / "input");
  const auto outcome = train(
      data + Arguments{"--levels", "1", "--batch", "1", "--valid-images", "1", "--out", (directory / "run").string()});
  EXPECT_TRUE(failed(outcome, "glow-train", GetParam().exit_code, GetParam().message));
  EXPECT_FALSE(fs::exists(directory / "run"));
}

// The tests of io and data cover every kind of damage. These are one case for each path from a flag to a reader.
INSTANTIATE_TEST_SUITE_P(
    Files, GlowTrainInput,
    ::testing::Values(Input{"MissingArray",
                            [](const fs::path& d) {
                              return Arguments{"--data", "npy:" + (d / "no.npy").string()};
                            },
                            1,
                            {"no.npy", "No such file"}},
                      Input{"TruncatedArray",
                            [](const fs::path& d) {
                              put(d / "bad.npy", get(put_images(d / "good.npy", {20, 8, 8})).substr(0, 1000));
                              return Arguments{"--data", "npy:" + (d / "bad.npy").string()};
                            },
                            1,
                            {"bad.npy"}},
                      Input{"FashionMnistLabelOutOfRange",
                            [](const fs::path& d) {
                              put_fashion_mnist(d);
                              put(d / "train-labels-idx1-ubyte",
                                  big_endian(0x0801, 4) + big_endian(60, 4) + std::string(60, '\x0a'));
                              return Arguments{"--data", "fashion-mnist:" + d.string()};
                            },
                            1,
                            {"train-labels-idx1-ubyte", "10"}},
                      Input{"TruncatedCifar10",
                            [](const fs::path& d) {
                              put(d / "batches.meta.txt", "cat\ndog\n");
                              put(d / "data_batch_1.bin", std::string(3072, '\0'));
                              return Arguments{"--data", "cifar10:" + d.string()};
                            },
                            1,
                            {"data_batch_1.bin", "3072"}},
                      Input{"MissingModel",
                            [](const fs::path& d) { return init_from(d, "no.safetensors"); },
                            1,
                            {"no.safetensors", "No such file"}},
                      Input{"TruncatedModel",
                            [](const fs::path& d) {
                              put(d / "bad.safetensors", get(fixture_model(kModel)).substr(0, 60'000));
                              return init_from(d, "bad.safetensors");
                            },
                            1,
                            {"bad.safetensors"}},
                      Input{"ModelOfAnotherDepth",
                            [](const fs::path& d) {
                              put(d / "deep.safetensors", get(fixture_model(kModel)));
                              return init_from(d, "deep.safetensors");
                            },
                            2,
                            {"--levels 1 contradicts", "deep.safetensors", "levels is 3"}}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Folders, GlowTrainInput,
    ::testing::Values(
        Input{"Missing", [](const fs::path& d) { return folder(d / "none"); }, 1, {"none", "No such file"}},
        Input{"Empty", [](const fs::path& d) { return folder(d); }, 1, {"input", "PNG, JPEG or WebP"}},
        Input{"TruncatedPixels",
              [](const fs::path& d) {
                const auto cut = png(8).substr(0, png(8).size() - 40);
                for (const char* name : {"b.png", "c.png"}) put(d / name, cut);
                return folder_with(d, "a.png", cut) + Arguments{"--quiet"};
              },
              1,
              {".png"}},
        Input{"Fifo",
              [](const fs::path& d) {
                ::mkfifo((d / "a.png").c_str(), 0600);
                return folder(d);
              },
              1,
              {"a.png", "not a regular file"}},
        Input{"ImageTooSmall",
              [](const fs::path& d) {
                put(d / "a.png", png(16));
                put(d / "c.png", png(16));
                return folder_with(d, "b.png", png(7));
              },
              2,
              {"b.png", "7x7", "--image-size: "}},
        Input{"NoImageSize",
              [](const fs::path& d) {
                for (const char* name : {"a.png", "b.png"}) put(d / name, png(8));
                return Arguments{"--data", "folder:" + d.string()};
              },
              2,
              {"--image-size: not given"}},
        Input{"ImageWithoutClass",
              [](const fs::path& d) { return folder_with(d, "a.png", png(8)) + Arguments{"--conditional"}; },
              1,
              {"a.png", "class"}}),
    name_of);

/// A flag that was not given is no cause of an error: a model, a run or a preset set its value.
TEST(GlowTrainNotGiven, ErrorNamesWhereTheValueComesFrom) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "small");
  for (char name = 'a'; name < 'u'; ++name) put(directory / "small" / (std::string(1, name) + ".png"), png(4));
  put(directory / "m.safetensors", get(fixture_model(kModel)));
  put(directory / "classes.safetensors", get(kClassModel));
  const auto data = put_images(directory / "images.npy", {40, 8, 8, 3});
  const auto out = (directory / "run").string();
  const Arguments small{"--data", "folder:" + (directory / "small").string()}, whole{"--data", "npy:" + data.string()};
  const auto refused = [&](const Arguments& flags, const std::vector<std::string>& message) {
    return failed(train(flags + Arguments{"--out", out}), "glow-train", 2, message);
  };
  const Arguments from{"--init-from", (directory / "m.safetensors").string()};
  EXPECT_TRUE(refused(small + from,
                      {"--init-from: 20 of 20 images are too small", "png", "(the size of ", "m.safetensors):\n"}));
  EXPECT_TRUE(refused(whole + Arguments{"--init-from", (directory / "classes.safetensors").string()},
                      {"--init-from: ", "classes.safetensors is a conditional model, and npy:", "has no classes"}));
  EXPECT_TRUE(refused(whole + from + Arguments{"--preset", "cifar10"},
                      {"--preset: cifar10: --depth 32 contradicts ", "m.safetensors"}));
  EXPECT_TRUE(refused(small + Arguments{"--preset", "imagenet32"},
                      {"--preset: imagenet32 sets --image-size: 20 of 20 images are too small"}));
  EXPECT_TRUE(refused(whole + Arguments{"--preset", "cifar10-conditional"},
                      {"--preset: cifar10-conditional sets --conditional: npy:", "has no classes"}));
  EXPECT_TRUE(
      refused(small + Arguments{"--preset", "imagenet32", "--image-size", "32"}, {"glow-train: --image-size: "}));
  EXPECT_TRUE(refused(whole + Arguments{"--levels", "4"}, {"images of 8x8: height: expected a multiple of 16"}));
  ASSERT_TRUE(succeeded(train(whole + tiny_model() + Arguments{"--out", out, "--steps", "1", "--quiet"})));
  EXPECT_TRUE(refused(small + Arguments{"--resume"}, {"--data: 20 of 20 images are too small",
                                                      "(image_size of the run):\n", "8x8 is too large for "}));
}

/// Expects that the run could not write its model and left only small files.
void expect_no_part_of_a_model(const fs::path& out) {
  const std::set<std::string> small{"config.json", "metrics.jsonl", "timing.jsonl"};
  for (const auto& entry : fs::recursive_directory_iterator(out)) {
    EXPECT_TRUE(entry.is_directory() || small.contains(entry.path().filename())) << entry.path();
  }
}

/// Paths that cannot be written, not even by root.
TEST(GlowTrainOut, RefusesAPathBelowARegularFile) {
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {20, 8, 8});
  const auto out = (data / "run").string();
  const auto outcome = train({"--data", "npy:" + data.string(), "--out", out});
  EXPECT_TRUE(failed(outcome, "glow-train", 1, {"cannot write " + out, "not a directory"}));
}

TEST(GlowTrainOut, FileSizeLimitLeavesNoPartialFile) {
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {40, 8, 8});
  const auto out = directory / "run";
  constexpr rlim_t kLimit = 3000;  // room for the configuration, not for a model
  const Arguments flags{"--data", "npy:" + data.string(), "--out", out.string(), "--steps", "1", "--quiet"};
  const auto outcome = run_process(command("glow-train", flags + tiny_model()), {.file_size = kLimit});
  EXPECT_TRUE(failed(outcome, "glow-train", 1, {"cannot write", "File too large"}));
  expect_no_part_of_a_model(out);
}

TEST(GlowTrainOut, FullDiskLeavesNoPartialFile) {
  const SmallDisk disk(64 << 10);  // room for the configuration and the metrics, not for a model
  if (!disk.is_mounted()) GTEST_SKIP() << "this process must not mount a disk: " << disk.why_not();
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {40, 8, 8});
  const auto out = disk.path() / "run";
  const auto outcome =
      train(Arguments{"--data", "npy:" + data.string(), "--out", out.string(), "--steps", "1", "--quiet"} +
            tiny_model() + Arguments{"--width", "128"});
  EXPECT_TRUE(failed(outcome, "glow-train", 1, {"cannot write " + out.string(), "No space left on device"}));
  expect_no_part_of_a_model(out);
}

TEST(GlowTrainOut, RefusesADirectoryWithOtherFiles) {
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {20, 8, 8});
  const auto out = directory / "run";
  fs::create_directory(out);
  put(out / "thesis.txt", "years of work");
  const Arguments flags{"--data", "npy:" + data.string(), "--out", out.string()};
  EXPECT_TRUE(failed(train(flags), "glow-train", 2, {"--out: " + out.string(), "not empty", "--overwrite"}));
  EXPECT_TRUE(failed(train(flags + Arguments{"--overwrite"}), "glow-train", 2, {"--overwrite: ", "holds no run"}));
  EXPECT_TRUE(failed(train(flags + Arguments{"--resume"}), "glow-train", 1, {"config.json", "No such file"}));
  EXPECT_EQ(get(out / "thesis.txt"), "years of work");
  EXPECT_EQ(count_files(out), 1u);
}

}  // namespace
}  // namespace glow::testing::train_bad_input_test
