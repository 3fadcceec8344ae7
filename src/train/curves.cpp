#include "train/curves.h"

#include <algorithm>

namespace glow::train {

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
    // As far to one side as to the other, so that a slope stays where it is.
    const auto width = std::min({reach, i, count - 1 - i});
    result.values[i] = (sums[i + width + 1] - sums[i - width]) / static_cast<double>(2 * width + 1);
  }
  return result;
}

}  // namespace glow::train
