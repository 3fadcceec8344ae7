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

/// Data that cannot be used: `put_input` makes them in a directory and returns the flags that name them.
struct Input {
  std::string name;
  std::function<Arguments(const fs::path&)> put_input;
  int exit_code;
  std::vector<std::string> message;
};

Arguments npy(const fs::path& directory, const std::string& bytes) {
  put(directory / "bad.npy", bytes);
  return {"--data", "npy:" + (directory / "bad.npy").string()};
}

Arguments folder(const fs::path& directory) { return {"--data", "folder:" + directory.string(), "--image-size", "8"}; }

Arguments folder_with(const fs::path& directory, const std::string& name, const std::string& bytes) {
  put(directory / name, bytes);
  return folder(directory);
}

std::string png(int size) { return io::encode_png(make_picture(size, size, 3)); }

/// A PNG that claims to be 2^30 pixels wide.
std::string oversize_png() {
  auto bytes = png(8);
  return bytes.replace(16, 4, big_endian(1 << 30, 4));
}

std::string npy_bytes(const fs::path& directory, const std::vector<std::int64_t>& shape) {
  return get(put_images(directory / "good.npy", shape));
}

/// An array header that promises more than any memory holds.
std::string oversize_npy() {
  std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (4611686018427387904, 8, 8), }";
  header.resize(117, ' ');
  return std::string("\x93NUMPY\x01\x00", 8) + little_endian(118, 2) + header + "\n";
}

/// Good idx files, of which one is then replaced.
Arguments fashion_mnist(const fs::path& directory, const std::string& file, const std::string& bytes) {
  put_fashion_mnist(directory);
  put(directory / file, bytes);
  return {"--data", "fashion-mnist:" + directory.string()};
}

const std::string kImages = "train-images-idx3-ubyte";
const std::string kLabels = "train-labels-idx1-ubyte";

Arguments cifar10(const fs::path& directory, const std::string& last_batch) {
  put(directory / "batches.meta.txt", "cat\ndog\n");
  for (const char* name : {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "test_batch"}) {
    put(directory / (std::string(name) + ".bin"), std::string(3073, '\0'));
  }
  put(directory / "data_batch_5.bin", last_batch);
  return {"--data", "cifar10:" + directory.string()};
}

Arguments init_from(const fs::path& directory, const std::string& bytes) {
  put(directory / "bad.safetensors", bytes);
  const auto data = put_images(directory / "good.npy", {20, 8, 8, 3});
  return {"--data", "npy:" + data.string(), "--init-from", (directory / "bad.safetensors").string()};
}

std::string model_bytes() { return get(fs::path(GLOW_TEST_FIXTURES) / "colour_conv1x1_additive.model.safetensors"); }

class GlowTrainInput : public ::testing::TestWithParam<Input> {};

TEST_P(GlowTrainInput, IsRefusedInOneLineThatNamesIt) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "input");
  const auto data = GetParam().put_input(directory / "input");
  const auto outcome = train(
      data + Arguments{"--levels", "1", "--batch", "1", "--valid-images", "1", "--out", (directory / "run").string()});
  EXPECT_TRUE(failed(outcome, "glow-train", GetParam().exit_code, GetParam().message));
  EXPECT_FALSE(fs::exists(directory / "run"));
}

INSTANTIATE_TEST_SUITE_P(
    Arrays, GlowTrainInput,
    ::testing::Values(
        Input{"Missing",
              [](const fs::path& d) {
                return Arguments{"--data", "npy:" + (d / "no.npy").string()};
              },
              1,
              {"no.npy", "No such file"}},
        Input{"WrongMagic", [](const fs::path& d) { return npy(d, "not an array at all"); }, 1, {"bad.npy"}},
        Input{"Truncated",
              [](const fs::path& d) {
                return npy(d, npy_bytes(d, {20, 8, 8}).substr(0, 1000));
              },
              1,
              {"bad.npy"}},
        Input{"OversizeDimension", [](const fs::path& d) { return npy(d, oversize_npy()); }, 1, {"bad.npy"}}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Folders, GlowTrainInput,
    ::testing::Values(
        Input{"Missing", [](const fs::path& d) { return folder(d / "none"); }, 1, {"none", "No such file"}},
        Input{"Empty", [](const fs::path& d) { return folder(d); }, 1, {"input", "PNG or JPEG"}},
        Input{"WrongMagic", [](const fs::path& d) { return folder_with(d, "a.png", "GIF89a"); }, 1, {"a.png"}},
        Input{"TruncatedHeader",
              [](const fs::path& d) { return folder_with(d, "a.png", png(8).substr(0, 20)); },
              1,
              {"a.png"}},
        Input{"OversizeDimension",
              [](const fs::path& d) { return folder_with(d, "a.png", oversize_png()); },
              1,
              {"a.png"}},
        Input{"TruncatedPixels",
              [](const fs::path& d) {
                const auto cut = png(8).substr(0, png(8).size() - 40);
                for (const char* name : {"b.png", "c.png"}) put(d / name, cut);
                return folder_with(d, "a.png", cut) + Arguments{"--quiet"};
              },
              1,
              {".png"}},
        Input{"TruncatedJpeg",
              [](const fs::path& d) {
                for (const char* name : {"b.png", "c.png"}) put(d / name, png(8));
                return folder_with(d, "a.jpg", "\xff\xd8\xff\xe0");
              },
              1,
              {"a.jpg", "not a whole JPEG"}},
        Input{"Fifo",
              [](const fs::path& d) {
                ::mkfifo((d / "a.png").c_str(), 0600);
                return folder(d);
              },
              1,
              {"a.png", "not a regular file"}},
        Input{"LinkToADevice",
              [](const fs::path& d) {
                fs::create_symlink("/dev/zero", d / "a.png");
                return folder(d);
              },
              1,
              {"a.png", "not a regular file"}},
        Input{"LinkToItself",
              [](const fs::path& d) {
                fs::create_symlink("a.png", d / "a.png");
                return folder(d);
              },
              1,
              {"a.png", "Too many levels of symbolic links"}},
        Input{"LinksInACircle",
              [](const fs::path& d) {
                for (const auto* name : {"a", "b"}) fs::create_directory(d / name);
                fs::create_directory_symlink("../b", d / "a" / "b");
                fs::create_directory_symlink("../a", d / "b" / "a");
                return folder(d);
              },
              1,
              {"input", "PNG or JPEG"}},
        Input{"ImageTooSmall",
              [](const fs::path& d) {
                put(d / "a.png", png(16));
                put(d / "c.png", png(16));
                return folder_with(d, "b.png", png(7));
              },
              2,
              {"b.png", "7x7", "--image-size: 8x8"}},
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

INSTANTIATE_TEST_SUITE_P(
    FashionMnist, GlowTrainInput,
    ::testing::Values(Input{"Missing",
                            [](const fs::path& d) {
                              return Arguments{"--data", "fashion-mnist:" + d.string()};
                            },
                            1,
                            {kImages, "No such file"}},
                      Input{"WrongMagic",
                            [](const fs::path& d) { return fashion_mnist(d, kImages, "P5 8 8 255 pixels"); },
                            1,
                            {kImages}},
                      Input{"Truncated",
                            [](const fs::path& d) {
                              return fashion_mnist(
                                  d, kImages,
                                  big_endian(0x0803, 4) + big_endian(60, 4) + big_endian(8, 4) + big_endian(8, 4));
                            },
                            1,
                            {kImages}},
                      Input{"OversizeDimension",
                            [](const fs::path& d) {
                              return fashion_mnist(d, kImages, big_endian(0x0803, 4) + std::string(12, '\xff'));
                            },
                            1,
                            {kImages}},
                      Input{"LabelOutOfRange",
                            [](const fs::path& d) {
                              return fashion_mnist(d, kLabels,
                                                   big_endian(0x0801, 4) + big_endian(60, 4) + std::string(60, '\x0a'));
                            },
                            1,
                            {kLabels, "10"}},
                      Input{"LabelMissing",
                            [](const fs::path& d) {
                              return fashion_mnist(d, kLabels,
                                                   big_endian(0x0801, 4) + big_endian(59, 4) + std::string(59, '\0'));
                            },
                            1,
                            {kLabels, "60"}}),
    name_of);

INSTANTIATE_TEST_SUITE_P(Cifar10, GlowTrainInput,
                         ::testing::Values(Input{"Missing",
                                                 [](const fs::path& d) {
                                                   return Arguments{"--data", "cifar10:" + d.string()};
                                                 },
                                                 1,
                                                 {"batches.meta.txt", "No such file"}},
                                           Input{"Truncated",
                                                 [](const fs::path& d) { return cifar10(d, std::string(3072, '\0')); },
                                                 1,
                                                 {"data_batch_5.bin", "3072"}},
                                           Input{"LabelOutOfRange",
                                                 [](const fs::path& d) {
                                                   return cifar10(d, "\x02" + std::string(3072, '\0'));
                                                 },
                                                 1,
                                                 {"data_batch_5.bin", "labels 0..1"}}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(
    Models, GlowTrainInput,
    ::testing::Values(
        Input{"Missing",
              [](const fs::path& d) {
                return init_from(d, "") + Arguments{"--init-from", (d / "no.safetensors").string()};
              },
              1,
              {"no.safetensors", "No such file"}},
        Input{
            "WrongMagic", [](const fs::path& d) { return init_from(d, "not a model at all"); }, 1, {"bad.safetensors"}},
        Input{"Truncated",
              [](const fs::path& d) { return init_from(d, model_bytes().substr(0, 60'000)); },
              1,
              {"bad.safetensors"}},
        Input{"HeaderBeyondTheFile",
              [](const fs::path& d) { return init_from(d, model_bytes().replace(0, 8, little_endian(99'999'999, 8))); },
              1,
              {"bad.safetensors"}},
        Input{"AnotherDepth",
              [](const fs::path& d) { return init_from(d, model_bytes()); },
              2,
              {"--levels 1 contradicts", "bad.safetensors", "levels is 3"}}),
    name_of);

/// Whether all that a run that could not write its model left is small and whole.
void expect_no_part_of_a_model(const fs::path& out) {
  const std::set<std::string> small{"config.json", "metrics.jsonl", "timing.jsonl"};
  for (const auto& entry : fs::recursive_directory_iterator(out)) {
    EXPECT_TRUE(entry.is_directory() || small.contains(entry.path().filename())) << entry.path();
  }
}

/// Places where nothing can be written, for root too.
TEST(GlowTrainOut, BelowARegularFileIsRefused) {
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {20, 8, 8});
  const auto out = (data / "run").string();
  const auto outcome = train({"--data", "npy:" + data.string(), "--out", out});
  EXPECT_TRUE(failed(outcome, "glow-train", 1, {"cannot write " + out, "no directory"}));
}

TEST(GlowTrainOut, WithoutRoomForAFileFailsAndLeavesNoPartOfOne) {
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {40, 8, 8});
  const auto out = directory / "run";
  constexpr rlim_t kLimit = 3000;  // room for the configuration, not for a model
  const auto outcome = train(
      Arguments{"--data", "npy:" + data.string(), "--out", out.string(), "--steps", "1", "--quiet"} + tiny_model(),
      {.file_size = kLimit});
  EXPECT_TRUE(failed(outcome, "glow-train", 1, {"cannot write", "File too large"}));
  expect_no_part_of_a_model(out);
}

TEST(GlowTrainOut, OnAFullDiskFailsAndLeavesNoPartOfAFile) {
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

TEST(GlowTrainOut, ThatHoldsOtherFilesIsLeftAlone) {
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
