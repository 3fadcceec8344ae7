#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace glow::distributed {

/// The only thread that talks to the store. Behind a broken link a request to the store may never return, so no other
/// thread makes one: they leave tasks here and wait for the result for a limited time. A second thread, the watchdog,
/// never talks to the store; it notices that a request has not returned when no other thread waits for a result.
class StoreThread {
 public:
  struct Options {
    /// The longest pause between two rounds.
    std::chrono::milliseconds interval{};
    /// How long a caller waits for the store's answer. After one answer that did not come the store counts as silent.
    std::chrono::milliseconds answer_time{};
    /// A store in which no round has completed for so long is silent too.
    std::chrono::milliseconds silence{};
  };

  explicit StoreThread(Options options) : options_(options) {}

  /// Starts both threads. The store thread runs the tasks, then `round`, again and again; the watchdog calls `silent`
  /// once when the rounds stop. The threads are detached, because a silent store may hold one forever; they share the
  /// ownership of `owner`, which contains this object and everything that the functions use.
  void start(const std::shared_ptr<const void>& owner, std::function<void()> round, std::function<void()> silent);

  /// Runs the task on the store thread and returns its result. nullopt when the store has failed (the task has thrown),
  /// is silent, or when `stop` was called.
  std::optional<bool> ask(std::function<bool()> task);
  /// Declares the store silent: it is not asked again.
  void give_up() { is_silent_ = true; }
  /// How long a caller waits for the store's answer.
  std::chrono::milliseconds answer_time() const { return options_.answer_time; }

  /// Calls `report`, unless `stop` was called; `stop` waits for a report that has begun.
  void unless_stopped(const std::function<void()>& report);
  /// Ends both threads and waits for them, except for a store thread that waits for a silent store, and for
  /// `answer_time` at most.
  void stop();

 private:
  void run(const std::function<void()>& round);
  void watch(const std::function<void()>& silent);

  Options options_;
  std::atomic<bool> is_silent_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Protected by the mutex; changed_ is notified of each change but that of rounds_.
  std::deque<std::function<void()>> tasks_;
  /// How many rounds have completed.
  std::int64_t rounds_ = 0;
  bool stops_ = false;
  /// Threads that have not ended, and reports that have begun and not ended.
  int running_ = 0, reporting_ = 0;
};

}  // namespace glow::distributed
