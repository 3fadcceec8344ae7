// Rates of training, log_prob and sampling, compared with the model's convolutions alone, and the memory and numbers of
// operators, allocations and page faults of a training step: bench_step --help
#include <vector>

#include <ATen/ATen.h>

#include <glow/glow.h>
#include <glow/train/trainer.h>

#include "bench/convolutions.h"
#include "bench/counts.h"
#include "bench/device_memory.h"
#include "bench/report.h"
#include "bench/timing.h"
#include "compat/counting_allocator.h"

namespace glow::bench {
namespace {

class Step {
 public:
  explicit Step(const Settings& settings) : settings_(settings), model_(settings.model, 1) {
    const auto& options = settings.model;
    bytes_ = torch::randint(0, 256, {settings.batch, options.channels, options.height, options.width}, torch::kByte);
    if (settings.device.is_cuda()) bytes_ = bytes_.pin_memory();  // as those of a training run
    model_->to(settings.device);
    model_->set_hidden_precision(settings.precision);
    model_->mark_initialized();
  }

  std::vector<Row> rates() {
    auto trainer = make_trainer();
    // A copy of the model for densities and samples: after a training step the folded weights are computed again.
    Glow fixed(std::dynamic_pointer_cast<nn::GlowImpl>(model_->clone()));
    const auto x = fixed->quantizer().dequantize(bytes_.to(settings_.device), 0);
    const Convolutions convolutions(settings_);
    const torch::NoGradGuard no_grad;
    const auto seconds =
        median_seconds({[&] { step(trainer); }, [&] { convolutions.train(); }, [&] { fixed->log_prob(x); },
                        [&] { fixed->sample(settings_.batch); }, [&] { convolutions.forward(); }},
                       settings_.rounds, settings_.device);
    const auto rate = [&](std::size_t i) { return static_cast<double>(settings_.batch) / seconds[i]; };
    return {{"training", rate(0), rate(1)}, {"log_prob", rate(2), rate(4)}, {"sampling", rate(3), rate(4)}};
  }

  std::vector<Figure> memory_of_a_step() {
    auto trainer = make_trainer();
    const auto before = memory(settings_.device);
    reset_peak_memory(settings_.device);
    step(trainer);
    const auto peak = peak_memory(settings_.device);
    return {{"bytes_between_steps", static_cast<double>(before)},
            {"bytes_of_a_step_beyond", static_cast<double>(peak - before)}};
  }

  /// The operators of a training step, and the launches of its CUDA graph, if it is captured, without those of the
  /// update.
  std::vector<Figure> counts() {
    auto trainer = make_warm_trainer();
    std::vector<Figure> counts{{"operators", static_cast<double>(count_operators([&] { step(trainer); }))}};
    if (const auto count = captured_launches()) counts.push_back({"launches", static_cast<double>(*count)});
    return counts;
  }

  std::vector<Figure> memory_requests_of_a_step() {
    auto trainer = make_warm_trainer();
    const auto once = [&] { step(trainer); };
    std::vector<Figure> figures{{"minor_faults_of_a_step", static_cast<double>(count_minor_faults(once))}};
    if (const auto count = count_allocations(once)) {
      figures.push_back({"allocations_of_a_step", static_cast<double>(*count)});
    }
    return figures;
  }

 private:
  void step(train::Trainer& trainer) const {
    const auto report = trainer.step(bytes_);
    if (report.fell_back) throw NumericalError("a step fell back to recompute");
    if (report.skipped) throw NumericalError("a step has no finite loss or gradient");
    if (!report.capture_failure.empty()) throw Error("no CUDA graph: " + report.capture_failure);
  }
  train::Trainer make_trainer() {
    return {model_, {.batch = settings_.batch, .memory = settings_.memory, .cuda_graph = settings_.cuda_graph}};
  }
  train::Trainer make_warm_trainer() {
    auto trainer = make_trainer();
    for (int call = 0; call < warm_calls(settings_.device); ++call) step(trainer);
    return trainer;
  }

  Settings settings_;
  Glow model_;
  torch::Tensor bytes_;
};

/// The counts of a training step, and how much of them is due to each flow step: the difference to a model of half the
/// depth.
std::vector<Figure> counts_of_a_step(Step& step, const Settings& settings) {
  const auto counts = step.counts();
  auto shallow = settings;
  shallow.model.depth /= 2;
  const auto of_shallow = shallow.model.depth > 0 ? Step(shallow).counts() : std::vector<Figure>();
  const auto steps = settings.model.levels * (settings.model.depth - shallow.model.depth);
  std::vector<Figure> figures;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    figures.push_back({counts[i].name + "_of_a_step", counts[i].value});
    if (i >= of_shallow.size()) continue;
    const double difference = counts[i].value - of_shallow[i].value;
    figures.push_back({counts[i].name + "_of_a_flow_step", difference / static_cast<double>(steps)});
  }
  return figures;
}

void measure(const Settings& settings) {
  Step step(settings);
  auto figures = step.memory_of_a_step();
  const auto rates = step.rates();
  for (const auto& more : {counts_of_a_step(step, settings), step.memory_requests_of_a_step()}) {
    figures.insert(figures.end(), more.begin(), more.end());
  }
  print(settings, rates, figures);
}

}  // namespace
}  // namespace glow::bench

int main(int argc, char** argv) {
  return glow::bench::run_benchmark("bench_step", [&] {
    using namespace glow::bench;
    glow::compat::count_cpu_memory();
    measure(parse(argc, argv, "bench_step",
                  "Images a second, also as a fraction of those of the convolutions alone, and the memory, operators, "
                  "allocations and page faults of a training step."));
  });
}
