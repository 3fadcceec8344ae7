// The time from a model file to the first image, and the rate of sampling after it: bench_sample --help
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include <glow/glow.h>

#include "bench/convolutions.h"
#include "bench/report.h"
#include "bench/timing.h"

namespace glow::bench {
namespace {

/// A temporary model file of a model with these options.
class ModelFile {
 public:
  explicit ModelFile(const nn::GlowOptions& options)
      : path_(std::filesystem::temp_directory_path() /
              ("glow_bench_sample_" + std::to_string(::getpid()) + ".safetensors")) {
    Glow model(options, 1);
    model->mark_initialized();
    save_model(model, path_);
  }
  ~ModelFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void measure(const Settings& settings) {
  const torch::NoGradGuard no_grad;
  const ModelFile file(settings.model);
  Glow model{nullptr};
  const auto load = [&] {
    model = load_model(file.path(), settings.device);
    model->set_hidden_precision(settings.precision);
  };
  const double loading = seconds_of(load, settings.device);
  const double first = seconds_of([&] { model->sample(1).cpu(); }, settings.device);

  std::vector<Row> rows;
  for (const std::int64_t batch : {std::int64_t{1}, settings.batch, 4 * settings.batch}) {
    auto of_batch = settings;
    of_batch.batch = batch;
    const Convolutions convolutions(of_batch);
    const auto seconds = median_seconds({[&] { model->sample(batch); }, [&] { convolutions.forward(); }},
                                        settings.rounds, settings.device);
    const auto images = static_cast<double>(batch);
    rows.push_back({"sampling_" + std::to_string(batch), images / seconds[0], images / seconds[1]});
  }
  print(settings, rows, {{"seconds_to_load", loading}, {"seconds_to_first_image", first}});
}

}  // namespace
}  // namespace glow::bench

int main(int argc, char** argv) {
  return glow::bench::run_benchmark("bench_sample", [&] {
    using namespace glow::bench;
    measure(parse(argc, argv, "bench_sample",
                  "The time from a model file to the first image, and images a second after it."));
  });
}
