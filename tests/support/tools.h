#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <signal.h>
#include <sys/resource.h>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <glow/io/npy.h>

#include "support/files.h"
#include "support/subprocess.h"
#include "tools/glow_tools.h"

namespace glow::testing {

using Arguments = std::vector<std::string>;

inline Arguments operator+(Arguments first, const Arguments& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// The command line of the program "glow-train", "glow-sample", "glow-eval" or "glow-edit", for run_process or Process:
/// for tests of signals, terminals, limits, peak memory and launchers. Other tests call the tools in process, below.
inline Arguments command(const std::string& tool, const Arguments& arguments) {
  return Arguments{std::string(GLOW_TOOLS_DIR) + "/" + tool} + arguments;
}

/// Restores, in its destructor, the settings of this process that a call of a tool changes.
class KeptSettings {
 public:
  KeptSettings() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], nullptr, &actions_[i]);
  }
  ~KeptSettings() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &actions_[i], nullptr);
    at::set_num_threads(threads_);
  }
  KeptSettings(const KeptSettings&) = delete;
  KeptSettings& operator=(const KeptSettings&) = delete;

 private:
  static constexpr std::array kSignals{SIGALRM, SIGHUP,  SIGINT,  SIGPIPE, SIGPWR,
                                       SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ};
  std::array<struct sigaction, kSignals.size()> actions_{};
  int threads_ = at::get_num_threads();
};

/// Limits the size of files that this process writes during the object's lifetime. Only for calls of tools, which
/// ignore SIGXFSZ.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

/// Collects the text of a stream.
class Captured {
 public:
  explicit Captured(std::ostream& stream) : stream_(stream), buffer_(stream.rdbuf(text_.rdbuf())) {}
  ~Captured() { stream_.rdbuf(buffer_); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::ostream& stream_;
  std::streambuf* buffer_;
};

/// Calls a tool in this process. std::cout and std::cerr are captured, as LibTorch prints its warnings there.
inline Outcome call(int (*tool)(std::span<const std::string>, tools::Console&), const Arguments& arguments,
                    std::size_t terminal_columns = 0) {
  const KeptSettings kept;
  const Captured out(std::cout), err(std::cerr);
  tools::Console console{std::cout, std::cerr, [=] { return terminal_columns; }};
  const int exit_code = tool(arguments, console);
  return {exit_code, out.text(), err.text()};
}

inline Outcome train(const Arguments& arguments) { return call(tools::run_glow_train, arguments); }
inline Outcome eval(const Arguments& arguments) { return call(tools::run_glow_eval, arguments); }
inline Outcome sample(const Arguments& arguments) { return call(tools::run_glow_sample, arguments); }
inline Outcome edit(const Arguments& arguments) { return call(tools::run_glow_edit, arguments); }

/// The path of a model of tests/reference/fixtures.
inline std::string fixture_model(const std::string& name) {
  return (std::filesystem::path(GLOW_TEST_FIXTURES) / (name + ".model.safetensors")).string();
}

inline const std::string kColourModel = fixture_model("colour_conv1x1_affine");      // 3 channels, 8x12, 2 levels
inline const std::string kGreyModel = fixture_model("grey_lu_affine");               // 1 channel, 4x8
inline const std::string kClassModel = fixture_model("conditional_conv1x1_affine");  // 3 channels, 4x8, 3 classes

/// Whether the tool returned `exit_code`, printed nothing on stdout, and on stderr one line "tool: ..." that contains
/// all of `parts`.
inline ::testing::AssertionResult failed(const Outcome& outcome, const std::string& tool, int exit_code,
                                         const std::vector<std::string>& parts) {
  const auto& err = outcome.err;
  bool one_line = err.starts_with(tool + ": ") && err.ends_with('\n');
  for (auto end = err.find('\n'); end + 1 < err.size(); end = err.find('\n', end + 1))
    one_line = one_line && err.compare(end + 1, 2, "  ") == 0;  // of a list of images
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

/// The name of a case of a parametrised test: the name of its parameter.
inline constexpr auto name_of = [](const auto& test) { return test.param.name; };

/// Pseudorandom bytes, the same for the same count.
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

/// Flags for a model of 8x8 images that trains in milliseconds.
inline Arguments tiny_model() {
  return {"--levels", "2", "--depth", "1", "--width", "8", "--batch", "8", "--valid-images", "8", "--threads", "1"};
}

}  // namespace glow::testing
