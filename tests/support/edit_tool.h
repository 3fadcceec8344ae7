#pragma once

#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <glow/io/npy.h>

#include "support/temporary_directory.h"
#include "support/tools.h"

namespace glow::testing {

/// A model of tests/reference/fixtures.
inline std::string fixture_model(const std::string& name) {
  return (std::filesystem::path(GLOW_TEST_FIXTURES) / (name + ".model.safetensors")).string();
}

inline const std::string kColourModel = fixture_model("colour_conv1x1_affine");      // 3 channels, 8x12, 2 levels
inline const std::string kGreyModel = fixture_model("grey_lu_affine");               // 1 channel, 4x8
inline const std::string kClassModel = fixture_model("conditional_conv1x1_affine");  // 3 channels, 4x8, 3 classes

/// float32 numbers as bytes, and the reverse.
inline std::string float_bytes(const std::vector<float>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float)};
}
inline std::vector<float> floats_of(std::string_view bytes) {
  std::vector<float> numbers(bytes.size() / sizeof(float));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(float));
  return numbers;
}

/// Runs glow-edit in a directory of its own.
class GlowEdit : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (directory_ / name).string(); }

  /// What `glow-edit SUBCOMMAND --model MODEL FLAGS` leaves behind.
  static Outcome run_edit(const std::string& subcommand, const std::string& model, const Arguments& flags) {
    return edit(Arguments{subcommand, "--model", model} + flags + Arguments{"--threads", "1"});
  }

  /// The bytes of the array that it writes; its shape is shape_.
  std::string array(const std::string& subcommand, const std::string& model, const Arguments& flags) {
    const auto out = path("array.npy");
    const auto outcome = run_edit(subcommand, model, flags + Arguments{"--out", out, "--overwrite"});
    EXPECT_TRUE(succeeded(outcome));
    EXPECT_EQ(outcome.err, "");
    const io::NpyReader reader(out);
    shape_ = reader.shape();
    return std::string(reader.data());
  }

  /// Writes colour.npy, images of kColourModel's size; returns their bytes.
  std::string put_colour(std::int64_t count) const {
    const std::int64_t size = count * kColourBytes;
    auto bytes = image_bytes(size);
    // Between 96 and 160: random images from end to end are too unlike any that a model knows.
    for (auto& byte : bytes) byte = static_cast<char>(96 + static_cast<unsigned char>(byte) / 2);
    io::write_npy(path("colour.npy"), "|u1", {count, 8, 12, 3}, bytes);
    return bytes;
  }
  static constexpr std::int64_t kColourBytes = 8 * 12 * 3;

  TemporaryDirectory directory_;
  std::vector<std::int64_t> shape_;
};

}  // namespace glow::testing
