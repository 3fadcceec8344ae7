#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/settings.h"

namespace glow::bench {

/// The rate of an operation, and that of the convolutions that it contains.
struct Row {
  std::string name;
  double images_per_second;
  double convolutions_per_second;
};

/// Another result; its name contains the unit: "seconds_to_load".
struct Figure {
  std::string name;
  double value;
};

/// Prints a table, or one JSON object, to stdout.
void print(const Settings& settings, const std::vector<Row>& rows, const std::vector<Figure>& figures);

/// Runs `measure` and returns the exit status: 0, or 1 after one line on stderr when it throws.
int run_benchmark(const std::string& name, const std::function<void()>& measure);

}  // namespace glow::bench
