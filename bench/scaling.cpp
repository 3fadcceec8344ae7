// Compares training in several processes of one thread each with one process of as many threads: bench_scaling --help
// Started in several processes by mpirun or torchrun, it measures those processes only.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <glow/distributed/communicator.h>
#include <glow/glow.h>
#include <glow/shard.h>
#include <glow/train/optimizer.h>
#include <glow/train/trainer.h>

#include "bench/report.h"
#include "bench/timing.h"

namespace glow::bench {
namespace {

using Json = nlohmann::ordered_json;

/// Set for the processes that this program starts itself.
constexpr const char* kThreadsVariable = "GLOW_BENCH_THREADS";

/// The bytes that all network interfaces of this host have sent.
double bytes_sent() {
  std::ifstream file("/proc/net/dev");
  std::string line;
  double sum = 0;
  while (std::getline(file, line)) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::istringstream numbers(line.substr(colon + 1));
    constexpr int kReceiveColumns = 8;
    double value = 0;
    for (int column = 0; column <= kReceiveColumns; ++column) numbers >> value;
    sum += value;
  }
  return sum;
}

/// Measures training steps in one of the processes.
class Worker {
 public:
  Worker(const Settings& settings, const distributed::Launch& launch)
      : settings_(settings), processes_(distributed::connect(launch)), model_(settings.model, 1) {
    const auto& options = settings.model;
    model_->to(settings.device);
    model_->set_hidden_precision(settings.precision);
    model_->mark_initialized();
    const auto shard = processes_->shard();
    const auto images = shard.size(settings.batch);
    bytes_ = torch::randint(0, 256, {images, options.channels, options.height, options.width}, torch::kByte);
    if (settings.device.is_cuda()) bytes_ = bytes_.pin_memory();
  }

  Json measure() {
    train::Trainer trainer(
        model_, {.batch = settings_.batch, .memory = settings_.memory, .cuda_graph = settings_.cuda_graph}, processes_);
    const auto step = [&] { trainer.step(bytes_, {}, settings_.batch); };
    for (int call = 0; call < warm_calls(settings_.device) + 1; ++call) step();
    processes_->barrier();
    const auto sent = bytes_sent(), waited = trainer.seconds_waited();
    std::vector<double> seconds;
    for (int i = 0; i < settings_.rounds; ++i) seconds.push_back(seconds_of(step, settings_.device));
    const auto total = std::accumulate(seconds.begin(), seconds.end(), 0.0);
    const auto waiting = (trainer.seconds_waited() - waited) / total;
    processes_->barrier();
    const auto bytes = (bytes_sent() - sent) / static_cast<double>(settings_.rounds);
    std::nth_element(seconds.begin(), seconds.begin() + settings_.rounds / 2, seconds.end());
    auto json = facts(settings_);
    json.update({{"processes", processes_->size()},
                 {"seconds_a_step", seconds[static_cast<std::size_t>(settings_.rounds / 2)]},
                 {"host_bytes_a_step", bytes},
                 {"waiting", waiting},
                 {"parameters", model_->flat_parameters().values().numel()},
                 {"parameters_of_first_level", first_level_parameters()},
                 {"seconds_small_sum", seconds_small_sum()},
                 {"seconds_forward", seconds_forward()},
                 {"seconds_optimizer", seconds_optimizer()}});
    return json;
  }

  bool is_root() const { return processes_->is_root(); }

 private:
  /// The number of parameters whose gradients are complete last.
  std::int64_t first_level_parameters() const {
    std::int64_t count = 0;
    for (const auto& parameter : model_->named_parameters()) {
      if (parameter.key().starts_with("levels.0.")) count += parameter.value().numel();
    }
    return count;
  }

  /// The time of a message so short that only its latency counts. Each training step has one.
  double seconds_small_sum() {
    const auto numbers = torch::zeros({8}, torch::TensorOptions(settings_.device));
    constexpr int kCount = 200;
    return median_seconds({[&] { processes_->sum(numbers); }}, kCount, settings_.device)[0];
  }

  double seconds_forward() {
    const auto x = model_->quantizer().dequantize(bytes_.to(settings_.device), 0);
    return median_seconds({[&] { model_->evaluate(x); }}, settings_.rounds, settings_.device)[0];
  }

  double seconds_optimizer() {
    auto& flat = model_->flat_parameters();
    const auto training = train::initial_state(flat.values());
    const auto wanted = torch::ones({}, flat.values().options());
    train::Optimizer optimizer(train::OptimizerKind::kAdamax, 0.999, 0.999, flat.values().options());
    const auto update = [&] { optimizer.apply(training, flat.gradients(), wanted, 0); };
    return median_seconds({update}, settings_.rounds, settings_.device)[0];
  }

  Settings settings_;
  std::shared_ptr<distributed::Communicator> processes_;
  Glow model_;
  torch::Tensor bytes_;
};

/// Runs this program in `processes` processes of `threads` threads each, and returns the output of rank 0.
Json measure(const std::vector<std::string>& arguments, int processes, int threads) {
  static int port = 20000 + static_cast<int>(::getpid() % 20000);
  ++port;
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw Error("cannot create a pipe");
  std::vector<pid_t> children;
  for (int rank = 0; rank < processes; ++rank) {
    const auto child = ::fork();
    if (child < 0) throw Error("cannot start a process");
    if (child > 0) {
      children.push_back(child);
      continue;
    }
    const std::map<std::string, std::string> variables{{"RANK", std::to_string(rank)},
                                                       {"WORLD_SIZE", std::to_string(processes)},
                                                       {"LOCAL_RANK", std::to_string(rank)},
                                                       {"LOCAL_WORLD_SIZE", std::to_string(processes)},
                                                       {"MASTER_ADDR", "127.0.0.1"},
                                                       {"MASTER_PORT", std::to_string(port)},
                                                       {kThreadsVariable, std::to_string(threads)}};
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
    ::dup2(ends[1], STDOUT_FILENO);
    std::vector<char*> words;
    for (const auto& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::execv("/proc/self/exe", words.data());
    ::_exit(EXIT_FAILURE);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t count; (count = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  bool failed = false;
  for (const auto child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    failed = failed || status != 0;
  }
  if (failed) throw Error(std::to_string(processes) + " processes: one of them failed");
  return Json::parse(text);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare(const Settings& settings, const std::vector<std::string>& arguments) {
  struct Way {
    int processes, threads;
    std::vector<double> seconds = {}, bytes = {}, waiting = {};
  };
  std::vector<Way> ways{{1, 1}, {2, 1}, {1, 2}, {4, 1}, {1, 4}};
  if (settings.device.is_cuda()) {
    const auto gpus = static_cast<int>(torch::cuda::device_count());
    std::erase_if(ways, [&](const Way& way) { return way.threads > 1 || way.processes > gpus; });
  }
  double parameters = 0;
  constexpr int kRepeats = 3;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    for (auto& way : ways) {
      const auto found = measure(arguments, way.processes, way.threads);
      way.seconds.push_back(found.at("seconds_a_step"));
      way.bytes.push_back(found.at("host_bytes_a_step"));
      way.waiting.push_back(found.at("waiting"));
      parameters = found.at("parameters");
    }
  }
  const auto rate = [&](const Way& way) { return static_cast<double>(settings.batch) / median(way.seconds); };
  const auto rate_of = [&](int processes, int threads) {
    return rate(*std::find_if(ways.begin(), ways.end(),
                              [&](const Way& way) { return way.processes == processes && way.threads == threads; }));
  };
  if (settings.json) {
    Json rows = Json::array();
    for (const auto& way : ways) {
      rows.push_back({{"processes", way.processes},
                      {"threads", way.threads},
                      {"images_per_second", rate(way)},
                      {"bytes_a_process_and_step", median(way.bytes) / way.processes},
                      {"waiting", median(way.waiting)}});
    }
    auto json = facts(settings);
    json.update({{"parameters", parameters}, {"rows", rows}});
    std::cout << json.dump() << std::endl;
    return;
  }
  std::cout << describe(settings) << "\n"
            << "4 bytes x parameters: " << 4e-6 * parameters << " MB\n\n"
            << "processes  threads  images/s  of one process  MB sent a process and step  waiting\n";
  for (const auto& way : ways) {
    const auto threads = settings.device.is_cuda() ? 1 : way.processes;
    const auto of_one = way.processes == 1 ? 1.0 : rate(way) / rate_of(1, threads);
    std::printf("%9d  %7d  %8.2f  %14.3f  %26.2f  %6.1f%%\n", way.processes, way.threads, rate(way), of_one,
                1e-6 * median(way.bytes) / way.processes, 100 * median(way.waiting));
  }
  std::fflush(stdout);
}

}  // namespace
}  // namespace glow::bench

int main(int argc, char** argv) {
  return glow::bench::run_benchmark("bench_scaling", [&] {
    using namespace glow::bench;
    const std::vector<std::string> arguments(argv, argv + argc);
    const auto settings =
        parse(argc, argv, "bench_scaling",
              "Training in 1, 2 and 4 processes of one thread each, and in one process of as many threads: "
              "images a second, bytes sent, and the fraction of a step spent waiting for gradients. Started "
              "in several processes by a launcher, it measures those; on CUDA each takes the GPU of its "
              "local rank.");
    const auto launch = glow::distributed::read_launch();
    const char* threads = std::getenv(kThreadsVariable);
    if (launch.size == 1 && threads == nullptr) return compare(settings, arguments);
    glow::ops::use_threads(threads != nullptr ? std::atoi(threads) : 1);
    Worker worker(settings, launch);
    const auto found = worker.measure();
    if (worker.is_root()) std::cout << found.dump() << std::endl;
  });
}
