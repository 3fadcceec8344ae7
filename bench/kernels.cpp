// The operations of a flow step, at the three levels of the CIFAR-10 model: bench_kernels --help
#include <cstdlib>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <glow/train/optimizer.h>

#include "bench/machine.h"
#include "bench/report.h"
#include "bench/timing.h"
#include "nn/level.h"
#include "ops/channel_map.h"
#include "ops/coupling.h"
#include "ops/network_shape.h"
#include "ops/patches.h"
#include "ops/pixel_product.h"
#include "tools/common/command_line.h"

namespace glow::bench {
namespace {

constexpr std::int64_t kWidth = 512, kDepth = 32;

/// `main` sets them before a benchmark runs.
Settings settings;

torch::Tensor random(at::IntArrayRef sizes, torch::Dtype dtype = torch::kFloat) {
  return at::randn(sizes, torch::TensorOptions(settings.device)).to(dtype);
}

torch::Tensor images(std::int64_t channels, std::int64_t size, torch::Dtype dtype = torch::kFloat) {
  return random({settings.batch, channels, size, size}, dtype).contiguous(at::MemoryFormat::ChannelsLast);
}

std::int64_t bytes(const torch::Tensor& x) { return static_cast<std::int64_t>(x.nbytes()); }

/// {channels, height and width} of the flow variable at the three levels.
void levels(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"C", "H"})->Args({12, 16})->Args({24, 8})->Args({48, 4});
  benchmark->Unit(benchmark::kMicrosecond)->UseRealTime();
}

/// Runs `work` repeatedly; each time it reads or writes so many bytes.
template <class Work>
void repeat(benchmark::State& state, std::int64_t bytes_of_work, Work&& work) {
  const torch::NoGradGuard no_grad;
  for (int call = 0; call < warm_calls(settings.device); ++call) seconds_of(work, settings.device);
  // A GPU works while the host makes the next calls, and only the last of them is waited for, as in training.
  const std::int64_t calls = settings.device.is_cuda() ? 100 : 1;
  while (state.KeepRunningBatch(calls)) {
    seconds_of(
        [&] {
          for (std::int64_t call = 0; call < calls; ++call) work();
        },
        settings.device);
  }
  state.SetBytesProcessed(state.iterations() * bytes_of_work);
}

void extract_patches(benchmark::State& state) {
  const auto z = images(state.range(0), state.range(1));
  const auto x1 = z.narrow(1, 0, state.range(0) / 2);
  const auto run = [&] { return ops::extract_patches(x1, true, settings.hidden_dtype()); };
  repeat(state, bytes(x1) + bytes(run()), run);
}
BENCHMARK(extract_patches)->Apply(levels);

void sum_patches(benchmark::State& state) {
  const auto channels = state.range(0);
  const auto patches = images(9 * channels, state.range(1), settings.hidden_dtype());
  const auto bias = random({channels}), outside = random({9, channels});
  const auto run = [&] { return ops::sum_patches(patches, bias, outside); };
  repeat(state, bytes(patches) + bytes(run()), run);
}
BENCHMARK(sum_patches)->Apply(levels);

void couple(benchmark::State& state) {
  const auto z = images(state.range(0), state.range(1)), h = images(state.range(0), state.range(1)) * 0 + 20;
  repeat(state, 2 * bytes(z), [&] { ops::couple_(ops::CouplingKind::kAffine, z, h); });
}
BENCHMARK(couple)->Apply(levels);

void couple_backward(benchmark::State& state) {
  // The scales are 1: repeated scaling by less would produce denormal numbers, which are slow.
  const auto z = images(state.range(0), state.range(1)), h = images(state.range(0), state.range(1)) * 0 + 20;
  const auto gradient = images(state.range(0), state.range(1)), of_log_det = random({settings.batch});
  repeat(state, 4 * bytes(z), [&] { ops::couple_backward_(ops::CouplingKind::kAffine, z, h, gradient, of_log_det); });
}
BENCHMARK(couple_backward)->Apply(levels);

/// {inputs, outputs, height and width} of the products of a coupling network at the three levels. Those of the first
/// and the last product that are no multiple of 8 occur a second time filled up to one, as the model computes them.
void products(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"I", "O", "H"})->Unit(benchmark::kMicrosecond)->UseRealTime();
  using Sizes = std::pair<std::int64_t, std::int64_t>;
  for (const auto& [channels, size] : {Sizes{12, 16}, Sizes{24, 8}, Sizes{48, 4}}) {
    const ops::NetworkShape shape{.channels = channels / 2, .width = kWidth, .outputs = channels};
    for (const auto inputs : std::set{9 * shape.planes(), shape.gathered()}) benchmark->Args({inputs, kWidth, size});
    benchmark->Args({kWidth, kWidth, size});
    for (const auto outputs : std::set{9 * shape.outputs, shape.summed()}) benchmark->Args({kWidth, outputs, size});
  }
}

/// The tensors of a product and of its gradients.
struct Product {
  explicit Product(const benchmark::State& state)
      : x(images(state.range(0), state.range(2), settings.hidden_dtype())),
        gradient(images(state.range(1), state.range(2), settings.hidden_dtype())),
        weight(random({state.range(1), state.range(0)}, settings.hidden_dtype())),
        bias(random({state.range(1)}, settings.hidden_dtype())) {}

  template <class Work>
  void repeat(benchmark::State& state, Work&& work) const {
    bench::repeat(state, bytes(x) + bytes(gradient) + bytes(weight), work);
    state.counters["FLOP/s"] = benchmark::Counter(2.0 * static_cast<double>(x.numel() * weight.size(0)),
                                                  benchmark::Counter::kIsIterationInvariantRate);
  }

  torch::Tensor x, gradient, weight, bias;
};

void product(benchmark::State& state) {
  const Product factors(state);
  factors.repeat(state, [&] { ops::pixel_product_relu(factors.x, factors.weight, factors.bias); });
}
BENCHMARK(product)->Apply(products);

void input_gradient(benchmark::State& state) {
  const Product factors(state);
  factors.repeat(state, [&] { ops::pixel_product_input_gradient(factors.gradient, factors.weight); });
}
BENCHMARK(input_gradient)->Apply(products);

void weight_gradient(benchmark::State& state) {
  const Product factors(state);
  factors.repeat(state, [&] { ops::pixel_product_weight_gradient(factors.gradient, factors.x); });
}
BENCHMARK(weight_gradient)->Apply(products);

void relu_backward(benchmark::State& state) {
  const auto y = images(kWidth, state.range(1), settings.hidden_dtype());
  const auto gradient = images(kWidth, state.range(1), settings.hidden_dtype());
  repeat(state, 3 * bytes(y), [&] { ops::relu_backward_(gradient, y); });
}
BENCHMARK(relu_backward)->Apply(levels);

/// The channel maps of all steps of a level, with their log-determinants.
void fold_maps(benchmark::State& state) {
  const nn::GlowOptions options{.height = 32, .width = 32, .levels = 3, .depth = kDepth, .hidden_width = 8};
  nn::Level level(options, state.range(0) == 12 ? 0 : state.range(0) == 24 ? 1 : 2);
  level->to(settings.device);
  const auto numbers = options.depth * state.range(0) * state.range(0);
  repeat(state, numbers * static_cast<std::int64_t>(sizeof(float)), [&] { level->fold(); });
}
BENCHMARK(fold_maps)->Apply(levels);

/// The log-determinants of the channel maps of all steps of a level: those of the CIFAR-10 model, and of the deeper
/// levels of the CelebA-HQ model.
void log_abs_det(benchmark::State& state) {
  const auto maps = random({kDepth, state.range(0), state.range(0)});
  repeat(state, bytes(maps), [&] { ops::log_abs_det(maps); });
}
BENCHMARK(log_abs_det)
    ->ArgName("C")
    ->ArgsProduct({{12, 24, 48, 96, 192, 384}})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

void optimizer(benchmark::State& state) {
  const auto training = train::initial_state(random({state.range(0)}));
  const auto gradients = random({state.range(0)}), wanted = torch::ones({}, gradients.options());
  train::Optimizer optimizer(train::OptimizerKind::kAdamax, 0.999, 0.999, training.parameters.options());
  repeat(state, 9 * bytes(gradients), [&] { optimizer.apply(training, gradients, wanted, 1e-3); });
}
BENCHMARK(optimizer)->Arg(44'000'000)->Unit(benchmark::kMillisecond)->UseRealTime();

using Words = std::vector<std::string>;

/// Sets `settings` from the flags of this program.
void parse(const Words& words) {
  static const std::vector<tools::FlagText> own{
      {"batch", "Measurement", "N", "images of each operation"},
      {"json", "Measurement", "", "print one JSON object instead of a table: --benchmark_format=json"},
  };
  tools::Flags flags(own + tools::compute_rows(tools::Launchable::kNo));
  flags.bind(settings);
  const tools::ToolText text{.name = "bench_kernels",
                             .purpose = "The operations of a flow step, at the three levels of the CIFAR-10 model.",
                             .closing =
                                 "Flags of Google Benchmark, among them\n"
                                 "  --benchmark_filter=REGEX      only these operations\n"
                                 "  --benchmark_list_tests        list them instead\n"
                                 "  --benchmark_min_time=SECONDS  the time to repeat each for\n"};
  auto console = tools::Console::of_process();
  const auto given = tools::parse_command_line(text, flags, words, console);
  if (!given) std::exit(EXIT_SUCCESS);
  flags.naming_flags([&] {
    flags.set(*given);
    start(settings);
  });
}

/// Passes flags to Google Benchmark.
void initialize(Words words) {
  // Google Benchmark keeps the pointer to the name.
  static std::string program = "bench_kernels";
  if (settings.json) words.emplace_back("--benchmark_format=json");
  std::vector<char*> pointers{program.data()};
  for (auto& word : words) pointers.push_back(word.data());
  auto count = static_cast<int>(pointers.size());
  benchmark::Initialize(&count, pointers.data());
  if (count > 1) throw ConfigError(pointers[1], "Google Benchmark has no such flag");
}

void add_machine_to_report() {
  const auto facts = machine();
  for (const auto& [name, value] : facts.items()) {
    benchmark::AddCustomContext(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
}

}  // namespace
}  // namespace glow::bench

int main(int argc, char** argv) {
  return glow::bench::run_benchmark("bench_kernels", [&] {
    using namespace glow::bench;
    Words own, of_library;
    for (const auto& word : Words(argv + 1, argv + argc)) {
      (word.starts_with("--benchmark_") ? of_library : own).push_back(word);
    }
    parse(own);
    initialize(of_library);
    const glow::ops::Tf32Guard guard(settings.precision == glow::nn::HiddenPrecision::kTf32, settings.device);
    add_machine_to_report();
    benchmark::RunSpecifiedBenchmarks();
  });
}
