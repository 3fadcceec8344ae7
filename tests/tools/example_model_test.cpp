// Checks that the model in examples/models works with this build and that the statements of its README are true.

#include <filesystem>
#include <regex>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/io/npy.h>

#include "support/temporary_directory.h"
#include "support/tools.h"

namespace glow::testing::example_model_test {
namespace {

namespace fs = std::filesystem;

#ifdef __SANITIZE_ADDRESS__
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

/// GLOW_TEST_FIXTURES is tests/reference/fixtures.
const std::string kModel =
    (fs::path(GLOW_TEST_FIXTURES) / "../../../examples/models/fashion-mnist.safetensors").lexically_normal().string();

class ExampleModel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists("/usr/share/datasets/fashion-mnist")) GTEST_SKIP() << "dataset-fashion-mnist is not installed";
  }
  std::string path(const char* name) const { return (directory_ / name).string(); }

  TemporaryDirectory directory_;
};

TEST_F(ExampleModel, ScoreMatchesItsReadme) {
  if (kSanitized) GTEST_SKIP() << "10,000 images take a sanitizer minutes";
  const auto outcome = eval({"--model", kModel, "--data", "fashion-mnist", "--json", "--threads", "1"});
  ASSERT_TRUE(succeeded(outcome));
  const auto score = nlohmann::json::parse(outcome.out).at("data").at("bits_per_dim").get<double>();
  const auto readme = get(fs::path(kModel).parent_path() / "README.md");
  std::smatch found;
  ASSERT_TRUE(std::regex_search(readme, found, std::regex("([0-9]+\\.[0-9]+) ± [0-9.]+ bits/dim"))) << readme;
  EXPECT_NEAR(score, std::stod(found[1]), 0.001);
  EXPECT_LT(fs::file_size(kModel), 6'000'000u);
}

TEST_F(ExampleModel, SamplesAndReconstructsRealImages) {
  EXPECT_TRUE(succeeded(sample({"--model", kModel, "--out", path("samples.png"), "--count", "8", "--threads", "1"})));
  const Arguments common{"--model", kModel, "--threads", "1"};
  std::string picked = "0";
  for (int i = 1; i < 64; ++i) picked.append(",").append(std::to_string(i));
  const auto there_and_back = [&](const Arguments& images, const std::string& out) {
    const auto z = path("z.safetensors");
    EXPECT_TRUE(succeeded(edit(Arguments{"encode", "--out", z, "--overwrite"} + images + common)));
    EXPECT_TRUE(succeeded(edit(Arguments{"decode", "--latents", z, "--out", out} + common)));
  };
  // The decoded images have the model's number of bits; a second round trip must not change them.
  there_and_back({"--images", "fashion-mnist", "--pick", picked}, path("once.npy"));
  there_and_back({"--images", path("once.npy")}, path("twice.npy"));
  EXPECT_EQ(io::NpyReader(path("twice.npy")).data(), io::NpyReader(path("once.npy")).data());
}

}  // namespace
}  // namespace glow::testing::example_model_test
