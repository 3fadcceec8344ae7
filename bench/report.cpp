#include "bench/report.h"

#include <cmath>
#include <cstdlib>
#include <iomanip>
#include <iostream>

namespace glow::bench {
namespace {

void print_json(const Settings& settings, const std::vector<Row>& rows, const std::vector<Figure>& figures) {
  auto json = facts(settings);
  for (const auto& row : rows) {
    json["rates"][row.name] = {{"images_per_second", row.images_per_second},
                               {"convolutions_alone", row.convolutions_per_second},
                               {"share", row.images_per_second / row.convolutions_per_second}};
  }
  for (const auto& figure : figures) json[figure.name] = figure.value;
  std::cout << json.dump(2) << "\n";
}

}  // namespace

void print(const Settings& settings, const std::vector<Row>& rows, const std::vector<Figure>& figures) {
  if (settings.json) {
    print_json(settings, rows, figures);
    return;
  }
  std::cout << describe(settings) << "\n"
            << std::fixed << std::setprecision(2) << std::left << std::setw(20) << "" << std::right << std::setw(10)
            << "images/s" << std::setw(21) << "convolutions alone" << std::setw(8) << "share\n";
  for (const auto& row : rows) {
    std::cout << std::left << std::setw(20) << row.name << std::right << std::setw(10) << row.images_per_second
              << std::setw(21) << row.convolutions_per_second << std::setw(8)
              << row.images_per_second / row.convolutions_per_second << "\n";
  }
  for (const auto& figure : figures) {
    const bool is_bytes = figure.name.find("bytes") != std::string::npos;
    const double value = is_bytes ? figure.value / 1e6 : figure.value;
    const bool is_whole = !is_bytes && value == std::floor(value);
    std::cout << figure.name << ": " << std::setprecision(is_whole ? 0 : 2) << value << (is_bytes ? " MB" : "") << "\n";
  }
}

int run_benchmark(const std::string& name, const std::function<void()>& measure) {
  try {
    measure();
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    const std::string message = error.what();
    std::cerr << name << ": " << message.substr(0, message.find('\n')) << "\n";
    return EXIT_FAILURE;
  }
}

}  // namespace glow::bench
