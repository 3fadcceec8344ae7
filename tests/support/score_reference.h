#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <glow/io/image.h>
#include <glow/io/safetensors.h>

namespace glow::testing {

/// Scores of images under a model, computed by the Python reference.
class ScoreReference {
 public:
  explicit ScoreReference(const std::string& name)
      : file_(std::filesystem::path(GLOW_TEST_FIXTURES) / (name + ".scores.safetensors")) {}

  std::string seed() const { return file_.metadata_value("seed"); }
  /// Image `index`.
  io::Image image(std::int64_t index) const {
    const auto& entry = find("bytes");
    const auto channels = entry.shape[1], pixels = entry.shape[2] * entry.shape[3];
    io::Image image{{static_cast<int>(entry.shape[2]), static_cast<int>(entry.shape[3]), static_cast<int>(channels)},
                    {}};
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const auto place = static_cast<std::size_t>((index * channels + c) * pixels + pixel);
        image.pixels.push_back(static_cast<std::uint8_t>(entry.data[place]));
      }
    }
    return image;
  }
  std::int64_t images() const { return find("bytes").shape[0]; }
  std::vector<std::int64_t> labels() const { return values<std::int64_t>("labels"); }
  std::vector<std::int64_t> predicted() const { return values<std::int64_t>("predicted"); }
  std::vector<double> numbers(const std::string& name) const { return values<double>(name); }
  /// The mean over the draws of each image.
  std::vector<double> mean_over_draws(const std::string& name) const {
    const auto all = numbers(name);
    const auto count = static_cast<std::size_t>(images());
    std::vector<double> mean(count);
    for (std::size_t i = 0; i < all.size(); ++i) mean[i % count] += all[i] / static_cast<double>(all.size() / count);
    return mean;
  }

 private:
  const io::TensorEntry& find(const std::string& name) const {
    for (const auto& entry : file_.entries()) {
      if (entry.name == name) return entry;
    }
    throw std::runtime_error("no tensor " + name);
  }

  template <class Number>
  std::vector<Number> values(const std::string& name) const {
    const auto& data = find(name).data;
    std::vector<Number> numbers(data.size() / sizeof(Number));
    std::memcpy(numbers.data(), data.data(), data.size());
    return numbers;
  }

  io::SafetensorsReader file_;
};

}  // namespace glow::testing
