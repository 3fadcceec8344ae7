#include "train/curves.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <limits>
#include <system_error>

#include "io/errors.h"

namespace glow::train {
namespace {

using Line = nlohmann::ordered_json;

template <class Use>
void for_each_line(const std::filesystem::path& path, Use&& use) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw io::cannot_read(path, std::generic_category().message(errno));
  for (std::string text; std::getline(stream, text);) {
    const auto line = Line::parse(text, nullptr, /*allow_exceptions=*/false);
    if (line.is_object() && line.contains("step") && line["step"].is_number_integer()) use(line);
  }
}

/// The smallest number in arrays of arrays; nullopt when there is none.
std::optional<double> smallest_of(const Line& levels) {
  std::optional<double> smallest;
  for (const auto& level : levels) {
    if (!level.is_array()) continue;
    for (const auto& value : level) {
      if (value.is_number()) smallest = std::min(smallest.value_or(value.get<double>()), value.get<double>());
    }
  }
  return smallest;
}

void add_point(Curve& curve, std::int64_t step, double value) {
  curve.steps.push_back(step);
  curve.values.push_back(value);
}

void add_line(RunRecord& record, const Line& line) {
  const auto step = line["step"].get<std::int64_t>();
  record.last_step = std::max(record.last_step, step);
  if (line.contains("rollbacks")) return record.rollbacks.push_back(line);
  if (line.contains("skipped")) record.skipped_steps.push_back(step);
  for (const auto& [key, value] : line.items()) {
    if (key == "step") continue;
    if (value.is_number()) add_point(record.curves[key], step, value.get<double>());
    if (value.is_null()) ++record.curves[key].missing;
    if (value.is_string()) record.texts[key] = value.get<std::string>();
    if (key != "smallest_singular_values" || !value.is_array()) continue;
    if (const auto smallest = smallest_of(value)) add_point(record.curves["smallest_singular_value"], step, *smallest);
  }
}

/// Follows the best evaluation as the run itself does.
class BestEvaluation {
 public:
  void add(const Line& line, std::optional<std::int64_t>& best_step) {
    const auto bits = line.find("valid_bits_per_dim");
    if (bits == line.end()) return;
    const auto unscored = line.find("valid_non_finite");
    const bool scored = bits->is_number() && (unscored == line.end() || *unscored == 0);
    const double score = scored ? bits->get<double>() : std::numeric_limits<double>::infinity();
    if (best_step && !(score < best_)) return;
    best_ = score;
    best_step = line["step"].get<std::int64_t>();
  }

 private:
  double best_ = std::numeric_limits<double>::infinity();
};

}  // namespace

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
    // As far to one side as to the other, so that a slope stays where it is.
    const auto width = std::min({reach, i, count - 1 - i});
    result.values[i] = (sums[i + width + 1] - sums[i - width]) / static_cast<double>(2 * width + 1);
  }
  return result;
}

RunRecord read_record(const RunDirectory& directory) {
  RunRecord record;
  BestEvaluation best;
  for_each_line(directory.metrics(), [&](const Line& line) {
    add_line(record, line);
    best.add(line, record.best_step);
  });
  for_each_line(directory.timing(), [&](const Line& line) { add_line(record, line); });
  return record;
}

}  // namespace glow::train
