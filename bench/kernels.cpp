// The operations of a flow step, at the three levels of the CIFAR-10 model: bench_kernels --help
// --json, as in the other benchmarks, is --benchmark_format=json.
#include <span>
#include <string>
#include <string_view>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <glow/ops/runtime.h>
#include <glow/train/optimizer.h>

#include "bench/machine.h"
#include "nn/level.h"
#include "ops/coupling.h"
#include "ops/patches.h"
#include "ops/pixel_product.h"

namespace glow::bench {
namespace {

constexpr std::int64_t kBatch = 16, kWidth = 512;

torch::Tensor images(std::int64_t channels, std::int64_t size, torch::Dtype dtype = torch::kFloat) {
  return at::randn({kBatch, channels, size, size}).contiguous(at::MemoryFormat::ChannelsLast).to(dtype);
}

/// {channels, height and width} of the flow variable at the three levels.
void levels(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"C", "H"})->Args({12, 16})->Args({24, 8})->Args({48, 4})->Unit(benchmark::kMicrosecond);
}

/// Runs `work` repeatedly; each time it reads or writes `numbers` values of 4 bytes.
template <class Work>
void repeat(benchmark::State& state, std::int64_t numbers, Work&& work) {
  const torch::NoGradGuard no_grad;
  for (auto _ : state) work();
  state.SetBytesProcessed(state.iterations() * numbers * static_cast<std::int64_t>(sizeof(float)));
}

void extract_patches(benchmark::State& state) {
  const auto z = images(state.range(0), state.range(1));
  const auto x1 = z.narrow(1, 0, state.range(0) / 2);
  const auto patches = ops::extract_patches(x1, true).numel();
  repeat(state, x1.numel() + patches, [&] { ops::extract_patches(x1, true); });
}
BENCHMARK(extract_patches)->Apply(levels);

void sum_patches(benchmark::State& state) {
  const auto channels = state.range(0);
  const auto patches = images(9 * channels, state.range(1));
  const auto bias = at::randn({channels}), outside = at::randn({9, channels});
  repeat(state, patches.numel() * 10 / 9, [&] { ops::sum_patches(patches, bias, outside); });
}
BENCHMARK(sum_patches)->Apply(levels);

void couple(benchmark::State& state) {
  const auto z = images(state.range(0), state.range(1)), h = images(state.range(0), state.range(1)) * 0 + 20;
  repeat(state, 2 * z.numel(), [&] { ops::couple_(ops::CouplingKind::kAffine, z, h); });
}
BENCHMARK(couple)->Apply(levels);

void couple_backward(benchmark::State& state) {
  // The scales are 1: repeated scaling by less would produce denormal numbers, which are slow.
  const auto z = images(state.range(0), state.range(1)), h = images(state.range(0), state.range(1)) * 0 + 20;
  const auto gradient = images(state.range(0), state.range(1)), of_log_det = at::ones({kBatch});
  repeat(state, 4 * z.numel(), [&] { ops::couple_backward_(ops::CouplingKind::kAffine, z, h, gradient, of_log_det); });
}
BENCHMARK(couple_backward)->Apply(levels);

void product(benchmark::State& state) {
  const auto x = images(kWidth, state.range(1));
  const auto weight = at::randn({kWidth, kWidth}), bias = at::randn({kWidth});
  repeat(state, 2 * x.numel() + weight.numel(), [&] { ops::pixel_product_relu(x, weight, bias); });
  state.counters["FLOP/s"] =
      benchmark::Counter(2.0 * static_cast<double>(x.numel() * kWidth), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(product)->Apply(levels);

void weight_gradient(benchmark::State& state) {
  const auto x = images(kWidth, state.range(1)), gradient = images(kWidth, state.range(1));
  repeat(state, 2 * x.numel(), [&] { ops::pixel_product_weight_gradient(gradient, x); });
  state.counters["FLOP/s"] =
      benchmark::Counter(2.0 * static_cast<double>(x.numel() * kWidth), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(weight_gradient)->Apply(levels);

void relu_backward(benchmark::State& state) {
  const auto y = images(kWidth, state.range(1)), gradient = images(kWidth, state.range(1));
  repeat(state, 3 * y.numel(), [&] { ops::relu_backward_(gradient, y); });
}
BENCHMARK(relu_backward)->Apply(levels);

/// The channel maps of all steps of a level, with their log-determinants.
void fold_maps(benchmark::State& state) {
  const nn::GlowOptions options{.height = 32, .width = 32, .levels = 3, .depth = 32, .hidden_width = 8};
  const nn::Level level(options, state.range(0) == 12 ? 0 : state.range(0) == 24 ? 1 : 2);
  repeat(state, options.depth * state.range(0) * state.range(0), [&] { level->fold(); });
}
BENCHMARK(fold_maps)->Apply(levels);

void optimizer(benchmark::State& state) {
  const auto training = train::initial_state(at::zeros({state.range(0)}));
  const auto gradients = at::randn({state.range(0)}), wanted = at::ones({});
  train::Optimizer optimizer(train::OptimizerKind::kAdamax, 0.999, 0.999, training.parameters.options());
  repeat(state, 9 * state.range(0), [&] {
    optimizer.prepare(1e-3, 0);
    optimizer.apply(training, gradients, wanted);
  });
}
BENCHMARK(optimizer)->Arg(44'000'000)->Unit(benchmark::kMillisecond);

void add_machine_to_report() {
  const auto facts = machine();
  for (const auto& [name, value] : facts.items()) {
    benchmark::AddCustomContext(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
}

}  // namespace
}  // namespace glow::bench

int main(int argc, char** argv) {
  std::string json = "--benchmark_format=json";
  for (char*& word : std::span(argv, static_cast<std::size_t>(argc))) {
    if (std::string_view(word) == "--json") word = json.data();
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  glow::ops::use_threads();
  glow::ops::keep_freed_memory();
  glow::bench::add_machine_to_report();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
