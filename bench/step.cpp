// Rates of training, log_prob and sampling, compared with the model's convolutions alone: bench_step --help
#include <vector>

#include <ATen/ATen.h>

#include <glow/glow.h>
#include <glow/train/trainer.h>

#include "bench/convolutions.h"
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

 private:
  void step(train::Trainer& trainer) const {
    const auto report = trainer.step(bytes_);
    if (report.fell_back) throw NumericalError("a step fell back to recompute");
    if (report.skipped) throw NumericalError("a step has no finite loss or gradient");
  }
  train::Trainer make_trainer() {
    return {model_, {.batch = settings_.batch, .memory = settings_.memory, .cuda_graph = settings_.cuda_graph}};
  }

  Settings settings_;
  Glow model_;
  torch::Tensor bytes_;
};

}  // namespace
}  // namespace glow::bench

int main(int argc, char** argv) {
  return glow::bench::run_benchmark("bench_step", [&] {
    using namespace glow::bench;
    glow::compat::count_cpu_memory();
    const auto settings =
        parse(argc, argv, "bench_step", "Images a second, also as a fraction of those of the convolutions alone.");
    Step step(settings);
    const auto figures = step.memory_of_a_step();
    print(settings, step.rates(), figures);
  });
}
