#include "tools/edit/picture_queue.h"

#include <algorithm>

#include <ATen/ATen.h>

#include <glow/latent/arrange.h>

#include "tools/common/interruption.h"

namespace glow::tools {

void PictureQueue::add(const nn::Latents& latents, const torch::Tensor& labels) {
  const auto count = latent::count(latents);
  for (std::int64_t first = 0; first < count;) {
    const auto taken = std::min(count - first, editor_.batch() - waiting_);
    latents_.push_back(latent::narrow(latents, first, taken));
    if (labels.defined()) labels_.push_back(narrow_labels(labels, first, taken));
    waiting_ += taken;
    first += taken;
    if (waiting_ == editor_.batch()) decode_waiting();
  }
}

void PictureQueue::finish() {
  if (waiting_ > 0) decode_waiting();
  editor_.show_nothing();
  output_.finish();
}

void PictureQueue::decode_waiting() {
  throw_if_interrupted();
  output_.add(
      editor_.decode_batch(latent::concatenate(latents_), labels_.empty() ? torch::Tensor() : at::cat(labels_)));
  done_ += waiting_;
  editor_.show("decoded", done_, total_);
  latents_.clear();
  labels_.clear();
  waiting_ = 0;
}

}  // namespace glow::tools
