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

namespace glow::distributed {

/// The processes that train one model together, as one of them sees them. What they do together (broadcast, sum and
/// what is built on these) each calls in the same order, from one thread at a time; each call throws ProcessError when
/// another process is lost or does not come within the time-out.
class Communicator {
 public:
  virtual ~Communicator();

  std::int64_t rank() const { return rank_; }
  std::int64_t size() const { return size_; }
  /// Whether this is the process that prints and writes.
  bool is_root() const { return rank_ == 0; }
  /// This process's part of what is shared out.
  Shard shard() const { return {rank_, size_}; }

  /// Waits for what was started; call it once.
  using Wait = std::function<void()>;
  /// Begins to add the tensor up over all processes, in place; it must not be touched until the wait is over. It is
  /// contiguous, on the CPU or a CUDA device, and of the same shape and dtype (floating point or an integer) in all of
  /// them; the sum is the same, bit for bit. On CUDA the stream waits, not the host. Throws ShapeError, and ConfigError
  /// for a device that the build has no means for.
  virtual Wait start_sum(const torch::Tensor& tensor) = 0;
  /// The same, and waits.
  void sum(const torch::Tensor& tensor) { start_sum(tensor)(); }
  /// Replaces the tensor by that of rank 0, in place. The same holds of it.
  virtual void broadcast(const torch::Tensor& tensor) = 0;

  // Small things, built on a sum on the CPU.

  /// Each process's text, by rank.
  std::vector<std::string> gather(const std::string& text);
  /// Whether it is true in one of them.
  bool any(bool value);
  /// Waits until all are here.
  void barrier() { any(false); }

  // What one process alone may call, whatever the others do.

  /// Tells the others that this process cannot go on; whether nobody had said such a thing before.
  virtual bool announce_failure(const std::string& what) = 0;
  /// Makes stop_asked true in all of them, for good: here at once, elsewhere soon.
  virtual void ask_to_stop() = 0;
  virtual bool stop_asked() const = 0;

 protected:
  Communicator(std::int64_t rank, std::int64_t size) : rank_(rank), size_(size) {}

 private:
  std::int64_t rank_, size_;
};

/// A process by itself: sums and broadcasts leave everything as it is, and nobody is told anything.
std::shared_ptr<Communicator> single_process();

struct ConnectOptions {
  /// How long to wait for a process that does not come, at the start or later, or that gives no sign of life. On the
  /// CPU a process that ends is noticed at once.
  std::chrono::seconds timeout{600};
  /// Called once, on a thread of its own, when another process has said or was found to be lost: "rank 3 failed". What
  /// waits for it may wait for the whole time-out, so a program may want to end here. May be null.
  std::function<void(const std::string&)> failed = nullptr;
};

/// Whether this library was built with what `connect` needs.
bool can_connect();

/// Meets the other processes of the launch: c10d with Gloo for tensors on the CPU and NCCL for those on CUDA. All
/// processes call it. A launch of one process that names no address is single_process(). Throws ConfigError when the
/// library was built without, ProcessError when they do not come.
std::shared_ptr<Communicator> connect(const Launch& launch, const ConnectOptions& options = {});

}  // namespace glow::distributed
