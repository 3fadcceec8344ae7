// Checks that the memory of a run does not grow with its steps. It is measured after max(200, N / 5) steps and again
// after N more, where N is the environment variable GLOW_TEST_STEPS, 1,000 by default.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include <glow/train/training_run.h>

#include "support/pictures.h"
#include "support/temporary_directory.h"
#include "support/tiny_training.h"

#if defined(__SANITIZE_ADDRESS__)
/// The address sanitizer replaces malloc. GCC 12 has this function but no header for it.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace glow::train::steady_memory_test {
namespace {

using glow::testing::kTinySize;
using glow::testing::PictureSource;
using glow::testing::TemporaryDirectory;

constexpr std::int64_t kKibibyte = 1024;

std::int64_t more_steps() {
  const char* wanted = std::getenv("GLOW_TEST_STEPS");
  return wanted != nullptr ? std::stol(wanted) : 1000;
}

/// Steps between log lines, evaluations, pictures and checkpoints. Long runs have no more of them than short ones,
/// because the run keeps the numbers of its log in memory.
std::int64_t steps_between() { return std::max<std::int64_t>(100, more_steps() / 10); }

/// Bytes allocated by malloc in all threads and not freed; tensors are among them.
std::int64_t heap_in_use() {
#if defined(__SANITIZE_ADDRESS__)
  return static_cast<std::int64_t>(__sanitizer_get_current_allocated_bytes());
#else
  const auto heap = ::mallinfo2();
  return static_cast<std::int64_t>(heap.uordblks + heap.hblkhd);
#endif
}

/// A run with evaluations, pictures and checkpoints.
void run_steps(std::int64_t steps, nn::MemoryPolicy memory, std::shared_ptr<const data::Images> images,
               const std::function<void(const StepReport&)>& every_step) {
  const TemporaryDirectory directory;
  auto options = glow::testing::tiny_options();
  options.memory = memory;
  options.steps = steps;
  options.log_every = options.eval_every = options.sample_every = options.checkpoint_every = steps_between();
  const RunData data{std::move(images), glow::testing::tiny_images(6, 10), nullptr};
  TrainingRun::start(glow::testing::tiny_model(), data, options, {.directory = directory.path()}, {.step = every_step})
      .run();
}

/// The growth of the heap after the first steps of a run.
std::int64_t growth(
    nn::MemoryPolicy memory, const std::shared_ptr<const data::Images>& images,
    const std::function<void()>& every_step = [] {}) {
  const auto first_steps = 2 * steps_between(), steps = first_steps + more_steps();
  // A first run makes the allocations that a process makes once.
  run_steps(first_steps, memory, images, [](const StepReport&) {});
  std::int64_t first = 0, last = 0;
  run_steps(steps, memory, images, [&](const StepReport& report) {
    every_step();
    if (report.step == first_steps) first = heap_in_use();
    if (report.step == steps) last = heap_in_use();
  });
  return last - first;
}

class SteadyMemory : public ::testing::TestWithParam<nn::MemoryPolicy> {};

TEST_P(SteadyMemory, DoesNotGrowWithTheSteps) {
  const auto grown = growth(GetParam(), glow::testing::tiny_images(10));
  EXPECT_LE(grown, 64 * kKibibyte);
  std::cout << more_steps() << " steps with " << to_string(GetParam()) << ": " << grown << " bytes more\n";
}

INSTANTIATE_TEST_SUITE_P(Policies, SteadyMemory,
                         ::testing::Values(nn::MemoryPolicy::kStore, nn::MemoryPolicy::kRecompute,
                                           nn::MemoryPolicy::kReversible),
                         [](const auto& test) { return to_string(test.param); });

TEST(SteadyMemory, DetectsALeakOfOneKibibytePerStep) {
  std::list<std::string> kept;
  const auto keep = [&] { kept.emplace_back(kKibibyte, 'x'); };
  EXPECT_GE(growth(nn::MemoryPolicy::kStore, glow::testing::tiny_images(10), keep), kKibibyte * more_steps());
}

/// Leaks a kibibyte for every image that is read, on the thread that makes batches.
class KeepingSource : public PictureSource {
 public:
  using PictureSource::PictureSource;
  io::Image image(std::int64_t index) const override {
    kept_.emplace_back(kKibibyte, 'x');
    return PictureSource::image(index);
  }

 private:
  mutable std::list<std::string> kept_;
};

TEST(SteadyMemory, DetectsALeakInThePrefetchThread) {
  const auto picture = glow::testing::make_picture(kTinySize, kTinySize, 1);
  const auto images =
      std::make_shared<const data::Images>(std::make_shared<const KeepingSource>(std::vector(10, picture)),
                                           data::Geometry{.height = kTinySize, .width = kTinySize});
  EXPECT_GE(growth(nn::MemoryPolicy::kStore, images), kKibibyte * more_steps());
}

}  // namespace
}  // namespace glow::train::steady_memory_test
