// Several threads use one model at once and share its cache.

#include <atomic>
#include <functional>
#include <thread>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/nn/model_file.h>

#include "support/reference.h"
#include "support/tensors.h"

namespace glow::nn::glow_threads_test {
namespace {

using glow::testing::close;
using glow::testing::fixture;
using glow::testing::random_images;

class GlowThreadsTest : public ::testing::TestWithParam<const char*> {
 protected:
  Glow load() const { return load_model(fixture(std::string(GetParam()) + ".model.safetensors")); }
};

TEST_P(GlowThreadsTest, ConcurrentResultsEqualSingleThreadedResults) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 10;
  const torch::NoGradGuard no_grad;
  const auto alone = load();
  const auto x = random_images(alone->options(), 4, 1).to(torch::kFloat);
  using Call = std::function<torch::Tensor(const Glow&)>;
  const std::vector<Call> calls{
      [&](const Glow& model) { return model->log_prob(x); },
      [&](const Glow& model) { return model->sample(4, {.temperature = 0.7, .seed = 2}); },
      [&](const Glow& model) { return flatten(model->encode(x)); },
      [&](const Glow& model) { return model->decode(model->encode(x)); },
  };
  std::vector<torch::Tensor> expected;
  for (const auto& call : calls) expected.push_back(call(alone));

  std::atomic<int> different = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto model = load();  // with an empty cache
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        const torch::AutoGradMode with_graph(thread == 3);
        for (std::size_t i = 0; i < calls.size(); ++i) {
          const auto which = (i + static_cast<std::size_t>(thread)) % calls.size();
          const auto result = calls[which](model);
          // The code for graphs uses other loops, which round differently.
          const bool same = thread == 3 ? close(result, expected[which], 1e-5) : result.equal(expected[which]);
          if (!same) ++different;
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }
  EXPECT_EQ(different, 0);
}

INSTANTIATE_TEST_SUITE_P(Models, GlowThreadsTest,
                         ::testing::Values("colour_conv1x1_affine", "grey_lu_affine", "five_channels_shuffle_affine",
                                           "realnvp_colour", "nice_dense_logistic"));

}  // namespace
}  // namespace glow::nn::glow_threads_test
