#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace glow::train {

/// A number that a run wrote down at some of its steps.
struct Curve {
  std::vector<std::int64_t> steps;
  std::vector<double> values;
  /// How often it was null: not finite.
  std::int64_t missing = 0;
};

void add_point(Curve& curve, std::int64_t step, double value);

/// At most `most` >= 4 of the points: the first and the last, and of each stretch between them the lowest and the
/// highest.
Curve thinned(const Curve& curve, std::size_t most);

/// Means over about a twentieth of the curve around each point, at least over 5 points; towards the ends over fewer.
Curve smoothed(const Curve& curve);

}  // namespace glow::train
