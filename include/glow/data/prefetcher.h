#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>
#include <variant>

#include <glow/error.h>

#pragma GCC visibility push(default)

namespace glow::data {

/// Calls `produce(first)`, `produce(first + 1)`, ... `produce(end - 1)` on a background thread, at most `depth` results
/// ahead of the consumer, and returns the results in order. One consumer at a time. The destructor waits only for the
/// current call.
template <class Item>
class Prefetcher {
 public:
  /// Starts the thread. Throws ConfigError when depth is 0.
  Prefetcher(std::function<Item(std::int64_t)> produce, std::int64_t first, std::int64_t end, std::size_t depth = 2)
      : produce_(std::move(produce)), remaining_(end - first), depth_(depth) {
    if (depth == 0) throw ConfigError("prefetcher: depth must be at least 1, is 0");
    thread_ = std::jthread([this, first, end](std::stop_token stop) { run(stop, first, end); });
  }

  /// The next result; waits until it is there. Rethrows an exception of `produce` in place of its result, and in every
  /// later call. Throws std::logic_error after the last result.
  Item next() {
    std::unique_lock lock(mutex_);
    if (remaining_ <= 0) throw std::logic_error("prefetcher: no results are left");
    changed_.wait(lock, [this] { return !ready_.empty(); });
    if (const auto* error = std::get_if<std::exception_ptr>(&ready_.front())) std::rethrow_exception(*error);
    Item item = std::get<Item>(std::move(ready_.front()));
    ready_.pop_front();
    --remaining_;
    changed_.notify_all();
    return item;
  }

 private:
  using Result = std::variant<Item, std::exception_ptr>;

  void run(const std::stop_token& stop, std::int64_t first, std::int64_t end) {
    bool failed = false;
    for (std::int64_t number = first; number < end && !failed; ++number) {
      if (!wait_for_room(stop)) return;
      Result result = call(number);
      failed = std::holds_alternative<std::exception_ptr>(result);
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(result));
      changed_.notify_all();
    }
  }

  /// Returns false when the destructor requests a stop.
  bool wait_for_room(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [this] { return ready_.size() < depth_; });
    return !stop.stop_requested();
  }

  Result call(std::int64_t number) {
    try {
      return produce_(number);
    } catch (...) {
      return std::current_exception();
    }
  }

  std::function<Item(std::int64_t)> produce_;
  std::int64_t remaining_;
  std::size_t depth_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Result> ready_;
  /// The last member, so that it is joined before the members that it uses are destroyed.
  std::jthread thread_;
};

}  // namespace glow::data

#pragma GCC visibility pop
