#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace glow::distributed {

/// Knows what this process waits for at the start, and until when. Reports it once if the processes have not all
/// connected after some time, and again at the end of the time if the thread that connects is then blocked in LibTorch:
/// the reports come from a thread of this object.
class StartWatch {
 public:
  using Clock = std::chrono::steady_clock;

  struct Options {
    std::chrono::milliseconds patience{};
    std::chrono::seconds timeout{};
    /// Why this process waits for others, "the environment says that ..."
    std::string cause = {};
    /// The reports, with what this process waits for or, at the end, with `failure`; null for none. Not called after
    /// the destructor.
    std::function<void(const std::string&)> waiting = nullptr, expired = nullptr;
  };

  explicit StartWatch(Options options) : options_(std::move(options)) {
    thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
  }

  /// What this process waits for from now on, as "rank 3".
  void wait_for(std::string what) { change(std::move(what), /*is_quiet=*/false); }
  /// The same if another rank reports after `patience` what is missing. The time starts again, as that rank may have
  /// started later.
  void wait_quietly_for(std::string what) {
    change(std::move(what), /*is_quiet=*/true);
    const std::lock_guard lock(mutex_);
    end_ = Clock::now() + options_.timeout;
  }

  /// The message of the error at the end of the time.
  std::string failure() const {
    const std::lock_guard lock(mutex_);
    return failure_text();
  }

  /// The time that is left, not negative.
  std::chrono::milliseconds remaining() const {
    const std::lock_guard lock(mutex_);
    return std::max(std::chrono::milliseconds(0),
                    std::chrono::duration_cast<std::chrono::milliseconds>(end_ - Clock::now()));
  }
  bool is_over() const { return remaining().count() == 0; }

 private:
  /// The thread that connects may notice the end itself, before this object reports it.
  static constexpr std::chrono::seconds kMargin{2};

  std::string failure_text() const {
    return "waited " + std::to_string(options_.timeout.count()) + " s for " + what_ + ", because " + options_.cause;
  }

  void change(std::string what, bool is_quiet) {
    const std::lock_guard lock(mutex_);
    what_ = std::move(what);
    is_quiet_ = is_quiet;
    is_changed_ = true;
    changed_.notify_all();
  }

  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto patient_until = Clock::now() + options_.patience;
    bool is_told = !options_.waiting;
    while (!stop.stop_requested() && Clock::now() < end_ + kMargin) {
      const bool is_patient = Clock::now() < patient_until;
      if (!is_told && !is_patient && !is_quiet_) {
        is_told = true;
        options_.waiting(what_);
      }
      const auto until = is_told || !is_patient ? end_ + kMargin : patient_until;
      changed_.wait_until(lock, stop, until, [this] { return std::exchange(is_changed_, false); });
    }
    if (!stop.stop_requested() && options_.expired) options_.expired(failure_text());
  }

  Options options_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Protected by the mutex.
  std::string what_;
  bool is_quiet_ = false, is_changed_ = false;
  Clock::time_point end_ = Clock::now() + options_.timeout;
  /// The last member, so that it is joined before the members that it uses are destroyed.
  std::jthread thread_;
};

}  // namespace glow::distributed
