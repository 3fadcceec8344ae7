#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/io/image.h>
#include <glow/io/npy.h>

#include "support/pictures.h"
#include "support/score_reference.h"
#include "support/tools.h"

namespace glow::testing {

using Numbers = std::vector<double>;

inline double mean_of(const Numbers& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0) / static_cast<double>(numbers.size());
}

inline double standard_error_of(const Numbers& numbers) {
  const double mean = mean_of(numbers);
  double sum = 0;
  for (const double number : numbers) sum += (number - mean) * (number - mean);
  const auto count = static_cast<double>(numbers.size());
  return std::sqrt(sum / (count - 1) / count);
}

/// The fields of a CSV file without quotes, by line.
inline std::vector<std::vector<std::string>> csv(const std::filesystem::path& path) {
  std::vector<std::vector<std::string>> lines;
  std::istringstream text(get(path));
  for (std::string line; std::getline(text, line);) {
    lines.emplace_back();
    std::istringstream fields(line + ",");
    for (std::string field; std::getline(fields, field, ',');) lines.back().push_back(field);
  }
  return lines;
}

/// A column of numbers of a CSV file, by its heading.
inline Numbers column(const std::filesystem::path& path, const std::string& heading) {
  const auto lines = csv(path);
  const auto place = static_cast<std::size_t>(std::ranges::find(lines.at(0), heading) - lines[0].begin());
  Numbers numbers;
  for (std::size_t i = 1; i < lines.size(); ++i) numbers.push_back(std::stod(lines[i].at(place)));
  return numbers;
}

/// Runs glow-eval on files of a temporary directory.
class GlowEval : public ::testing::Test {
 protected:
  /// The JSON object that glow-eval prints with these flags.
  static nlohmann::json results(const Arguments& flags) {
    const auto outcome = eval(flags + Arguments{"--json", "--threads", "1"});
    EXPECT_TRUE(succeeded(outcome));
    EXPECT_TRUE(outcome.err.empty() || outcome.err.starts_with("folder:")) << outcome.err;  // its splits and classes
    return nlohmann::json::parse(outcome.out, nullptr, /*allow_exceptions=*/false);
  }

  /// Writes the reference's images as an array; returns the value of --data.
  std::string array(const ScoreReference& reference) {
    std::string bytes;
    io::ImageShape shape;
    for (std::int64_t i = 0; i < reference.images(); ++i) {
      const auto image = reference.image(i);
      shape = image.shape;
      bytes.append(image.pixels.begin(), image.pixels.end());
    }
    io::write_npy(directory_ / "images.npy", "|u1", {reference.images(), shape.height, shape.width, shape.channels},
                  bytes);
    return "npy:" + (directory_ / "images.npy").string();
  }

  /// Writes the reference's images as picture files, in one folder per class; returns the value of --data.
  std::string folder(const ScoreReference& reference, const std::vector<std::string>& classes) {
    const auto labels = reference.labels();
    for (std::int64_t i = 0; i < reference.images(); ++i) {
      const auto place =
          directory_ / "classes" / classes.at(static_cast<std::size_t>(labels[static_cast<std::size_t>(i)]));
      put_picture(place / (std::to_string(i) + ".png"), reference.image(i));
    }
    return "folder:" + (directory_ / "classes").string();
  }

  std::filesystem::path file(const std::string& name) const { return directory_ / name; }

  TemporaryDirectory directory_;
};

}  // namespace glow::testing
