#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/settings.h"

namespace glow::bench {

/// Something beside the convolutions that it cannot do without.
struct Row {
  std::string name;
  double images_per_second;
  double convolutions_per_second;
};

/// A number beside the rows, with its unit in its name: "seconds_to_load".
struct Figure {
  std::string name;
  double value;
};

/// To stdout: a table, or one JSON object.
void print(const Settings& settings, const std::vector<Row>& rows, const std::vector<Figure>& figures);

/// What main does with `measure`: exit status 0, or 1 and one line on stderr where it throws.
int run_benchmark(const std::string& name, const std::function<void()>& measure);

}  // namespace glow::bench
