#include "tools/common/open_model.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <glow/error.h>

namespace glow::tools {

nn::Glow open_model(const std::filesystem::path& path, const Compute& compute, nn::ModelInfo* info) {
  auto model = nn::load_model(path, compute.device, info);
  model->to(compute.dtype);
  model->set_hidden_precision(compute.hidden);
  return model;
}

namespace {

std::string choices(const std::vector<std::string>& names, std::int64_t classes) {
  std::string text = "0 to " + std::to_string(classes - 1);
  for (const auto& name : names) text += ", " + name;
  return text;
}

}  // namespace

std::int64_t find_class(const std::string& wanted, const nn::Glow& model) {
  const auto classes = model->options().num_classes;
  if (wanted.empty()) return -1;
  if (classes == 0) throw ConfigError("class", "the model is unconditional and has none");
  const auto& names = model->class_names();
  const auto named = std::find(names.begin(), names.end(), wanted);
  if (named != names.end()) return named - names.begin();
  std::int64_t index = -1;
  const auto end = wanted.data() + wanted.size();
  const auto [stopped, error] = std::from_chars(wanted.data(), end, index);
  if (error == std::errc() && stopped == end && index >= 0 && index < classes) return index;
  throw ConfigError("class", "expected one of " + choices(names, classes) + ", got '" + wanted + "'");
}

}  // namespace glow::tools
