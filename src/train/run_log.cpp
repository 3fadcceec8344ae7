#include "train/run_log.h"

#include <sys/resource.h>

#include <utility>

namespace glow::train {
namespace {

/// The most memory that this process has had resident.
std::int64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

constexpr const char* kRollbacks = "rollbacks";

/// Which lines belong to a run in that state: those up to its last step, the rollbacks that it knows of; of its last
/// step itself, when it is unfinished, only what has the key `of_step`, and no evaluation.
auto up_to(const TrainingState& state, const char* of_step) {
  return [last_step = state.step, unfinished = state.unfinished, rollbacks = state.rollbacks,
          of_step](const nlohmann::ordered_json& line) {
    if (!line.contains("step") || !line["step"].is_number_integer()) return false;
    if (line.contains(kRollbacks)) return line[kRollbacks].is_number_integer() && line[kRollbacks] <= rollbacks;
    const auto step = line["step"].get<std::int64_t>();
    return step < last_step || (step == last_step && (!unfinished || line.contains(of_step)));
  };
}

void add_monitors(nlohmann::ordered_json& line, const Monitors& monitors) {
  line["valid_reconstruction_error"] = monitors.reconstruction_error;
  line["constant_reconstruction_error"] = monitors.reconstruction_error_constant;
  line["noise_reconstruction_error"] = monitors.reconstruction_error_noise;
  line["smallest_singular_values"] = monitors.smallest_singular_values;
  line["largest_scale"] = monitors.largest_scale;
  line["largest_scale_name"] = monitors.largest_scale_name;
}

}  // namespace

RunLog::RunLog(const RunDirectory& directory, const TrainingState& state)
    : metrics_(directory.metrics(), up_to(state, "bits_per_dim")),
      timing_(directory.timing(), up_to(state, "images_per_second")) {
  const auto& last = timing_.last_kept();
  if (last.contains("seconds") && last["seconds"].is_number()) earlier_seconds_ = last["seconds"].get<double>();
}

void RunLog::count(std::int64_t images, double seconds) {
  counted_images_ += images;
  counted_seconds_ += seconds;
}

void RunLog::step(const StepReport& report) {
  Json line;  // a number that is not finite becomes null
  visit_fields(report, [&](const char* key, const auto& value) { line[key] = value; });
  metrics_.add(line);
  timing_.add(timing_line(report.step, "", counted_images_, counted_seconds_));
  counted_images_ = 0;
  counted_seconds_ = 0;
}

void RunLog::rollback(const Rollback& rollback) {
  metrics_.add({{"step", rollback.to_step},
                {kRollbacks, rollback.count},
                {"from_step", rollback.from_step},
                {"not_finite", rollback.not_finite}});
}

void RunLog::evaluation(std::int64_t step, const std::string& prefix, const evaluate::ScoreSummary& score,
                        double seconds, const std::optional<Monitors>& monitors) {
  // A mean that does not exist, when no image has a finite density, becomes null.
  Json line{{"step", step},
            {prefix + "_bits_per_dim", score.bits_per_dim.mean},
            {prefix + "_standard_error", score.bits_per_dim.standard_error},
            {prefix + "_images", score.images},
            {prefix + "_non_finite", score.non_finite}};
  if (monitors) add_monitors(line, *monitors);
  evaluations_.push_back({std::move(line), timing_line(step, prefix + "_", score.images, seconds)});
}

void RunLog::keep_evaluations() {
  for (const auto& evaluated : evaluations_) {
    metrics_.add(evaluated.metrics);
    timing_.add(evaluated.timing);
  }
  evaluations_.clear();
}

RunLog::Json RunLog::timing_line(std::int64_t step, const std::string& prefix, std::int64_t images,
                                 double seconds) const {
  return {{"step", step},
          {"seconds", earlier_seconds_ + seconds_since(start_)},
          {prefix + "images_per_second", static_cast<double>(images) / seconds},
          {"peak_memory_bytes", peak_memory_bytes()}};
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace glow::train
