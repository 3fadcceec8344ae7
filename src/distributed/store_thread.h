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

/// The only thread that talks to the store. If the network link breaks, a request to the store may never return. So the
/// other threads make no requests: they leave tasks here and wait for the result for a limited time. A second thread,
/// the watchdog, never talks to the store; it notices that a request has not returned when no other thread waits for a
/// result.
class StoreThread {
 public:
  struct Options {
    /// The longest pause between two rounds.
    std::chrono::milliseconds interval{};
    /// How long a caller waits for the store's answer. After one missing answer the store counts as silent.
    std::chrono::milliseconds answer_time{};
    /// The store also counts as silent when no round has completed for this long.
    std::chrono::milliseconds silence{};
  };

  explicit StoreThread(Options options) : options_(options) {}

  /// Starts both threads. The store thread runs the tasks, then `round`, again and again; the watchdog calls `silent`
  /// once when the rounds stop. The threads are detached, because a silent store may block one forever; they share the
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
  /// Ends both threads and waits for them, for `answer_time` at most. Does not wait for a store thread that is blocked
  /// by a silent store.
  void stop();

 private:
  void run(const std::function<void()>& round);
  void watch(const std::function<void()>& silent);

  Options options_;
  std::atomic<bool> is_silent_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Protected by the mutex. Every change, except of rounds_, notifies changed_.
  std::deque<std::function<void()>> tasks_;
  /// How many rounds have completed.
  std::int64_t rounds_ = 0;
  bool stops_ = false;
  /// The numbers of running threads and of running reports.
  int running_ = 0, reporting_ = 0;
};

}  // namespace glow::distributed
