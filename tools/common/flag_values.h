#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

#include <glow/enum_names.h>
#include <glow/nn/sample_options.h>

namespace glow::tools {

using Json = nlohmann::ordered_json;

/// Pixels; 0x0: not given.
struct ImageSize {
  std::int64_t height = 0;
  std::int64_t width = 0;
  bool operator==(const ImageSize&) const = default;
};

/// Read the text of a flag. Throw ConfigError that names the expected and the actual text.
void parse_value(const std::string& text, int& value);
void parse_value(const std::string& text, std::int64_t& value);
void parse_value(const std::string& text, std::uint64_t& value);
/// A finite number.
void parse_value(const std::string& text, double& value);
/// "true" or "false"
void parse_value(const std::string& text, bool& value);
void parse_value(const std::string& text, std::string& value);
/// "32" (a square) or "28x32" (height x width); an empty text is 0x0.
void parse_value(const std::string& text, ImageSize& value);
/// "0.7" or "0.5,0.7,1"; for whole numbers and texts an empty text is an empty list.
void parse_value(const std::string& text, std::vector<double>& value);
void parse_value(const std::string& text, nn::Temperature& value);
void parse_value(const std::string& text, std::vector<std::int64_t>& value);
void parse_value(const std::string& text, std::vector<std::string>& value);
/// An empty text is an empty list.
template <class Value>
void parse_value(const std::string& text, std::optional<Value>& value) {
  value.reset();
  if (!text.empty()) parse_value(text, value.emplace());
}
/// The name of an enumerator.
template <NamedEnum Kind>
void parse_value(const std::string& text, Kind& value) {
  from_string(text, value);
}

/// The inverse: numbers and booleans become JSON numbers and booleans, other values become text that parse_value reads.
template <class Value>
requires std::is_arithmetic_v<Value> Json to_json(Value value) { return value; }
Json to_json(const std::string& value);
Json to_json(const ImageSize& value);
Json to_json(const std::vector<double>& value);
Json to_json(const nn::Temperature& value);
Json to_json(const std::vector<std::int64_t>& value);
Json to_json(const std::vector<std::string>& value);
template <class Value>
Json to_json(const std::optional<Value>& value) {
  return value ? to_json(*value) : Json("");
}
template <NamedEnum Kind>
Json to_json(Kind value) {
  return to_string(value);
}

/// The text of a JSON scalar, as parse_value reads it.
std::string to_text(const Json& scalar);

}  // namespace glow::tools
