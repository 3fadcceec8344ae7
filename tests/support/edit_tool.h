#pragma once

#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <glow/io/npy.h>

#include "support/temporary_directory.h"
#include "support/tools.h"

namespace glow::testing {

/// float32 numbers as bytes, and the inverse for any type.
inline std::string float_bytes(const std::vector<float>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float)};
}
template <class Number>
std::vector<Number> numbers_of(std::string_view bytes) {
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(Number));
  return numbers;
}
inline std::vector<float> floats_of(std::string_view bytes) { return numbers_of<float>(bytes); }

/// Runs glow-edit on files of a temporary directory.
class GlowEdit : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (directory_ / name).string(); }

  /// The outcome of `glow-edit SUBCOMMAND --model MODEL FLAGS`.
  static Outcome run_edit(const std::string& subcommand, const std::string& model, const Arguments& flags) {
    return edit(Arguments{subcommand, "--model", model} + flags + Arguments{"--threads", "1"});
  }

  /// Runs it; returns the bytes of the array that it writes and sets shape_ to the array's shape. Nothing but notes on
  /// the images and latents that are used may be on stderr.
  std::string array(const std::string& subcommand, const std::string& model, const Arguments& flags) {
    const auto out = path("array.npy");
    const auto outcome = run_edit(subcommand, model, flags + Arguments{"--out", out, "--overwrite"});
    EXPECT_TRUE(succeeded(outcome));
    std::istringstream notes(outcome.err);
    for (std::string line; std::getline(notes, line);) {
      EXPECT_TRUE(line.starts_with("images: ") || line.find(": float64 latents, ") != std::string::npos) << line;
    }
    const io::NpyReader reader(out);
    shape_ = reader.shape();
    return std::string(reader.data());
  }

  /// Writes images of kColourModel's size to colour.npy; returns their bytes.
  std::string put_colour(std::int64_t count) const {
    const std::int64_t size = count * kColourBytes;
    auto bytes = image_bytes(size);
    // Values in 96..223: images with random values of the full range are too unlikely under the models.
    for (auto& byte : bytes) byte = static_cast<char>(96 + static_cast<unsigned char>(byte) / 2);
    io::write_npy(path("colour.npy"), "|u1", {count, 8, 12, 3}, bytes);
    return bytes;
  }
  static constexpr std::int64_t kColourBytes = 8 * 12 * 3;

  TemporaryDirectory directory_;
  std::vector<std::int64_t> shape_;
};

}  // namespace glow::testing
