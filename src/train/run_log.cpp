#include "train/run_log.h"

#include <sys/resource.h>

namespace glow::train {
namespace {

/// The most memory that this process has had resident.
std::int64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

/// Which lines belong to a run up to `last_step`. Those of that step itself, when it is unfinished, only when they are
/// about the step and not about an evaluation: they have the key `of_step`.
auto up_to(std::int64_t last_step, bool unfinished, const char* of_step) {
  return [=](const nlohmann::ordered_json& line) {
    if (!line.contains("step") || !line["step"].is_number_integer()) return false;
    const auto step = line["step"].get<std::int64_t>();
    return step < last_step || (step == last_step && (!unfinished || line.contains(of_step)));
  };
}

}  // namespace

RunLog::RunLog(const RunDirectory& directory, std::int64_t last_step, bool unfinished)
    : metrics_(directory.metrics(), up_to(last_step, unfinished, "bits_per_dim")),
      timing_(directory.timing(), up_to(last_step, unfinished, "images_per_second")) {
  const auto& last = timing_.last_kept();
  if (last.contains("seconds") && last["seconds"].is_number()) earlier_seconds_ = last["seconds"].get<double>();
}

void RunLog::count(std::int64_t images, double seconds) {
  counted_images_ += images;
  counted_seconds_ += seconds;
}

void RunLog::step(const StepReport& report) {
  Json line{{"step", report.step},
            {"bits_per_dim", report.bits_per_dim},
            {"class_bits", report.class_bits},
            {"gradient_norm", report.gradient_norm},
            {"learning_rate", report.learning_rate}};
  if (report.reconstruction_error) line["reconstruction_error"] = *report.reconstruction_error;
  if (report.fell_back) line["fell_back"] = true;
  metrics_.add(line);
  timing_.add(timing_line(report.step, "", counted_images_, counted_seconds_));
  counted_images_ = 0;
  counted_seconds_ = 0;
}

void RunLog::evaluation(std::int64_t step, const std::string& prefix, const Evaluation& evaluation, double seconds) {
  // A mean that does not exist, when no image has a finite density, becomes null.
  evaluations_.push_back({Json{{"step", step},
                               {prefix + "_bits_per_dim", evaluation.bits_per_dim},
                               {prefix + "_standard_error", evaluation.standard_error},
                               {prefix + "_images", evaluation.images},
                               {prefix + "_non_finite", evaluation.non_finite}},
                          timing_line(step, prefix + "_", evaluation.images, seconds)});
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
