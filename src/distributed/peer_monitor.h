#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "distributed/shared_store.h"

namespace glow::distributed {

/// Finds out from heartbeats which ranks caused a failure. An investigation starts when the next rank's heartbeat or a
/// collective on the device exceeds its time-out, when the latter failed (`round`), or when another collective failed
/// (`investigate`). It reads all
/// heartbeats twice, `silence` apart: ranks without a new heartbeat are lost. If none is lost, the verdict names the
/// rank that has started fewer collectives than this one, provided that there is exactly one.
///
/// It has no thread, never sleeps, and takes the time from Options::now. The store thread calls all of it, except
/// start_collective and expect, which any thread may call.
class PeerMonitor {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Answer = std::function<void(const std::string& verdict)>;

  struct Options {
    /// The longest allowed time for a collective on the device.
    std::chrono::milliseconds timeout{};
    /// The longest allowed time between heartbeats of another rank.
    std::chrono::milliseconds heartbeat_timeout{};
    /// A rank with no heartbeat for this long during an investigation is declared lost. Much longer than a busy machine
    /// delays a heartbeat.
    std::chrono::milliseconds silence{};
    std::function<TimePoint()> now = std::chrono::steady_clock::now;
  };

  /// `heartbeat` and `board` outlive it.
  PeerMonitor(Heartbeat& heartbeat, FailureBoard& board, Options options);

  /// Counts the collectives that this rank has started, by which the others see whether it is late.
  void start_collective() { ++collectives_; }
  /// A collective on the device. The store thread calls the functions.
  struct DeviceCollective {
    /// Its error; null without one. Does not ask the device, because that can take long.
    std::function<std::exception_ptr()> error;
    /// Asks the device. May throw, after an error.
    std::function<bool()> is_done;
  };
  /// Sets the most recent collective of the device, which replaces the one before; nullopt: there is none. It is
  /// checked in every round, because no thread may be waiting for it.
  void expect(std::optional<DeviceCollective> collective);

  /// Writes a heartbeat and checks the board, the next rank's heartbeat and the device's collective. Returns the
  /// failure of the run once it is known, published by another rank or by this one. Each rank checks only one other, to
  /// limit the load on the store.
  std::optional<std::string> round();
  /// Writes a heartbeat only.
  void write_heartbeat() { heartbeat_.write(collectives_); }

  /// Starts an investigation of a collective that failed with `error`. A later round calls `answer` with the verdict.
  void investigate(const std::string& error, Answer answer);
  /// Ends an investigation, if there is one, and answers it with a failure that became known in another way.
  void answer_investigation(const std::string& failure);

 private:
  struct Investigation {
    std::string error;
    /// The first reading, by rank, and the time after it.
    std::vector<Heartbeat::Value> before;
    TimePoint since;
    /// Null when `round` has started the investigation.
    Answer answer;
  };

  void check_neighbour();
  /// The error when the neighbour or the device's collective has exceeded its time-out, or the latter has failed;
  /// nullopt when all is well.
  std::optional<std::string> error();
  std::optional<std::string> device_error();
  std::string verdict();

  Heartbeat& heartbeat_;
  FailureBoard& board_;
  Options options_;

  // Used by the store thread only.
  /// The last heartbeat of the next rank, and when it was first read.
  Heartbeat::Value neighbour_;
  TimePoint neighbour_since_;
  std::optional<Investigation> investigation_;

  std::atomic<std::int64_t> collectives_ = 0;
  /// Protects the two members below.
  std::mutex device_mutex_;
  std::optional<DeviceCollective> device_collective_;
  TimePoint device_since_;
};

}  // namespace glow::distributed
