#include "tools/serve/model_queue.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/nn/latents.h>
#include <glow/nn/model_file.h>

#include "support/tensors.h"
#include "support/throws.h"

namespace glow::serve_model_queue_test {
namespace {

using namespace glow::testing;
using tools::ModelQueue;

nn::Glow fixture_model(const std::string& name) {
  return nn::load_model(std::string(GLOW_TEST_FIXTURES) + "/" + name + ".model.safetensors");
}

class ModelQueueTest : public ::testing::Test {
 protected:
  torch::Tensor latents(std::int64_t count, std::uint64_t seed) const {
    return random_normal({count, model_->options().dimensions()}, seed).to(torch::kFloat);
  }
  torch::Tensor images(const torch::Tensor& rows) const {
    const torch::NoGradGuard no_grad;
    return model_->quantizer().to_bytes(model_->decode(nn::unflatten(rows, model_->options())));
  }

  nn::Glow model_ = fixture_model("colour_conv1x1_affine");
};

/// The parameter: the batches that are computed at the same time.
class ModelQueueBatches : public ModelQueueTest, public ::testing::WithParamInterface<int> {};

/// A few values of float32 may be rounded to the next byte in batches of another size. Other images differ in most.
::testing::AssertionResult alike(const torch::Tensor& actual, const torch::Tensor& expected) {
  const auto count = actual.ne(expected).sum().item<std::int64_t>();
  const auto most = 3 + actual.numel() / 1000;
  return count <= most ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << count << " values differ";
}

TEST_F(ModelQueueTest, ResultsAreThoseOfTheModel) {
  const torch::NoGradGuard no_grad;
  ModelQueue queue(model_, {.batch = 4});
  const auto rows = latents(11, 1);
  const auto decoded = queue.decode(rows, {});
  EXPECT_TRUE(alike(decoded.images, images(rows)));
  EXPECT_TRUE(decoded.is_finite.all().item<bool>());
  const auto x = random_images(model_->options(), 11, 2).to(torch::kFloat);
  const auto evaluated = queue.evaluate(x, {});
  EXPECT_TRUE(close(evaluated.log_prob, model_->log_prob(x), 1e-6));
  EXPECT_TRUE(close(evaluated.latents, nn::flatten(model_->encode(x)), 1e-4));
  EXPECT_EQ(queue.counts().images, 22);
  EXPECT_EQ(queue.counts().requests, 0);
}

TEST_P(ModelQueueBatches, ConcurrentRequestsDoNotMix) {
  ModelQueue queue(model_, {.batch = 64, .batches_at_once = GetParam()});
  std::vector<std::thread> clients;
  std::atomic<int> wrong = 0;
  for (std::uint64_t client = 0; client < 12; ++client) {
    clients.emplace_back([&, client] {
      for (std::uint64_t call = 0; call < 5; ++call) {
        const auto rows = latents(1 + static_cast<std::int64_t>((client + call) % 10), 100 * client + call);
        if (!alike(queue.decode(rows, {}).images, images(rows))) ++wrong;
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(wrong, 0);
}

INSTANTIATE_TEST_SUITE_P(, ModelQueueBatches, ::testing::Values(1, 3));

TEST_F(ModelQueueTest, RequestsThatWaitFormOneBatch) {
  // On a busy machine the long request can end before the others come: then again.
  for (int attempt = 0; attempt < 50; ++attempt) {
    ModelQueue queue(model_, {.batch = 2000});
    std::thread first([&] { queue.decode(latents(1000, 1), {}); });
    while (queue.counts().batches == 0) std::this_thread::yield();
    std::thread second([&] { queue.decode(latents(3, 2), {}); });
    queue.decode(latents(3, 3), {});
    first.join();
    second.join();
    if (queue.counts().batches == 2) return;
  }
  FAIL() << "requests were computed one by one";
}

TEST_F(ModelQueueTest, AnErrorConcernsItsRequestOnly) {
  ModelQueue queue(model_, {.batch = 2000});
  const auto rows = latents(3, 1);
  // While it is computed, the two others arrive and form one batch.
  std::thread first([&] { queue.decode(latents(2000, 2), {}); });
  while (queue.counts().batches == 0) std::this_thread::yield();
  std::thread bad([&] {
    EXPECT_TRUE(throws<ShapeError>([&] { queue.decode(torch::zeros({2, 5}), {}); }, {"latents"}));
  });
  EXPECT_TRUE(alike(queue.decode(rows, {}).images, images(rows)));
  bad.join();
  first.join();
}

TEST_F(ModelQueueTest, ShortRequestsOvertakeALongOne) {
  ModelQueue queue(model_, {.batch = 2});
  std::thread client([&] { queue.decode(latents(3000, 1), {}); });
  while (queue.counts().batches == 0) std::this_thread::yield();
  // Is asked before each batch while the request waits.
  int batches = 0;
  queue.decode(latents(1, 2), {}, [&] {
    ++batches;
    return false;
  });
  EXPECT_LE(batches, 3);
  client.join();
}

TEST_F(ModelQueueTest, TheTwoKindsOfWorkTakeTurns) {
  ModelQueue queue(model_, {.batch = 2});
  std::atomic<int> decoded = 0;
  std::vector<std::thread> clients;
  for (std::uint64_t client = 0; client < 20; ++client) {
    clients.emplace_back([&, client] {
      queue.decode(latents(200, client), {});
      ++decoded;
    });
  }
  while (queue.counts().requests + decoded < 20) std::this_thread::yield();
  // Is asked before each batch while the request waits.
  int batches = 0;
  queue.evaluate(random_images(model_->options(), 1, 2).to(torch::kFloat), {}, [&] {
    ++batches;
    return false;
  });
  EXPECT_LE(batches, 3);
  for (auto& client : clients) client.join();
}

TEST_F(ModelQueueTest, AnAbandonedRequestIsNotComputed) {
  ModelQueue queue(model_, {.batch = 2});
  std::atomic<bool> is_abandoned = false;
  std::thread client([&] {
    EXPECT_THROW(queue.decode(latents(100'000, 1), {}, [&] { return is_abandoned.load(); }), tools::AbandonedError);
  });
  while (queue.counts().batches == 0) std::this_thread::yield();
  is_abandoned = true;
  client.join();
  EXPECT_LT(queue.counts().images, 100'000);
  EXPECT_EQ(queue.decode(latents(3, 2), {}).images.size(0), 3);
}

TEST_F(ModelQueueTest, TheDestructorFinishesAcceptedRequests) {
  torch::Tensor decoded;
  std::thread client;
  {
    ModelQueue queue(model_, {.batch = 2});
    client = std::thread([&] { decoded = queue.decode(latents(40, 1), {}).images; });
    while (queue.counts().batches == 0) std::this_thread::yield();
  }
  client.join();
  EXPECT_EQ(decoded.size(0), 40);
}

}  // namespace
}  // namespace glow::serve_model_queue_test
