#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include <torch/types.h>

namespace glow::tools {

/// The latents of one image, and its class.
struct KeptLatents {
  /// [D] in the model's dtype, in the order of nn::flatten.
  torch::Tensor eps;
  /// -1 for an unconditional model.
  std::int64_t label = -1;
};

/// Latents by identifiers that cannot be guessed. The least recently used ones are dropped. Safe to use from several
/// threads.
class LatentCache {
 public:
  explicit LatentCache(std::size_t most) : most_(most) {}

  /// 32 hexadecimal digits.
  std::string add(KeptLatents latents) {
    const std::lock_guard lock(mutex_);
    auto id = new_id();
    order_.push_front(id);
    kept_.emplace(id, Entry{std::move(latents), order_.begin()});
    if (kept_.size() > most_) {
      kept_.erase(order_.back());
      order_.pop_back();
    }
    return id;
  }

  /// Nullopt if there are none of this name, or no more.
  std::optional<KeptLatents> find(const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(id);
    if (found == kept_.end()) return std::nullopt;
    order_.splice(order_.begin(), order_, found->second.place);
    return found->second.latents;
  }

 private:
  struct Entry {
    KeptLatents latents;
    std::list<std::string>::iterator place;
  };

  std::string new_id() {
    std::string id;
    for (int word = 0; word < 4; ++word) {
      std::array<char, 9> digits{};
      std::snprintf(digits.data(), digits.size(), "%08x", static_cast<unsigned>(random_()));
      id += digits.data();
    }
    return id;
  }

  std::mutex mutex_;
  std::size_t most_;
  std::list<std::string> order_;
  std::map<std::string, Entry> kept_;
  /// Random numbers of the operating system.
  std::random_device random_;
};

}  // namespace glow::tools
