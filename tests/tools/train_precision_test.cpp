// Compares the validation loss of the demo's model with bfloat16 and float32 coupling networks. GLOW_TEST_DEMO_STEPS is
// the number of training steps, 100 by default; the demo has 3000.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/io/npy.h>

#include "io/idx.h"
#include "support/files.h"
#include "support/tools.h"

namespace glow::testing::train_precision_test {
namespace {

namespace fs = std::filesystem;

std::string steps() {
  const char* wanted = std::getenv("GLOW_TEST_DEMO_STEPS");
  return wanted != nullptr ? wanted : "100";
}

/// The first images of Fashion-MNIST as an array.
fs::path put_real_images(const fs::path& path, std::int64_t count) {
  const auto all = io::read_idx("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz");
  const auto image_size = static_cast<std::size_t>(all.shape.at(1) * all.shape.at(2));
  io::write_npy(path, "|u1", {count, all.shape[1], all.shape[2]},
                std::string_view(all.bytes).substr(0, static_cast<std::size_t>(count) * image_size));
  return path;
}

class GlowTrainPrecision : public ::testing::Test {
 protected:
  /// Trains the demo's model and returns its last validation bits/dim.
  double validation_bits(const std::string& precision) const {
    const auto run = directory_ / precision;
    const auto outcome = train({"--preset",       "demo",    "--data",         "npy:" + images_.string(),
                                "--valid-images", "500",     "--steps",        steps(),
                                "--eval-every",   "0",       "--sample-every", "0",
                                "--seed",         "1",       "--threads",      "1",
                                "--precision",    precision, "--out",          run.string()});
    EXPECT_TRUE(succeeded(outcome));
    double bits = std::nan("");
    std::istringstream lines(get(run / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const auto json = nlohmann::json::parse(line);
      if (json.contains("valid_bits_per_dim")) bits = json["valid_bits_per_dim"].get<double>();
    }
    return bits;
  }

  TemporaryDirectory directory_;
  fs::path images_ = put_real_images(directory_ / "images.npy", 6000);
};

TEST_F(GlowTrainPrecision, Bf16ReachesTheValidationLossOfFp32) {
  const double fp32 = validation_bits("fp32"), bf16 = validation_bits("bf16");
  std::cout << steps() << " steps: " << fp32 << " bits/dim in fp32, " << bf16 << " in bf16\n";
  EXPECT_LT(fp32, 3.5);
  EXPECT_NE(fp32, bf16);
  EXPECT_NEAR(fp32, bf16, 0.01);
}

}  // namespace
}  // namespace glow::testing::train_precision_test
