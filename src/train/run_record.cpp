#include "train/run_record.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <system_error>

#include "io/errors.h"

namespace glow::train {
namespace {

using LogLine = nlohmann::ordered_json;

/// The number in the text of a line. Nullopt for a number that is not finite, which is written as null, and for values
/// that are not numbers.
std::optional<double> finite_number(const LogLine& value) {
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

/// The smallest number in arrays of arrays; nullopt when there is none.
std::optional<double> smallest_of(const LogLine& levels) {
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
    record.add(LogLine::parse(text, nullptr, /*allow_exceptions=*/false));
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

void RunRecord::add(const LogLine& line) {
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
void RunRecord::note_evaluation(const LogLine& line) {
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

}  // namespace glow::train
