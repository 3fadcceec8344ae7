#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "distributed/store_text.h"

namespace glow::distributed {

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

  void request_stop() { set_text(*store_, kStopKey, "1"); }
  bool stop_requested() const { return store_->check({kStopKey}); }

 private:
  static constexpr const char* kFailureKey = "failure";
  static constexpr const char* kStopKey = "stop";

  c10::intrusive_ptr<c10d::Store> store_;
  std::int64_t rank_;
};

}  // namespace glow::distributed
