#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <glow/enum_names.h>

namespace glow::io {

/// Whether the text is valid UTF-8, which JSON and the metadata of a safetensors file require.
bool is_utf8(const std::string& text);

/// The text with U+FFFD in place of invalid bytes.
std::string to_utf8(const std::string& text);

// JSON of structs that have a function visit_fields(value, visit), which calls visit("key", value.field) for each
// field.

/// A number, boolean or string unchanged, an enumerator as its name.
template <class Value>
nlohmann::ordered_json json_of(const Value& value) {
  if constexpr (NamedEnum<Value>) {
    return to_string(value);
  } else {
    return value;
  }
}

/// The inverse of json_of. Throws an exception of nlohmann_json for another type, ConfigError for an unknown
/// enumerator.
template <class Value>
void get_value(const nlohmann::ordered_json& json, Value& value) {
  if constexpr (NamedEnum<Value>) {
    from_string(json.get<std::string>(), value);
  } else {
    json.get_to(value);
  }
}

/// {key: value} of all fields, in their order.
template <class Fields>
nlohmann::ordered_json json_of_fields(const Fields& fields) {
  auto json = nlohmann::ordered_json::object();
  visit_fields(fields, [&](const char* key, const auto& value, auto...) { json[key] = json_of(value); });
  return json;
}

/// The strings of a JSON array. Throws FormatError that begins with `name` when the text is another value.
std::vector<std::string> parse_strings(const std::string& name, const std::string& text);

/// Reads a flat JSON object, each key once; require_empty refuses unknown keys. A visitor for visit_fields. All
/// functions throw FormatError that begins with the object's name, and ConfigError for an unknown enumerator.
class JsonObject {
 public:
  using Json = nlohmann::ordered_json;

  /// `name`: the object's name in error messages, for example "glow.config".
  JsonObject(std::string name, const std::string& text);

  void operator()(const char* key, std::int64_t& value) { value = take(key, &Json::is_number_integer); }
  void operator()(const char* key, std::uint64_t& value) { value = take(key, &Json::is_number_unsigned); }
  void operator()(const char* key, double& value) { value = take(key, &Json::is_number); }
  void operator()(const char* key, bool& value) { value = take(key, &Json::is_boolean); }
  void operator()(const char* key, std::string& value) { value = take(key, &Json::is_string); }
  template <NamedEnum Kind>
  void operator()(const char* key, Kind& value) {
    from_string(take(key, &Json::is_string).template get<std::string>(), value);
  }
  /// Whether a key is left.
  bool has(const char* key) const { return json_.contains(key); }
  /// Reads the key format_version, which must have the value `expected`.
  void format_version(std::int64_t expected);
  /// Call after all keys are read. Throws FormatError when a key is left.
  void require_empty() const;

 private:
  Json take(const char* key, bool (Json::*has_type)() const noexcept);

  std::string name_;
  Json json_;
};

}  // namespace glow::io
