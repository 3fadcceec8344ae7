// The rate at which images are read, decoded and scaled, and the time until a data set gives its first batch:
// bench_data --help
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include <glow/cores.h>
#include <glow/data/images.h>
#include <glow/data/order.h>
#include <glow/data/split.h>
#include <glow/error.h>
#include <glow/images/source.h>
#include <glow/images/worker_pool.h>
#include <glow/ops/runtime.h>

#include "bench/data_workloads.h"
#include "bench/machine.h"
#include "bench/report.h"
#include "bench/timing.h"
#include "tools/common/command_line.h"
#include "tools/common/flags.h"

namespace glow::bench {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::uint64_t kSeed = 1;

struct DataSettings {
  /// Numbers of threads; empty: 1, 2, 4, ... up to the cores.
  std::vector<std::int64_t> threads;
  std::int64_t batch = 64;
  std::int64_t files = 64;
  int rounds = 5;
  std::vector<std::string> workloads;
  std::string directory;
  std::string open;
  bool json = false;
};

template <class Visitor>
void visit_fields(DataSettings& settings, Visitor&& visit) {
  visit("threads", settings.threads);
  visit("batch", settings.batch);
  visit("files", settings.files);
  visit("rounds", settings.rounds);
  visit("workloads", settings.workloads);
  visit("directory", settings.directory);
  visit("open", settings.open);
  visit("json", settings.json);
}

const std::vector<tools::FlagText>& data_flags() {
  static const std::vector<tools::FlagText> table{
      {"threads", "Measurement", "N,N", "numbers of threads; otherwise 1, 2, 4 ... up to the cores"},
      {"batch", "Measurement", "N", "images a batch"},
      {"files", "Measurement", "N", "files of each kind"},
      {"rounds", "Measurement", "N", "timings of each, of which the median counts"},
      {"workloads", "Measurement", "NAME,NAME", "some of array, png, png-scaled, jpeg-scaled"},
      {"directory", "Measurement", "DIR", "where the files are written and left; otherwise a temporary folder"},
      {"open", "Measurement", "DATA", "only open this data set, and make its first batch"},
      {"json", "Measurement", "", "print one JSON object instead of a table"},
  };
  return table;
}

std::vector<std::int64_t> powers_up_to_cores() {
  std::vector<std::int64_t> numbers;
  for (std::int64_t number = 1; number < available_cores(); number *= 2) numbers.push_back(number);
  numbers.push_back(available_cores());
  return numbers;
}

/// The folder of the settings, or a temporary one.
class Folder {
 public:
  explicit Folder(const std::string& asked) : path_(asked), is_temporary_(asked.empty()) {
    if (is_temporary_) path_ = fs::temp_directory_path() / ("glow_bench_data_" + std::to_string(::getpid()));
  }
  ~Folder() {
    std::error_code ignored;
    if (is_temporary_) fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  bool is_temporary_;
};

using Entries = std::vector<data::BatchOrder::Entry>;

/// Reads the batches as training does.
void read_batches(const data::Images& images, const std::vector<Entries>& batches, std::int64_t threads) {
  images::use_data_threads(threads);
  for (const Entries& batch : batches) images.augmented_bytes(batch, kSeed);
}

/// The same images in the same order in a plain loop on as many threads.
void decode_alone(const Workload& workload, const std::vector<Entries>& batches, std::int64_t threads) {
  std::vector<std::int64_t> indices;
  for (const Entries& batch : batches) {
    for (const auto& [index, epoch] : batch) indices.push_back(index);
  }
  std::atomic<std::size_t> next = 0;
  const auto loop = [&] {
    for (std::size_t i = next++; i < indices.size(); i = next++) workload.decode_alone(indices[i]);
  };
  std::vector<std::jthread> others;
  for (std::int64_t thread = 1; thread < threads; ++thread) others.emplace_back(loop);
  loop();
}

struct DataRow {
  std::string workload;
  std::int64_t threads;
  double images_per_second;
  double decoder_per_second;
  double speed_up;
};

std::vector<DataRow> measure(const Workload& workload, const DataSettings& settings) {
  const data::Images images(workload.source, workload.geometry);
  const std::int64_t batch = std::min(settings.batch, images.size());
  data::BatchOrder order(images.size(), batch, kSeed);
  std::vector<Entries> batches;
  for (std::int64_t step = 0; step * batch < workload.passes * images.size(); ++step)
    batches.push_back(order.batch(step));
  std::vector<Work> works;
  for (const std::int64_t threads : settings.threads) {
    works.emplace_back([&, threads] { read_batches(images, batches, threads); });
    works.emplace_back([&, threads] { decode_alone(workload, batches, threads); });
  }
  const std::vector<double> seconds = median_seconds(works, settings.rounds, torch::kCPU);
  const auto count = static_cast<double>(std::ssize(batches) * batch);
  std::vector<DataRow> rows;
  for (std::size_t i = 0; i < settings.threads.size(); ++i)
    rows.push_back({workload.name, settings.threads[i], count / seconds[2 * i], count / seconds[2 * i + 1],
                    seconds[0] / seconds[2 * i]});
  return rows;
}

void print(const std::vector<DataRow>& rows, const DataSettings& settings) {
  if (settings.json) {
    Json json = Json::array();
    for (const auto& [workload, threads, rate, decoder, speed_up] : rows)
      json.push_back({{"workload", workload},
                      {"threads", threads},
                      {"images_per_second", rate},
                      {"decoder_alone", decoder},
                      {"share", rate / decoder},
                      {"speed_up", speed_up}});
    Json all{{"batch", settings.batch}, {"files", settings.files}};
    all.update(machine());
    all["rows"] = json;
    std::cout << all.dump(2) << "\n";
    return;
  }
  std::printf("batch %lld, %lld files, median of %d rounds\n%s\n", static_cast<long long>(settings.batch),
              static_cast<long long>(settings.files), settings.rounds, describe_processor().c_str());
  std::printf("%-12s %7s %12s %14s %6s %9s\n", "", "threads", "images/s", "decoder alone", "share", "speed-up");
  for (const auto& [workload, threads, rate, decoder, speed_up] : rows)
    std::printf("%-12s %7lld %12.1f %14.1f %6.2f %9.2f\n", workload.c_str(), static_cast<long long>(threads), rate,
                decoder, rate / decoder, speed_up);
}

/// VmHWM of this process, the most memory that it has had.
double peak_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word && word != "VmHWM:") {
  }
  double kibibytes = 0;
  status >> kibibytes;
  return 1024 * kibibytes;
}

/// As many open files as the system allows: one for each archive.
void allow_open_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// The times of the steps by which training comes to its first batch.
void measure_opening(const DataSettings& settings) {
  allow_open_files();
  const double before = peak_bytes();
  Json json;
  const auto timed = [&](const char* name, const Work& work) { json[name] = seconds_of(work, torch::kCPU); };
  images::DataSet set;
  double indexing = 0;
  timed("seconds_to_open", [&] {
    const auto start = std::chrono::steady_clock::now();
    images::OpenOptions options{.field = "open"};
    options.progress = [&](const std::string& what, std::int64_t, std::int64_t) {
      if (what.starts_with("archives indexed"))
        indexing = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    set = images::open_data_set(settings.open, options);
  });
  json["seconds_of_it_to_index_archives"] = indexing;
  json["peak_bytes_after_open"] = peak_bytes();
  timed("seconds_to_fingerprint", [&] { images::fingerprint(set); });
  timed("seconds_to_hold_out", [&] { set = data::hold_out_validation(set, -1, kSeed); });
  timed("seconds_to_first_batch", [&] {
    const auto shape = set.train->shape(0).value_or(io::ImageShape{32, 32, 3});
    const data::Images images(set.train, {.height = shape.height, .width = shape.width});
    data::BatchOrder order(images.size(), std::min(settings.batch, images.size()), kSeed);
    images.augmented_bytes(order.batch(0), kSeed);
  });
  json["images"] = set.train->size() + (set.valid ? set.valid->size() : 0);
  json["peak_bytes_before"] = before;
  json["peak_bytes"] = peak_bytes();
  if (settings.json) {
    json.update(machine());
    std::cout << json.dump(2) << "\n";
    return;
  }
  std::cout << describe_processor() << "\n";
  for (const auto& [name, value] : json.items()) std::cout << name << ": " << value << "\n";
}

void run(int argc, char** argv) {
  DataSettings settings;
  tools::Flags flags(data_flags());
  flags.bind(settings);
  const tools::ToolText text{
      .name = "bench_data",
      .purpose = "Images that are read, decoded and brought to one size, a second, beside the decoder libraries alone.",
      .closing = ""};
  auto console = tools::Console::of_process();
  const auto given = tools::parse_command_line(text, flags, std::vector<std::string>(argv + 1, argv + argc), console);
  if (!given) return;
  flags.naming_flags([&] {
    flags.set(*given);
    ops::keep_freed_memory();  // as the tools do
    if (!settings.open.empty()) return measure_opening(settings);
    if (settings.threads.empty()) settings.threads = powers_up_to_cores();
    const Folder folder(settings.directory);
    std::vector<DataRow> rows;
    for (const Workload& workload : make_workloads(folder.path(), settings.files, settings.workloads)) {
      const std::vector<DataRow> more = measure(workload, settings);
      rows.insert(rows.end(), more.begin(), more.end());
    }
    print(rows, settings);
  });
}

}  // namespace
}  // namespace glow::bench

int main(int argc, char** argv) {
  return glow::bench::run_benchmark("bench_data", [&] { glow::bench::run(argc, argv); });
}
