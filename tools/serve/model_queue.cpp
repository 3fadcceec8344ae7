#include "tools/serve/model_queue.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <glow/nn/latents.h>
#include <glow/nn/quantizer.h>
#include <glow/ops/runtime.h>

namespace glow::tools {

ModelQueue::ModelQueue(nn::Glow model, const QueueOptions& options)
    : model_(std::move(model)), options_(options), threads_(at::get_num_threads()) {
  for (int i = 0; i < options_.batches_at_once; ++i) model_threads_.emplace_back([this] { run(); });
}

ModelQueue::~ModelQueue() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : model_threads_) thread.join();
}

ModelQueue::Decoded ModelQueue::decode(const torch::Tensor& latents, const torch::Tensor& labels,
                                       const IsAbandoned& is_abandoned) {
  auto [images, is_finite] = compute(Work::kDecode, latents, labels, is_abandoned);
  return {std::move(images), std::move(is_finite)};
}

ModelQueue::Evaluated ModelQueue::evaluate(const torch::Tensor& x, const torch::Tensor& labels,
                                           const IsAbandoned& is_abandoned) {
  auto [latents, log_prob] = compute(Work::kEvaluate, x, labels, is_abandoned);
  return {std::move(latents), std::move(log_prob)};
}

ModelQueue::Counts ModelQueue::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

ModelQueue::Pair ModelQueue::compute(Work work, const torch::Tensor& values, const torch::Tensor& labels,
                                     const IsAbandoned& is_abandoned) {
  const auto request = std::make_shared<Request>(
      Request{.work = work, .values = values, .labels = labels, .is_abandoned = is_abandoned});
  auto done = request->done.get_future();
  {
    const std::lock_guard lock(mutex_);
    ++counts_.requests;
    waiting_.push_back(request);
  }
  changed_.notify_all();
  done.wait();  // this object may not exist any more afterwards
  if (request->error) std::rethrow_exception(request->error);
  std::vector<torch::Tensor> first, second;
  for (auto& [begin, part] : request->parts) {
    first.push_back(part.first);
    second.push_back(part.second);
  }
  return {at::cat(first), at::cat(second)};
}

void ModelQueue::run() {
  const torch::NoGradGuard no_grad;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return is_stopping_ || !waiting_.empty(); });
    drop_abandoned();
    if (waiting_.empty()) {
      if (is_stopping_) return;
      continue;
    }
    const auto batch = take_batch();
    ++computing_;
    lock.unlock();
    ops::use_threads_here(batch.threads);
    compute_batch(batch.pieces);
    lock.lock();
    --computing_;
  }
}

std::int64_t ModelQueue::images_waiting() const {
  std::int64_t images = 0;
  for (const auto& request : waiting_) images += request->values.size(0) - request->taken;
  return images;
}

void ModelQueue::drop_abandoned() {
  const auto all = waiting_;
  for (const auto& request : all) {
    if (request->is_abandoned && request->is_abandoned()) fail(*request, std::make_exception_ptr(AbandonedError()));
  }
}

/// Images of all requests of one kind: an equal share of each, and then what is left, first come, first served. The
/// threads without work share the images that wait.
ModelQueue::Batch ModelQueue::take_batch() {
  // The two kinds of work take turns.
  const auto is_other = [&](const auto& request) { return request->work != last_work_; };
  const auto other = std::ranges::find_if(waiting_, is_other);
  const auto work = (other == waiting_.end() ? waiting_.front() : *other)->work;
  last_work_ = work;
  const auto is_alike = [&](const auto& request) { return request->work == work; };
  const std::int64_t requests = std::ranges::count_if(waiting_, is_alike);
  const std::int64_t idle = options_.batches_at_once - computing_;
  Batch batch;
  const auto wanted = std::min(options_.batch, (images_waiting() + idle - 1) / idle);
  auto space = wanted;
  for (const auto most : {std::max<std::int64_t>(1, space / requests), space}) {
    for (const auto& request : waiting_) {
      const auto count = std::min({most, space, request->values.size(0) - request->taken});
      if (request->work != work || count <= 0) continue;
      batch.pieces.push_back({request, request->taken, count});
      request->taken += count;
      space -= count;
    }
  }
  counts_.images += wanted - space;
  ++counts_.batches;
  std::erase_if(waiting_, [](const auto& request) { return request->taken == request->values.size(0); });
  // Requests that had to wait come first in the next batch.
  std::stable_partition(waiting_.begin(), waiting_.end(), [&](const auto& request) {
    return std::ranges::find(batch.pieces, request, &Piece::request) == batch.pieces.end();
  });
  const auto busy = std::min<std::int64_t>(options_.batches_at_once, computing_ + 1 + images_waiting());
  batch.threads = static_cast<int>(std::max<std::int64_t>(1, threads_ / busy));
  return batch;
}

ModelQueue::Pair ModelQueue::compute_together(const std::vector<Piece>& batch) {
  std::vector<torch::Tensor> all_values, all_labels;
  for (const auto& [request, first, count] : batch) {
    all_values.push_back(request->values.narrow(0, first, count));
    if (request->labels.defined()) all_labels.push_back(request->labels.narrow(0, first, count));
  }
  const auto values = at::cat(all_values), labels = all_labels.empty() ? torch::Tensor() : at::cat(all_labels);
  if (batch.front().request->work == Work::kEvaluate) {
    const auto encoding = model_->evaluate(values, labels);
    return {nn::flatten(encoding.latents).cpu(), encoding.log_prob.to(torch::kDouble).cpu()};
  }
  const auto x = model_->decode(nn::unflatten(values, model_->options()), labels);
  return {model_->quantizer().to_bytes(x).cpu(), x.isfinite().flatten(1).all(1).cpu()};
}

void ModelQueue::compute_batch(const std::vector<Piece>& batch) noexcept {
  Pair results;
  std::exception_ptr error;
  try {
    results = compute_together(batch);
  } catch (...) {
    error = std::current_exception();
  }
  std::int64_t begin = 0;
  for (const auto& piece : batch) {
    if (!error) {
      deliver(piece, {results.first.narrow(0, begin, piece.count), results.second.narrow(0, begin, piece.count)});
    } else if (batch.size() == 1) {
      const std::lock_guard lock(mutex_);
      fail(*piece.request, error);
    } else {
      compute_batch({piece});  // an error concerns the request that causes it only
    }
    begin += piece.count;
  }
}

void ModelQueue::deliver(const Piece& piece, Pair results) {
  const std::lock_guard lock(mutex_);
  auto& request = *piece.request;
  if (request.error) return;
  request.parts.emplace(piece.first, std::move(results));
  request.computed += piece.count;
  if (request.computed == request.values.size(0)) finish(request);
}

void ModelQueue::fail(Request& request, std::exception_ptr error) {
  if (request.error) return;
  request.error = std::move(error);
  std::erase_if(waiting_, [&](const auto& other) { return other.get() == &request; });
  finish(request);
}

void ModelQueue::finish(Request& request) {
  --counts_.requests;
  request.done.set_value();
}

}  // namespace glow::tools
