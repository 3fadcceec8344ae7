#include "train/step_graph.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/train/trainer.h>

#include "support/model_cases.h"

namespace glow::train::step_graph_test {
namespace {

/// Writes down what StepGraph asks for.
class FakeRecorder : public Recorder {
 public:
  FakeRecorder(std::vector<std::string>& calls, std::string problem) : calls_(calls), problem_(std::move(problem)) {}
  void run(const Work& work) override {
    calls_.push_back("run");
    work();
  }
  void record(const Work& work) override {
    calls_.push_back("record");
    work();
    if (!problem_.empty()) throw Error(problem_);
  }
  void replay() override { calls_.push_back("replay"); }
  void forget() override { calls_.push_back("forget"); }

 private:
  std::vector<std::string>& calls_;
  std::string problem_;
};

/// The calls of the recorder during `runs` runs.
std::vector<std::string> calls_of(StepGraph& graph, std::vector<std::string>& calls, int runs) {
  for (int i = 0; i < runs; ++i) graph.run([] {});
  return std::exchange(calls, {});
}

TEST(StepGraph, RunsThreeTimesThenRecordsThenReplays) {
  std::vector<std::string> calls;
  StepGraph graph(std::make_shared<FakeRecorder>(calls, ""));
  EXPECT_EQ(calls_of(graph, calls, 3), (std::vector<std::string>{"run", "run", "run"}));
  EXPECT_EQ(calls_of(graph, calls, 3), (std::vector<std::string>{"record", "replay", "replay", "replay"}));
  EXPECT_EQ(graph.failure(), "");
}

TEST(StepGraph, ForgetsItsRecordingAtItsEnd) {
  std::vector<std::string> calls;
  const auto recorder = std::make_shared<FakeRecorder>(calls, "");
  { StepGraph graph(recorder); }
  EXPECT_EQ(calls, std::vector<std::string>{"forget"});
}

TEST(StepGraph, RunsDirectlyAfterAFailedRecording) {
  std::vector<std::string> calls;
  StepGraph graph(std::make_shared<FakeRecorder>(calls, "it waits for the device"));
  EXPECT_EQ(calls_of(graph, calls, 3), (std::vector<std::string>{"run", "run", "run"}));
  EXPECT_EQ(graph.failure(), "");
  EXPECT_EQ(calls_of(graph, calls, 2), (std::vector<std::string>{"record", "run", "run"}));
  EXPECT_EQ(graph.failure(), "it waits for the device");
}

TEST(StepGraph, ErrorsOfTheWorkAreTheCallers) {
  std::vector<std::string> calls;
  StepGraph graph(std::make_shared<FakeRecorder>(calls, ""));
  const auto fail = [] { throw std::runtime_error("no memory"); };
  for (int i = 0; i < 2; ++i) EXPECT_THROW(graph.run(fail), std::runtime_error);
  for (int i = 0; i < 3; ++i) graph.run([] {});
  // Also of the work whose recording failed because of it.
  EXPECT_THROW(graph.run(fail), std::runtime_error);
  EXPECT_EQ(graph.failure(), "no memory");
}

TEST(WhyNoCudaGraph, NamesTheReason) {
  struct Case {
    nn::GlowOptions model;
    TrainOptions options;
    torch::Device device;
    std::int64_t processes;
    std::string reason;
  };
  const auto glow = nn::GlowOptions{}, realnvp = nn::GlowOptions::of_family(nn::Family::kRealNVP);
  auto conditional = glow;
  conditional.num_classes = 10;
  const TrainOptions usual, off{.cuda_graph = false}, recompute{.memory = nn::MemoryPolicy::kRecompute},
      reversible{.memory = nn::MemoryPolicy::kReversible}, in_parts{.accumulate = 2};
  const torch::Device cpu = torch::kCPU, cuda{torch::kCUDA, 1};
  ASSERT_TRUE(usual.cuda_graph);
  for (const auto& [model, options, device, processes, reason] : std::vector<Case>{
           {glow, usual, cpu, 1, "the device is the CPU"},
           {glow, off, cuda, 1, "switched off"},
           {glow, usual, cuda, 1, ""},
           {glow, usual, cuda, 8, ""},
           {glow, recompute, cuda, 1, ""},
           {glow, in_parts, cuda, 2, ""},
           {conditional, usual, cuda, 1, ""},
           {conditional, usual, cuda, 8, ""},
           {glow, reversible, cuda, 1, "memory reversible waits for the device"},
           {realnvp, usual, cuda, 1, ""},
           {realnvp, usual, cuda, 2, "batch norms sum over the processes"},
       }) {
    EXPECT_EQ(why_no_cuda_graph(model, options, device, processes), reason) << device << " " << processes;
  }
}

}  // namespace
}  // namespace glow::train::step_graph_test
