// Steps that are captured by a stand-in for CUDA graphs, compared with direct ones.
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/train/trainer.h>

#include "support/alike_processes.h"
#include "support/tiny_training.h"
#include "train/step_graph.h"

namespace glow::train::captured_steps_test {
namespace {

using glow::testing::AlikeProcesses;
using glow::testing::started_tiny_model;
using glow::testing::tiny_images;
using glow::testing::tiny_options;

/// Repeats the recorded work on the CPU, and writes down what it is asked for.
class RepeatingRecorder : public Recorder {
 public:
  explicit RepeatingRecorder(std::string problem = "") : problem_(std::move(problem)) {}
  void run(const Work& work) override {
    calls += 'd';
    work();
  }
  void record(const Work& work) override {
    calls += 'c';
    if (problem_.empty()) {
      recorded_ = work;
      return;
    }
    work();  // a part of it, as far as the host is concerned
    throw Error(problem_);
  }
  void replay() override {
    calls += 'r';
    recorded_();
  }
  void forget() override { recorded_ = nullptr; }

  /// Direct runs, captures, replays.
  std::string calls;

 private:
  std::string problem_;
  Work recorded_;
};

std::shared_ptr<distributed::Communicator> processes(int count) {
  return count == 1 ? distributed::single_process() : std::make_shared<AlikeProcesses>();
}

struct Result {
  torch::Tensor weights;
  std::vector<StepReport> reports;
};

/// A training of 9 steps on changing images and labels. Step 6 is spoiled, step 8 has fewer images.
Result train(const std::shared_ptr<Recorder>& recorder, int process_count) {
  auto model = started_tiny_model(3);
  auto options = tiny_options();
  options.weight_y = 0.1;
  options.accumulate = 2;
  options.clip_norm = 1;
  Trainer trainer(model, options, processes(process_count));
  if (recorder) trainer.capture_with(recorder);
  Result result;
  for (std::int64_t step = 1; step <= 9; ++step) {
    const std::int64_t images = step == 8 ? 5 : 8;
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < images; ++i) indices.push_back((3 * step + i) % 8);
    const auto bytes = tiny_images(8)->bytes(indices), labels = tiny_images(8)->labels(indices);
    result.reports.push_back(step == 6 ? trainer.spoiled_step(bytes, labels, process_count * images)
                                       : trainer.step(bytes, labels, process_count * images));
  }
  result.weights = model->flat_parameters().values().clone();
  return result;
}

class CapturedSteps : public ::testing::TestWithParam<int> {};

TEST_P(CapturedSteps, EqualDirectOnes) {
  const auto recorder = std::make_shared<RepeatingRecorder>();
  const auto direct = train(nullptr, GetParam()), captured = train(recorder, GetParam());
  // Another number of images begins another graph.
  EXPECT_EQ(recorder->calls, "dddcrrrrdd");
  EXPECT_TRUE(captured.weights.equal(direct.weights));
  for (std::size_t i = 0; i < direct.reports.size(); ++i) {
    const auto &expected = direct.reports[i], &actual = captured.reports[i];
    EXPECT_EQ(actual.skipped, i == 5) << i;
    EXPECT_TRUE(actual.bits_per_dim == expected.bits_per_dim || (i == 5 && std::isnan(actual.bits_per_dim))) << i;
    EXPECT_EQ(actual.class_bits, expected.class_bits) << i;
    EXPECT_EQ(actual.gradient_norm, expected.gradient_norm) << i;
    EXPECT_EQ(actual.capture_failure, "") << i;
  }
}

TEST_P(CapturedSteps, AFailedCaptureIsReportedOnceAndDirectStepsFollow) {
  const auto recorder = std::make_shared<RepeatingRecorder>("operation not permitted");
  const auto direct = train(nullptr, GetParam()), captured = train(recorder, GetParam());
  // The step whose capture failed is run directly; no other graph is tried, also for another number of images.
  EXPECT_EQ(recorder->calls, "dddcd");
  EXPECT_TRUE(captured.weights.equal(direct.weights));
  for (std::size_t i = 0; i < captured.reports.size(); ++i) {
    EXPECT_EQ(captured.reports[i].capture_failure, i == 3 ? "operation not permitted" : "") << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Processes, CapturedSteps, ::testing::Values(1, 2));

TEST(CapturedStep, IsCapturedAgainForAnotherPrecision) {
  auto model = started_tiny_model();
  Trainer trainer(model, tiny_options());
  const auto recorder = std::make_shared<RepeatingRecorder>();
  trainer.capture_with(recorder);
  const auto bytes = tiny_images(8)->bytes({0, 1, 2, 3});
  for (int step = 0; step < 5; ++step) trainer.step(bytes);
  EXPECT_EQ(recorder->calls, "dddcrr");
  model->set_hidden_precision(nn::HiddenPrecision::kBf16);
  trainer.step(bytes);
  EXPECT_EQ(recorder->calls, "dddcrrd");
}

}  // namespace
}  // namespace glow::train::captured_steps_test
