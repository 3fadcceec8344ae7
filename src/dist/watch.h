#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <torch/csrc/distributed/c10d/Store.hpp>

namespace glow::dist {

/// Finds out which process is to blame when something that all do together fails. Each says through the store, several
/// times a second, that it is there and how far it has come; whoever fails or finds another lost says that too. The
/// store is asked by a thread of its own alone, since behind a link that was cut it may never answer.
class Watch {
 public:
  /// `failed`: ConnectOptions::failed. A process that keeps the store itself (`is_host`) lets the others read a failure
  /// before it comes to that.
  Watch(c10::intrusive_ptr<c10d::Store> store, std::int64_t rank, std::int64_t size, bool is_host,
        std::function<void(const std::string&)> failed);
  /// Says that this process has ended; who keeps the store waits a while for the others.
  ~Watch();

  /// Counts what all do together, so that it can be seen who lags behind.
  void count() { ++counted_; }
  /// Communicator::announce_failure
  bool announce(const std::string& what);
  /// Which processes are to blame that something failed with `error`: "rank 3 was lost". Takes seconds.
  std::string blame(const std::string& error);

 private:
  /// What a process last said of itself.
  struct Sign {
    std::int64_t beats = -1, counted = -1;
  };

  void run();
  void beat();
  void tell(const std::string& failure);
  /// Of who keeps the store, on the thread that asks it.
  void let_others_read(std::chrono::seconds patience);
  std::vector<Sign> signs();
  /// Lets the thread do it; nullopt when the store fails or does not answer.
  template <class Result>
  std::optional<Result> ask(std::function<Result()> task);

  c10::intrusive_ptr<c10d::Store> store_;
  std::int64_t rank_, size_;
  bool is_host_;
  std::function<void(const std::string&)> failed_;
  std::atomic<std::int64_t> counted_ = 0;
  std::atomic<bool> knows_failure_ = false;
  /// That this process has said that it ends.
  std::atomic<bool> is_over_ = false;
  /// That the store did not answer once: it is not asked again.
  std::atomic<bool> is_silent_ = false;
  std::int64_t beats_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool stops_ = false;
  /// Last, so that it is started when all else is there.
  std::thread thread_;
};

}  // namespace glow::dist
