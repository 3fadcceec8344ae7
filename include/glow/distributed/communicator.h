#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/distributed/launch.h>
#include <glow/shard.h>

#pragma GCC visibility push(default)

namespace glow::distributed {

/// The processes that train one model together, as seen by one of them. All ranks call the collective operations
/// (broadcast, sum and the functions built on them) in the same order, each rank from one thread at a time. A
/// collective throws ProcessError when another rank is lost or does not join it within the time-out.
class Communicator {
 public:
  virtual ~Communicator();

  /// Number of this process, from 0 to size() - 1.
  std::int64_t rank() const { return rank_; }
  /// Number of processes.
  std::int64_t size() const { return size_; }
  /// Whether this is rank 0, the process that prints and writes files.
  bool is_root() const { return rank_ == 0; }
  /// This rank's part of a batch or of a data set.
  Shard shard() const { return {rank_, size_}; }

  /// Waits for an operation that was started. Call it once.
  using Wait = std::function<void()>;
  /// Starts to sum the tensor over all ranks, in place; the tensor must not be used before the wait returns. It is
  /// contiguous, on the CPU or a CUDA device, and has the same shape and dtype (floating point or integer) on all
  /// ranks. All ranks get the same sum, bit for bit. On CUDA the wait blocks the current stream, not the host. Throws
  /// ShapeError, and ConfigError for a device that this build cannot communicate on.
  virtual Wait start_sum(const torch::Tensor& tensor) = 0;
  /// start_sum, and waits for the result.
  void sum(const torch::Tensor& tensor) { start_sum(tensor)(); }
  /// Replaces the tensor by that of rank 0, in place. Same requirements and errors as start_sum.
  virtual void broadcast(const torch::Tensor& tensor) = 0;

  // Collectives for small values, built on a sum on the CPU.

  /// The text of each process, by rank.
  std::vector<std::string> gather(const std::string& text);
  /// Whether `value` is true on at least one rank.
  bool any(bool value);
  /// Returns once all ranks have called it.
  void barrier() { any(false); }

  // Not collective: a rank calls these independently of the others.

  /// Tells the other ranks that this process cannot continue. Returns whether this was the first failure of the run;
  /// the other ranks are told of the first one only. If it was, calls `report`; the others are told when it has
  /// returned, or after 2 s, because a launcher may kill this process as soon as another one has ended.
  virtual bool announce_failure(const std::string& what, const std::function<void()>& report = nullptr) = 0;
  /// Makes stop_asked true on all ranks, permanently: on this one at once, on the others within about a second.
  virtual void ask_to_stop() = 0;
  /// Whether a rank has called ask_to_stop, as far as this one knows by now.
  virtual bool stop_asked() const = 0;
  /// Throws ProcessError, which names the rank, when this process knows of a failure of the run. On CUDA a failed
  /// collective is aborted and leaves wrong numbers, without an error in the thread that computes: call it when the
  /// host has waited for the device, before the numbers are stored.
  virtual void check() const {}

 protected:
  /// For process `rank` of `size`, from 0.
  Communicator(std::int64_t rank, std::int64_t size) : rank_(rank), size_(size) {}

 private:
  std::int64_t rank_, size_;
};

/// A single process: sums and broadcasts leave the tensor as it is.
std::shared_ptr<Communicator> single_process();

/// Times and callbacks of connect.
struct ConnectOptions {
  /// How long rank 0 waits for the others to join at the start, and each of the others for rank 0.
  std::chrono::seconds start_timeout{60};
  /// After the start: how long to wait for a process that does not join a collective. A process that sends no
  /// heartbeat for 20 s, or for this time, if it is shorter, is found to be lost. On the CPU a process that ends is
  /// noticed at once, because its connections break.
  std::chrono::seconds timeout{600};
  /// Called at most once, on a thread of the library, when another rank has announced a failure or was found to be
  /// lost; the argument says which: "rank 3 failed". Also when the processes have joined within `start_timeout` but
  /// have not connected to each other. The computing thread may be blocked in a collective for the rest
  /// of the time-out, so a program may want to exit here. May be null.
  std::function<void(const std::string&)> failed = nullptr;
  /// Called at most once, on a thread of the library, when the processes have not all joined after `patience`: the
  /// argument says what this process waits for, "ranks 1 and 3" for example. May be null.
  std::function<void(const std::string&)> waiting = nullptr;
  /// The time after which connect calls `waiting`.
  std::chrono::milliseconds patience{5000};
};

/// Whether this library was built with Gloo, which `connect` needs.
bool can_connect();

/// Connects the processes of the launch through c10d: Gloo for tensors on the CPU, NCCL for those on CUDA. All
/// processes call it. Returns single_process() for a launch of one process without an address. Throws ConfigError when
/// the library was built without Gloo, ProcessError when not all processes join within `start_timeout`: it names those
/// that are missing, the address and the environment variables. Sets environment variables of LibTorch and NCCL that
/// the user has not set: call it before other threads read the environment.
std::shared_ptr<Communicator> connect(const Launch& launch, const ConnectOptions& options = {});

}  // namespace glow::distributed

#pragma GCC visibility pop
