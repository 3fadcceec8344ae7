#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <glow/io/npy.h>

#include "support/files.h"
#include "support/subprocess.h"

namespace glow::testing {

using Arguments = std::vector<std::string>;

inline Arguments operator+(Arguments first, const Arguments& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// "glow-train", "glow-sample", "glow-eval" or "glow-edit" with arguments.
inline Arguments command(const std::string& tool, const Arguments& arguments) {
  return Arguments{std::string(GLOW_TOOLS_DIR) + "/" + tool} + arguments;
}

inline Outcome train(const Arguments& arguments, ProcessOptions options = {}) {
  return run(command("glow-train", arguments), options);
}

inline Outcome eval(const Arguments& arguments, ProcessOptions options = {}) {
  return run(command("glow-eval", arguments), options);
}

inline Outcome sample(const Arguments& arguments, ProcessOptions options = {}) {
  return run(command("glow-sample", arguments), options);
}

inline Outcome edit(const Arguments& arguments, ProcessOptions options = {}) {
  return run(command("glow-edit", arguments), options);
}

/// Did the tool end with `exit_code`, nothing on stdout, and on stderr one line "tool: ..." that holds all of `parts`?
inline ::testing::AssertionResult failed(const Outcome& outcome, const std::string& tool, int exit_code,
                                         const std::vector<std::string>& parts) {
  const auto& err = outcome.err;
  const bool one_line = err.starts_with(tool + ": ") && err.find('\n') == err.size() - 1;
  bool holds_all = true;
  for (const auto& part : parts) holds_all = holds_all && err.find(part) != std::string::npos;
  if (outcome.exit_code == exit_code && outcome.out.empty() && one_line && holds_all) {
    return ::testing::AssertionSuccess();
  }
  auto failure = ::testing::AssertionFailure()
                 << "expected exit code " << exit_code << " and one line \"" << tool << ": ...\" with";
  for (const auto& part : parts) failure << " \"" << part << "\"";
  return failure << "; got " << outcome.exit_code << ", stdout \"" << outcome.out << "\", stderr \"" << err << "\"";
}

inline ::testing::AssertionResult succeeded(const Outcome& outcome) {
  if (outcome.exit_code == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "exit code " << outcome.exit_code << ": " << outcome.err;
}

/// The name of a case of a parametrised test: its parameter's.
inline constexpr auto name_of = [](const auto& test) { return test.param.name; };

/// Bytes that vary from image to image and pixel to pixel, the same for the same count.
inline std::string image_bytes(std::int64_t count) {
  std::string bytes;
  std::uint32_t state = 1;
  for (std::int64_t i = 0; i < count; ++i) {
    state = state * 1664525 + 1013904223;
    bytes += static_cast<char>(state >> 25);
  }
  return bytes;
}

/// An .npy file of `shape` = [N, H, W] or [N, H, W, C] for glow-train.
inline std::filesystem::path put_images(const std::filesystem::path& path, const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const auto length : shape) count *= length;
  io::write_npy(path, "|u1", shape, image_bytes(count));
  return path;
}

/// Four idx files of 8x8 images as fashion-mnist:DIR reads them: 60 training and 20 test images of classes 0 to 9.
inline std::filesystem::path put_fashion_mnist(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  for (const auto& [name, count] : {std::pair{"train", 60}, std::pair{"t10k", 20}}) {
    const auto images = big_endian(0x0803, 4) + big_endian(count, 4) + big_endian(8, 4) + big_endian(8, 4);
    put(directory / (std::string(name) + "-images-idx3-ubyte"), images + image_bytes(count * 64));
    std::string labels = big_endian(0x0801, 4) + big_endian(count, 4);
    for (int i = 0; i < count; ++i) labels += static_cast<char>(i % 10);
    put(directory / (std::string(name) + "-labels-idx1-ubyte"), labels);
  }
  return directory;
}

/// Flags for a model of 8x8 images that trains in no time.
inline Arguments tiny_model() {
  return {"--levels", "2", "--depth", "1", "--width", "8", "--batch", "8", "--valid-images", "8", "--threads", "1"};
}

}  // namespace glow::testing
