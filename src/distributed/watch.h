#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <torch/csrc/distributed/c10d/Store.hpp>

namespace glow::distributed {

/// Finds out which process is to blame when something that all do together fails. Each says through the store, several
/// times a second, that it is there and how far it has come; whoever fails, finds another lost or is asked to stop says
/// that too. The store is asked by a thread of its own alone, since behind a link that was cut it may never answer.
class Watch {
 public:
  struct Options {
    std::int64_t rank = 0, size = 1;
    /// A process that keeps the store itself lets the others read a failure before it comes to that.
    bool is_host = false;
    /// For how long another process may be silent, and what a device does for all may take.
    std::chrono::milliseconds timeout{};
    /// Who is silent for so long while a failure is looked into is lost; many times what a busy machine delays a sign.
    std::chrono::milliseconds silence{4000};
    /// Called once, by the thread: ConnectOptions::failed.
    std::function<void(const std::string&)> failed = nullptr;
  };

  /// `store`: through a connection that nobody else uses, or who waits there would make this process silent.
  static std::shared_ptr<Watch> start(c10::intrusive_ptr<c10d::Store> store, Options options);

  /// Says that this process has ended; who keeps the store waits a while for the others. A thread that a silent store
  /// holds is left behind. Call it last.
  void end();

  /// Counts what all do together, so that it can be seen who lags behind.
  void count() { ++counted_; }
  /// The latest that a device does for all, for which nobody may be waiting: whether it is done.
  void expect(std::function<bool()> is_done);
  /// Which processes are to blame that something failed with `error`: "rank 3 was lost". Takes seconds.
  std::string blame(const std::string& error);
  /// Communicator::announce_failure
  bool announce(const std::string& what);
  /// Communicator::ask_to_stop and stop_asked
  void ask_to_stop();
  bool stop_asked() const { return stop_asked_; }

 private:
  using Clock = std::chrono::steady_clock;
  /// What a process last said of itself.
  struct Sign {
    std::int64_t beats = -1, counted = -1;
  };
  /// That somebody is lost, until it shows who.
  struct Suspicion {
    std::string error;
    std::vector<Sign> before;
    Clock::time_point since;
    /// Of whoever waits to hear; null when the thread noticed it by itself.
    std::shared_ptr<std::promise<std::string>> verdict;
  };

  Watch(c10::intrusive_ptr<c10d::Store> store, Options options);

  void run();
  /// Of a second thread, which never asks the store: it notices when that does not answer, though nobody waits.
  void guard();
  void look();
  void say_how_far();
  void beat();
  void look_at_neighbour();
  /// Why somebody may be lost: the neighbour, or what a device does, has taken longer than the time-out. nullopt when
  /// neither has.
  std::optional<std::string> overdue();
  /// Tells what has become of the suspicion.
  void follow();
  std::string verdict_on(const Suspicion& suspicion);
  void tell(const std::string& failure);
  /// Whether nobody had made one known before.
  bool make_known(const std::string& failure);
  std::optional<std::string> known_failure();
  /// Of who keeps the store.
  void let_others_read(std::chrono::seconds patience);
  /// How long to wait for the store.
  std::chrono::milliseconds patience() const;
  bool has_ended(std::int64_t rank);
  Sign sign_of(std::int64_t rank);
  std::vector<Sign> signs();
  /// Lets the thread do it; nullopt when the store fails or does not answer.
  std::optional<bool> ask(std::function<bool()> task);

  c10::intrusive_ptr<c10d::Store> store_;
  Options options_;
  std::atomic<std::int64_t> counted_ = 0;
  std::atomic<bool> stop_asked_ = false;
  std::atomic<bool> knows_failure_ = false;
  /// That this process has said that it ends.
  std::atomic<bool> is_over_ = false;
  /// That the store did not answer once: it is not asked again.
  std::atomic<bool> is_silent_ = false;

  /// How often the thread has heard from the store.
  std::atomic<std::int64_t> looks_ = 0;

  // Of the thread.
  std::int64_t beats_ = 0;
  /// What the next process said last, and when it first said that: each looks after one other, so that many do not ask
  /// the store too much.
  Sign neighbour_;
  Clock::time_point neighbour_since_ = Clock::now();
  std::optional<Suspicion> suspicion_;
  /// When it knows one.
  std::string failure_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::function<bool()> expected_;
  Clock::time_point expected_since_;
  bool stops_ = false;
  /// Threads that have not ended.
  int running_ = 2;
  /// That the guard is just telling of a failure.
  bool guard_tells_ = false;
};

}  // namespace glow::distributed
