#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <torch/csrc/distributed/c10d/Store.hpp>

namespace glow::distributed {

// Text as the value of a key of a c10d store, whose values are bytes.

inline std::vector<std::uint8_t> to_bytes(const std::string& text) { return {text.begin(), text.end()}; }
inline std::string to_text(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

inline void set_text(c10d::Store& store, const std::string& key, const std::string& text) {
  store.set(key, to_bytes(text));
}

/// Waits for the key, for the store's time-out at most.
inline std::string wait_for_text(c10d::Store& store, const std::string& key) { return to_text(store.get(key)); }

/// nullopt when the key is not set. Does not wait for it.
inline std::optional<std::string> find_text(c10d::Store& store, const std::string& key) {
  if (!store.check({key})) return std::nullopt;
  return to_text(store.get(key));
}

}  // namespace glow::distributed
