#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include <glow/enum_names.h>

namespace glow::nn {

/// A flat JSON object out of a model file's metadata, whose keys are read once each and none of which may be left over.
/// All functions throw FormatError that begins with the name of the metadata.
class JsonObject {
 public:
  using Json = nlohmann::ordered_json;

  /// `name`: of the metadata, "glow.config" say.
  JsonObject(std::string name, const std::string& text);

  void operator()(const char* key, std::int64_t& value) { value = take(key, &Json::is_number_integer); }
  void operator()(const char* key, std::uint64_t& value) { value = take(key, &Json::is_number_unsigned); }
  void operator()(const char* key, bool& value) { value = take(key, &Json::is_boolean); }
  void operator()(const char* key, std::string& value) { value = take(key, &Json::is_string); }
  template <NamedEnum Kind>
  void operator()(const char* key, Kind& value) {
    from_string(take(key, &Json::is_string).template get<std::string>(), value);
  }
  /// A version that has to be `expected`.
  void format_version(std::int64_t expected);
  /// After all keys were read.
  void require_empty() const;

 private:
  Json take(const char* key, bool (Json::*has_type)() const noexcept);

  std::string name_;
  Json json_;
};

}  // namespace glow::nn
