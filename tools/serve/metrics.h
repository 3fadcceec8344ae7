#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace glow::tools {

/// Counts of requests and their durations, in the text format of Prometheus. Safe to use from several threads.
class RequestMetrics {
 public:
  void add(const std::string& path, int status, double seconds) {
    const std::lock_guard lock(mutex_);
    ++requests_[{path, status}];
    auto& durations = durations_[path];
    durations.sum += seconds;
    ++durations.count;
    for (std::size_t i = 0; i < kBounds.size(); ++i) durations.below[i] += seconds <= kBounds[i] ? 1 : 0;
  }

  std::string text() const {
    const std::lock_guard lock(mutex_);
    std::string text =
        "# HELP glow_requests_total Answered requests.\n"
        "# TYPE glow_requests_total counter\n";
    for (const auto& [key, count] : requests_) {
      text += "glow_requests_total{path=\"" + key.first + "\",status=\"" + std::to_string(key.second) + "\"} " +
              std::to_string(count) + "\n";
    }
    text +=
        "# HELP glow_request_seconds Time from the whole request to its answer.\n"
        "# TYPE glow_request_seconds histogram\n";
    for (const auto& [path, durations] : durations_) {
      const auto name = "glow_request_seconds_bucket{path=\"" + path + "\",le=\"";
      for (std::size_t i = 0; i < kBounds.size(); ++i) {
        text += name + kBoundTexts[i] + "\"} " + std::to_string(durations.below[i]) + "\n";
      }
      text += name + "+Inf\"} " + std::to_string(durations.count) + "\n";
      text += "glow_request_seconds_sum{path=\"" + path + "\"} " + std::to_string(durations.sum) + "\n";
      text += "glow_request_seconds_count{path=\"" + path + "\"} " + std::to_string(durations.count) + "\n";
    }
    return text;
  }

 private:
  static constexpr std::array<double, 8> kBounds{0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30};
  static constexpr std::array<const char*, 8> kBoundTexts{"0.01", "0.03", "0.1", "0.3", "1", "3", "10", "30"};

  struct Durations {
    double sum = 0;
    std::int64_t count = 0;
    /// Requests of at most each bound.
    std::array<std::int64_t, 8> below{};
  };

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::int64_t> requests_;
  std::map<std::string, Durations> durations_;
};

}  // namespace glow::tools
