#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "distributed/store_text.h"

namespace glow::distributed {

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

}  // namespace glow::distributed
