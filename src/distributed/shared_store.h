#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
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

/// Writes this rank's heartbeats to the store and reads those of the other ranks. Its keys: "beat/R" has the value
/// "BEATS COLLECTIVES" of rank R, "end/R" is set when rank R leaves the run. Only the store thread uses it.
class Heartbeat {
 public:
  /// The time between two heartbeats of a rank.
  static constexpr std::chrono::milliseconds kInterval{250};

  /// The last heartbeat of a rank: how many it has written, and how many collectives it has started. -1 before the
  /// first heartbeat.
  struct Value {
    std::int64_t beats = -1, collectives = -1;
  };

  Heartbeat(c10::intrusive_ptr<c10d::Store> store, std::int64_t rank, std::int64_t size)
      : store_(std::move(store)), rank_(rank), size_(size) {}

  std::int64_t rank() const { return rank_; }
  std::int64_t size() const { return size_; }

  void write(std::int64_t collectives) {
    set_text(*store_, beat_key(rank_), std::to_string(++beats_) + " " + std::to_string(collectives));
  }

  Value read(std::int64_t rank) const {
    const auto text = find_text(*store_, beat_key(rank));
    long long beats = 0, collectives = 0;
    if (!text || std::sscanf(text->c_str(), "%lld %lld", &beats, &collectives) != 2) return {};
    return {beats, collectives};
  }

  /// The last heartbeats of all ranks, by rank.
  std::vector<Value> read_all() const {
    std::vector<Value> values;
    for (std::int64_t rank = 0; rank < size_; ++rank) values.push_back(read(rank));
    return values;
  }

  /// Tells the others that this rank leaves: it is not lost when its heartbeats stop.
  void write_end() { set_text(*store_, end_key(rank_), "1"); }
  bool has_ended(std::int64_t rank) const { return store_->check({end_key(rank)}); }
  /// Whether all other ranks have written that they leave.
  bool others_have_ended() const {
    std::vector<std::string> keys;
    for (std::int64_t rank = 0; rank < size_; ++rank) {
      if (rank != rank_) keys.push_back(end_key(rank));
    }
    return keys.empty() || store_->check(keys);
  }

 private:
  static std::string beat_key(std::int64_t rank) { return "beat/" + std::to_string(rank); }
  static std::string end_key(std::int64_t rank) { return "end/" + std::to_string(rank); }

  c10::intrusive_ptr<c10d::Store> store_;
  std::int64_t rank_, size_;
  std::int64_t beats_ = 0;
};

/// The two facts that all ranks of a run share through the store, each set once and never cleared: the failure that
/// ends the run ("failure"), and that the run was asked to stop ("stop"). Only the store thread uses it.
class FailureBoard {
 public:
  FailureBoard(c10::intrusive_ptr<c10d::Store> store, std::int64_t rank) : store_(std::move(store)), rank_(rank) {}

  /// Publishes the failure if no rank has published one before: the store compares and sets in one operation, so that
  /// all ranks read the same failure. Returns whether this one was the first.
  bool publish(const std::string& failure) {
    // Two ranks may publish the same text; the rank in front of it tells them apart.
    const auto value = std::to_string(rank_) + " " + failure;
    return to_text(store_->compareSet(kFailureKey, {}, to_bytes(value))) == value;
  }

  /// The published failure; nullopt when there is none.
  std::optional<std::string> failure() const {
    const auto value = find_text(*store_, kFailureKey);
    if (!value) return std::nullopt;
    return value->substr(value->find(' ') + 1);
  }

  /// The rank that has published it; nullopt when there is none.
  std::optional<std::int64_t> publisher() const {
    const auto value = find_text(*store_, kFailureKey);
    if (!value) return std::nullopt;
    return std::stoll(*value);
  }

  void request_stop() { set_text(*store_, kStopKey, "1"); }
  bool stop_requested() const { return store_->check({kStopKey}); }

 private:
  static constexpr const char* kFailureKey = "failure";
  static constexpr const char* kStopKey = "stop";

  c10::intrusive_ptr<c10d::Store> store_;
  std::int64_t rank_;
};

}  // namespace glow::distributed
