#include "train/journal.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <glow/io/file.h>

#include "io/errors.h"
#include "io/json_object.h"

namespace glow::train {
namespace {

using JournalLine = nlohmann::ordered_json;

/// The number in a value of a line. Nullopt for a number that is not finite, which is written as null, and for values
/// that are not numbers.
std::optional<double> finite_number(const JournalLine& value) {
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

/// The smallest number in arrays of arrays; nullopt when there is none.
std::optional<double> smallest_of(const JournalLine& levels) {
  std::optional<double> smallest;
  for (const auto& level : levels) {
    if (!level.is_array()) continue;
    for (const auto& value : level) {
      if (const auto number = finite_number(value)) smallest = std::min(smallest.value_or(*number), *number);
    }
  }
  return smallest;
}

template <class Element>
void append_all(std::vector<Element>& all, const std::vector<Element>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

RunRecord read_log(const std::filesystem::path& path) {
  RunRecord record;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return record;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw io::cannot_read(path, std::generic_category().message(errno));
  for (std::string text; std::getline(stream, text) && !stream.eof();) {
    record.add(JournalLine::parse(text, nullptr, /*allow_exceptions=*/false));
  }
  return record;
}

}  // namespace

void add_point(Curve& curve, std::int64_t step, double value) {
  curve.steps.push_back(step);
  curve.values.push_back(value);
}

Curve thinned(const Curve& curve, std::size_t most) {
  const auto count = curve.values.size();
  if (count <= most) return curve;
  Curve result{.steps = {}, .values = {}, .missing = curve.missing};
  const auto keep = [&](std::size_t i) { add_point(result, curve.steps[i], curve.values[i]); };
  keep(0);
  const auto stretches = (most - 2) / 2, inner = count - 2;
  for (std::size_t stretch = 0; stretch < stretches; ++stretch) {
    const auto begin = curve.values.begin() + static_cast<std::ptrdiff_t>(1 + inner * stretch / stretches);
    const auto end = curve.values.begin() + static_cast<std::ptrdiff_t>(1 + inner * (stretch + 1) / stretches);
    const auto [lowest, highest] = std::minmax_element(begin, end);
    const auto first = std::min(lowest, highest), second = std::max(lowest, highest);
    keep(static_cast<std::size_t>(first - curve.values.begin()));
    if (second != first) keep(static_cast<std::size_t>(second - curve.values.begin()));
  }
  keep(count - 1);
  return result;
}

Curve smoothed(const Curve& curve) {
  constexpr std::size_t kStretches = 40, kLeastReach = 2;
  Curve result = curve;
  const auto count = curve.values.size(), reach = std::max(count / kStretches, kLeastReach);
  std::vector<double> sums{0};
  for (const auto value : curve.values) sums.push_back(sums.back() + value);
  for (std::size_t i = 0; i < count; ++i) {
    // A symmetric window, so that the mean does not shift a slope.
    const auto width = std::min({reach, i, count - 1 - i});
    result.values[i] = (sums[i + width + 1] - sums[i - width]) / static_cast<double>(2 * width + 1);
  }
  return result;
}

void RunRecord::add(const JournalLine& line) {
  if (!line.is_object() || !line.contains("step") || !line["step"].is_number_integer()) return;
  const auto step = line["step"].get<std::int64_t>();
  last_step = std::max(last_step, step);
  if (line.contains("rollbacks")) return rollbacks.push_back(line);
  if (line.contains("skipped")) skipped_steps.push_back(step);
  for (const auto& [key, value] : line.items()) {
    if (key == "step") continue;
    if (const auto number = finite_number(value)) {
      add_point(curves[key], step, *number);
    } else if (value.is_null() || value.is_number()) {
      ++curves[key].missing;
    }
    if (value.is_string()) texts[key] = value.get<std::string>();
    if (key != "smallest_singular_values" || !value.is_array()) continue;
    if (const auto smallest = smallest_of(value)) add_point(curves["smallest_singular_value"], step, *smallest);
  }
  note_evaluation(line);
}

/// Finds the best evaluation by the rule of TrainingRun.
void RunRecord::note_evaluation(const JournalLine& line) {
  const auto bits = line.find("valid_bits_per_dim");
  if (bits == line.end()) return;
  const auto unscored = line.find("valid_non_finite");
  const bool all_scored = unscored == line.end() || *unscored == 0;
  constexpr double kWorst = std::numeric_limits<double>::infinity();
  const double score = all_scored ? finite_number(*bits).value_or(kWorst) : kWorst;
  if (best_step && !(score < best_bits_per_dim_)) return;
  best_bits_per_dim_ = score;
  best_step = line["step"].get<std::int64_t>();
}

void RunRecord::append(const RunRecord& other) {
  for (const auto& [key, curve] : other.curves) {
    auto& all = curves[key];
    append_all(all.steps, curve.steps);
    append_all(all.values, curve.values);
    all.missing += curve.missing;
  }
  for (const auto& [key, text] : other.texts) texts[key] = text;
  append_all(skipped_steps, other.skipped_steps);
  append_all(rollbacks, other.rollbacks);
  last_step = std::max(last_step, other.last_step);
}

RunRecord read_record(const RunDirectory& directory) {
  auto record = read_log(directory.metrics());
  record.append(read_log(directory.timing()));
  return record;
}

namespace {

constexpr const char* kRollbacks = "rollbacks";

/// A file with one JSON object per line, to which lines are appended, and the record of its lines.
class LogFile {
 public:
  /// Opens the file and removes the lines that are incomplete or for which `belongs` is false. Throws IoError.
  LogFile(std::filesystem::path path, const std::function<bool(const JournalLine&)>& belongs) : path_(std::move(path)) {
    constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 32;
    std::string kept;
    if (std::filesystem::exists(path_)) {
      std::istringstream lines(io::read_file(path_, kMostBytes));
      for (std::string text; std::getline(lines, text);) {
        auto line = JournalLine::parse(text, nullptr, /*allow_exceptions=*/false);
        if (!line.is_object() || !belongs(line)) continue;
        kept += text + "\n";
        record_.add(line);
        last_kept_ = std::move(line);
      }
    }
    io::write_file(path_, kept);
    stream_.open(path_, std::ios::app | std::ios::binary);
    if (!stream_) throw io::cannot_write(path_, errno);
  }

  /// Appends a line and passes it to the system at once. Throws IoError.
  void add(const JournalLine& line) {
    stream_ << line.dump() << "\n" << std::flush;
    if (!stream_) throw io::cannot_write(path_, errno);
    record_.add(line);
  }

  /// The last line that was kept when the file was opened; null if there was none.
  const JournalLine& last_kept() const { return last_kept_; }
  const RunRecord& record() const { return record_; }

 private:
  std::filesystem::path path_;
  JournalLine last_kept_;
  RunRecord record_;
  std::ofstream stream_;
};

/// A function that returns whether a line belongs to a run in this state (Journal::cut_to). If the last step is
/// unfinished, its line with the key `of_step` belongs to the run, but its evaluations do not.
auto belongs_to(const TrainingProgress& progress, const char* of_step) {
  return [last_step = progress.step, unfinished = progress.unfinished, rollbacks = progress.rollbacks,
          of_step](const JournalLine& line) {
    if (!line.contains("step") || !line["step"].is_number_integer()) return false;
    if (line.contains(kRollbacks)) return line[kRollbacks].is_number_integer() && line[kRollbacks] <= rollbacks;
    const auto step = line["step"].get<std::int64_t>();
    return step < last_step || (step == last_step && (!unfinished || line.contains(of_step)));
  };
}

void add_monitors(JournalLine& line, const Monitors& monitors) {
  line["valid_reconstruction_error"] = monitors.reconstruction_error;
  line["constant_reconstruction_error"] = monitors.reconstruction_error_constant;
  line["noise_reconstruction_error"] = monitors.reconstruction_error_noise;
  line["smallest_singular_values"] = monitors.smallest_singular_values;
  line["largest_scale"] = monitors.largest_scale;
  line["largest_scale_name"] = monitors.largest_scale_name;
}

/// The largest resident memory of this process so far.
std::int64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

class FileJournal : public Journal {
 public:
  FileJournal(const RunDirectory& directory, const TrainingProgress& progress)
      : directory_(directory),
        metrics_(directory.metrics(), belongs_to(progress, "bits_per_dim")),
        timing_(directory.timing(), belongs_to(progress, "images_per_second")) {
    const auto& last = timing_.last_kept();
    if (last.contains("seconds") && last["seconds"].is_number()) earlier_seconds_ = last["seconds"].get<double>();
  }

  void count(std::int64_t images, double seconds) override {
    counted_images_ += images;
    counted_seconds_ += seconds;
  }

  void step(const StepReport& report) override {
    metrics_.add(io::json_of_fields(report));  // a number that is not finite becomes null
    timing_.add(timing_line(report.step, "", counted_images_, counted_seconds_));
    counted_images_ = 0;
    counted_seconds_ = 0;
  }

  void rollback(const Rollback& rollback) override {
    metrics_.add({{"step", rollback.to_step},
                  {kRollbacks, rollback.count},
                  {"from_step", rollback.from_step},
                  {"not_finite", rollback.not_finite}});
  }

  void evaluation(std::int64_t step, const std::string& prefix, const evaluate::ScoreSummary& score, double seconds,
                  const std::optional<Monitors>& monitors) override {
    // The mean is null when no image has a finite density.
    JournalLine line{{"step", step},
                     {prefix + "_bits_per_dim", score.bits_per_dim.mean},
                     {prefix + "_standard_error", score.bits_per_dim.standard_error},
                     {prefix + "_images", score.images},
                     {prefix + "_non_finite", score.non_finite}};
    if (monitors) add_monitors(line, *monitors);
    evaluations_.push_back({std::move(line), timing_line(step, prefix + "_", score.images, seconds)});
  }

  void keep_evaluations() override {
    for (const auto& evaluated : evaluations_) {
      metrics_.add(evaluated.metrics);
      timing_.add(evaluated.timing);
    }
    evaluations_.clear();
  }

  void forget_evaluations() override { evaluations_.clear(); }

  void cut_to(const TrainingProgress& progress) override {
    const auto seconds = run_seconds();  // the steps that are undone took time as well
    *this = FileJournal(directory_, progress);
    earlier_seconds_ = seconds;
  }

  void write_report() const override {
    auto record = metrics_.record();
    record.append(timing_.record());
    train::write_report(directory_, record);
  }

 private:
  /// The lines of an evaluation.
  struct Evaluated {
    JournalLine metrics, timing;
  };

  double run_seconds() const { return earlier_seconds_ + seconds_since(start_); }

  JournalLine timing_line(std::int64_t step, const std::string& prefix, std::int64_t images, double seconds) const {
    return {{"step", step},
            {"seconds", run_seconds()},
            {prefix + "images_per_second", static_cast<double>(images) / seconds},
            {"peak_memory_bytes", peak_memory_bytes()}};
  }

  RunDirectory directory_;
  LogFile metrics_, timing_;
  /// Seconds of the run before start_.
  double earlier_seconds_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::int64_t counted_images_ = 0;
  double counted_seconds_ = 0;
  /// The evaluations of the current step, which are not written yet.
  std::vector<Evaluated> evaluations_;
};

}  // namespace

std::unique_ptr<Journal> open_journal(const RunDirectory& directory, const TrainingProgress& progress) {
  return std::make_unique<FileJournal>(directory, progress);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace glow::train
