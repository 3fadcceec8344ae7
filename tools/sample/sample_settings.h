#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <glow/nn/sample_options.h>

#include "tools/common/compute.h"
#include "tools/common/flags.h"

namespace glow::tools {

/// The values of glow-sample's flags.
struct SampleSettings {
  std::string model;
  std::string out;
  std::int64_t count = 64;
  /// Columns of a grid; 0: as square as possible.
  std::int64_t columns = 0;
  /// Only temperature and seed are flags.
  nn::SampleOptions sample;
  /// Name or index; empty: a class is drawn for every image.
  std::string class_name;
  std::int64_t batch = 32;
  ComputeSettings compute;
  bool overwrite = false;
  bool describe = false;
};

template <class Visitor>
void visit_fields(SampleSettings& settings, Visitor&& visit) {
  visit("model", settings.model);
  visit("out", settings.out);
  visit("count", settings.count);
  visit("columns", settings.columns);
  visit("temperature", settings.sample.temperature);
  visit("class", settings.class_name);
  visit("seed", settings.sample.seed);
  visit("batch", settings.batch);
  visit("overwrite", settings.overwrite);
  visit("describe", settings.describe);
  visit_fields(settings.compute, visit);
}

/// Rows for the fields of SampleSettings.
const std::vector<FlagText>& sample_flag_table();

/// Throws ConfigError naming a field that is missing or out of range.
void check(const SampleSettings& settings);

}  // namespace glow::tools
