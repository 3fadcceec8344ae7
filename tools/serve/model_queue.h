#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <torch/types.h>

#include <glow/error.h>
#include <glow/nn/glow.h>

namespace glow::tools {

struct QueueOptions {
  /// The most images that are computed at once.
  std::int64_t batch = 32;
  /// Batches that are computed at the same time. On the CPU, several of one thread each are faster than one of several.
  int batches_at_once = 1;
};

/// Whether a request is needed no more; null: it is needed.
using IsAbandoned = std::function<bool()>;

/// A request was abandoned before it was computed.
class AbandonedError : public Error {
 public:
  AbandonedError() : Error("the client has closed the connection") {}
};

/// Computes the images of concurrent requests together, in batches. Requests take turns: one of many images does not
/// hold up the others. A batch contains the images that arrive while others are computed. Batches that are computed at
/// the same time share LibTorch's threads.
class ModelQueue {
 public:
  /// The model must not be changed meanwhile.
  ModelQueue(nn::Glow model, const QueueOptions& options);
  /// Finishes the requests that were accepted.
  ~ModelQueue();
  ModelQueue(const ModelQueue&) = delete;
  ModelQueue& operator=(const ModelQueue&) = delete;

  // Both functions block, and may be called from several threads. `labels`: int64 [N] for a conditional model, else
  // undefined. N >= 1. They throw what GlowImpl's functions throw, and AbandonedError when `is_abandoned`, which is
  // asked before each batch, returns true.

  struct Decoded {
    /// uint8 [N, C, H, W]
    torch::Tensor images;
    /// bool [N]: whether all values were finite before they were rounded.
    torch::Tensor is_finite;
  };
  /// The images of latents, float [N, D] in the order of nn::flatten.
  Decoded decode(const torch::Tensor& latents, const torch::Tensor& labels, const IsAbandoned& is_abandoned = {});

  struct Evaluated {
    /// float [N, D]
    torch::Tensor latents;
    /// Nats, float64 [N].
    torch::Tensor log_prob;
  };
  /// The latents and densities of continuous images x [N, C, H, W].
  Evaluated evaluate(const torch::Tensor& x, const torch::Tensor& labels, const IsAbandoned& is_abandoned = {});

  struct Counts {
    /// Requests that wait or are computed now.
    std::int64_t requests = 0;
    /// Since the start.
    std::int64_t batches = 0, images = 0;
  };
  Counts counts() const;

 private:
  enum class Work { kDecode, kEvaluate };
  /// Two results of a batch, in the same order as its images.
  using Pair = std::pair<torch::Tensor, torch::Tensor>;
  struct Request {
    Work work;
    torch::Tensor values, labels;
    IsAbandoned is_abandoned;
    /// Images that are computed or being computed, and those that are computed.
    std::int64_t taken = 0, computed = 0;
    /// By their first image.
    std::map<std::int64_t, Pair> parts{};
    std::exception_ptr error = nullptr;
    std::promise<void> done{};
  };
  /// Some images of a request.
  struct Piece {
    std::shared_ptr<Request> request;
    std::int64_t first, count;
  };

  /// Pieces that are computed by one thread.
  struct Batch {
    std::vector<Piece> pieces;
    /// LibTorch's threads for it.
    int threads = 1;
  };

  Pair compute(Work work, const torch::Tensor& values, const torch::Tensor& labels, const IsAbandoned& is_abandoned);
  void run();
  Pair compute_together(const std::vector<Piece>& batch);
  /// Never throws: an error is that of the requests.
  void compute_batch(const std::vector<Piece>& batch) noexcept;
  void deliver(const Piece& piece, Pair results);
  // Call with mutex_ locked.
  std::int64_t images_waiting() const;
  void drop_abandoned();
  Batch take_batch();
  void finish(Request& request);
  void fail(Request& request, std::exception_ptr error);

  nn::Glow model_;
  QueueOptions options_;
  int threads_;

  /// Guards the members below, and all fields of requests but work, values, labels and is_abandoned.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  /// Requests with images that are not taken, in turn.
  std::deque<std::shared_ptr<Request>> waiting_;
  Counts counts_;
  /// Of the last batch.
  Work last_work_ = Work::kEvaluate;
  /// Batches that are computed now.
  int computing_ = 0;
  bool is_stopping_ = false;
  std::vector<std::thread> model_threads_;
};

}  // namespace glow::tools
