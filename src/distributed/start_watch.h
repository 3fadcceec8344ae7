#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace glow::distributed {

/// Reports once what this process waits for at the start, when the processes have not all joined after some time: until
/// then a process would wait for its time-out without a word. The thread that connects may be blocked in c10d, so the
/// report comes from a thread of this object.
class StartWatch {
 public:
  /// Without `report` nothing happens. It is called on another thread, and not after the destructor.
  StartWatch(std::chrono::milliseconds patience, std::function<void(const std::string&)> report)
      : patience_(patience), report_(std::move(report)) {
    if (report_) thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
  }

  /// What this process waits for from now on, as "rank 3"; "" if another rank reports it.
  void wait_for(std::string what) {
    const std::lock_guard lock(mutex_);
    what_ = std::move(what);
    changed_.notify_all();
  }

 private:
  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, patience_, [] { return false; });
    changed_.wait(lock, stop, [this] { return !what_.empty(); });
    if (!stop.stop_requested()) report_(what_);
  }

  std::chrono::milliseconds patience_;
  std::function<void(const std::string&)> report_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::string what_;
  /// The last member, so that it is joined before the members that it uses are destroyed.
  std::jthread thread_;
};

}  // namespace glow::distributed
