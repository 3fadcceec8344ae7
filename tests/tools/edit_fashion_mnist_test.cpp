// Edits real images, those of Debian's package of Fashion-MNIST, with a small model that is trained on them.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/io/npy.h>

#include "io/idx.h"
#include "support/edit_tool.h"

namespace glow::testing::edit_fashion_mnist_test {
namespace {

const std::filesystem::path kData = "/usr/share/datasets/fashion-mnist";
constexpr std::int64_t kImages = 40;
constexpr std::size_t kBytes = 28 * 28;

/// The first images of the file, with the lowest bits cleared.
std::string first_images(const std::string& file, std::int64_t count, int bits = 8) {
  auto bytes = io::read_idx(kData / file).bytes.substr(0, static_cast<std::size_t>(count) * kBytes);
  for (auto& byte : bytes) byte = static_cast<char>(byte & ~((1 << (8 - bits)) - 1));
  return bytes;
}

std::size_t count_different(const std::string& one, const std::string& other) {
  std::size_t different = one.size() == other.size() ? 0 : one.size();
  for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) different += one[i] == other[i] ? 0 : 1;
  return different;
}

class EditFashionMnist : public GlowEdit {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kData)) GTEST_SKIP() << kData << " is not there";
  }

  /// Trains a model for some steps, on other images than those below, and returns its file.
  std::string trained(int bits) const {
    io::write_npy(path("train.npy"), "|u1", {256, 28, 28}, first_images("train-images-idx3-ubyte.gz", 256));
    EXPECT_TRUE(succeeded(
        train(Arguments{"--data", "npy:" + path("train.npy"), "--steps", "20", "--lr", "0.002", "--warmup-epochs", "0",
                        "--eval-every", "0", "--bits", std::to_string(bits), "--out", path("run")} +
              tiny_model())));
    return path("run/model.safetensors");
  }

  /// Flags that select the first test images of the data set.
  static Arguments test_images() {
    std::string places = "0";
    for (std::int64_t i = 1; i < kImages; ++i) places += "," + std::to_string(i);
    return {"--images", "fashion-mnist:" + kData.string(), "--pick", places};
  }
};

class EditFashionMnistBits : public EditFashionMnist, public ::testing::WithParamInterface<int> {};

TEST_P(EditFashionMnistBits, RoundTripThroughLatentsIsExact) {
  const auto model = trained(GetParam());
  const auto expected = first_images("t10k-images-idx3-ubyte.gz", kImages, GetParam());
  ASSERT_TRUE(succeeded(run_edit("encode", model, test_images() + Arguments{"--out", path("z.npy")})));
  EXPECT_TRUE(array("decode", model, {"--latents", path("z.npy")}) == expected);
  EXPECT_EQ(shape_, (std::vector<std::int64_t>{kImages, 28, 28}));
}

INSTANTIATE_TEST_SUITE_P(, EditFashionMnistBits, ::testing::Values(1, 2, 5, 8));

TEST_F(EditFashionMnist, ResultsDoNotDependOnThreadsAndBatchSize) {
  const auto model = trained(5);
  const auto expected = first_images("t10k-images-idx3-ubyte.gz", kImages, 5);
  const auto run = [&](const std::string& subcommand, const Arguments& flags, const Arguments& way) {
    EXPECT_TRUE(succeeded(edit(Arguments{subcommand, "--model", model, "--overwrite"} + flags + way)));
  };
  const auto npy = [&](const std::string& name) { return std::string(io::NpyReader(path(name)).data()); };
  std::vector<float> first;
  std::string first_samples;
  for (const auto& way : {Arguments{"--threads", "1", "--batch", "40"}, Arguments{"--threads", "2", "--batch", "40"},
                          Arguments{"--threads", "1", "--batch", "7"}}) {
    const auto text = way[1] + " threads, batches of " + way[3];
    run("encode", test_images() + Arguments{"--out", path("z.npy")}, way);
    const auto latents = floats_of(npy("z.npy"));
    if (first.empty()) first = latents;
    ASSERT_EQ(latents.size(), first.size());
    float largest = 0;
    for (std::size_t i = 0; i < latents.size(); ++i) largest = std::max(largest, std::abs(latents[i] - first[i]));
    EXPECT_LE(largest, 1e-5F) << text;
    run("decode", {"--latents", path("z.npy"), "--out", path("x.npy")}, way);
    EXPECT_TRUE(npy("x.npy") == expected) << text;
    const Arguments drawn{"--model",       model, "--count",     "40",    "--seed",     "3",
                          "--temperature", "0.7", "--overwrite", "--out", path("s.npy")};
    ASSERT_TRUE(succeeded(sample(drawn + way)));
    const auto samples = npy("s.npy");
    if (first_samples.empty()) first_samples = samples;
    // Rounding can move a sampled value at the edge of a bin into the next bin.
    EXPECT_LE(count_different(samples, first_samples), samples.size() / 1000) << text;
  }
}

}  // namespace
}  // namespace glow::testing::edit_fashion_mnist_test
