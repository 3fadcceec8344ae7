#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "distributed/peer_monitor.h"
#include "distributed/shared_store.h"
#include "distributed/store_thread.h"

namespace glow::distributed {

/// Finds out which rank failed, and passes it on to all ranks. Each rank writes heartbeats to the store. A rank that
/// fails, finds another one lost or is asked to stop publishes this in the store.
///
/// If the host of the store is lost (rank 0, or the launcher), requests to the store fail or do not return: then the
/// failure is "rank 0 was lost", found by each rank by itself.
///
/// Threads: only the store thread uses heartbeat_, board_, failure_, is_over_ and monitor_, except for the functions of
/// PeerMonitor that are thread-safe. The public functions may be called from any thread; `end` must be the last call.
class FailureDetector {
 public:
  struct Options {
    std::int64_t rank = 0, size = 1;
    /// Whether this process hosts the store. Then it stays alive until the others have read a failure, for 3 s at most.
    bool is_store_host = false;
    /// The longest allowed time for a collective on the device.
    std::chrono::milliseconds timeout{};
    /// The longest allowed time between heartbeats of another rank, if it is shorter than `timeout`. Heartbeats come
    /// from a thread of their own, whatever the rank computes.
    std::chrono::milliseconds heartbeat_timeout{20000};
    /// A rank with no heartbeat for this long during an investigation is declared lost. Much longer than a busy machine
    /// delays a heartbeat.
    std::chrono::milliseconds silence{4000};
    /// How long to wait for the store's answer; 50 ms are added for each rank, because all ranks may ask at the same
    /// time.
    std::chrono::milliseconds answer_time{10000};
    /// ConnectOptions::failed
    std::function<void(const std::string&)> failed = nullptr;
  };

  /// `store` must have a connection of its own: on a shared one, a thread that waits for a key would delay the
  /// heartbeats.
  static std::shared_ptr<FailureDetector> start(c10::intrusive_ptr<c10d::Store> store, Options options);

  /// Tells the others that this rank leaves. The host of the store waits for them to leave too, for 8 s at most. A
  /// store thread that is blocked by a silent store is left running.
  void end();

  /// Counts the collectives that this rank has started, by which the others see whether it is late.
  void start_collective() { monitor_.start_collective(); }
  /// PeerMonitor::expect
  void expect(std::optional<PeerMonitor::DeviceCollective> collective) { monitor_.expect(std::move(collective)); }
  /// Finds out which ranks caused a collective's `error`: "rank 3 was lost". Takes Options::silence, and longer when
  /// the store is slow. One call at a time.
  std::string diagnose(const std::string& error);
  /// Communicator::announce_failure
  bool announce(const std::string& what, const std::function<void()>& own_report = nullptr);
  /// Communicator::ask_to_stop and stop_asked
  void ask_to_stop();
  bool stop_asked() const { return stop_asked_; }
  /// Whether the failure of the run is known.
  bool has_failed() const { return knows_failure_; }

 private:
  FailureDetector(c10::intrusive_ptr<c10d::Store> store, Options options);

  // Called on the store thread.
  void round();
  void report(const std::string& failure);
  /// Waits until the rank that has published a failure has left, and so has reported it itself.
  void wait_for_publisher();
  /// Writes that this rank leaves. The host of the store then waits until the others have left, and so have read a
  /// published failure, for `patience` at most. Does nothing when the store is gone.
  void leave(std::chrono::milliseconds patience);

  Options options_;
  Heartbeat heartbeat_;
  FailureBoard board_;
  PeerMonitor monitor_;
  std::atomic<bool> stop_asked_ = false;
  /// Whether the failure of the run is known. The thread that sets it reports the failure, so that it is reported once.
  /// From then on this rank writes no heartbeats.
  std::atomic<bool> knows_failure_ = false;
  /// The failure, valid once knows_failure_ is set. Its initial value is the failure of a silent store: a thread that
  /// gets no answer sets only knows_failure_.
  std::string failure_;
  /// Whether `end` was called: from then on the store may disappear.
  bool is_over_ = false;
  StoreThread thread_;
};

}  // namespace glow::distributed
