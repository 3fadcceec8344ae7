#include "io/json_object.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include <glow/error.h>

namespace glow::io {

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

std::string to_utf8(const std::string& text) {
  using nlohmann::json;
  const auto dumped = json(text).dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
  return json::parse(dumped).get<std::string>();
}

namespace {

using Json = JsonObject::Json;

bool holds_control_character(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}  // namespace

std::vector<std::string> parse_strings(const std::string& name, const std::string& text) {
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const bool are_strings =
      json.is_array() && std::all_of(json.begin(), json.end(), [](const Json& item) { return item.is_string(); });
  if (!are_strings) throw FormatError(name + ": expected a JSON array of strings");
  return json.get<std::vector<std::string>>();
}

JsonObject::JsonObject(std::string name, const std::string& text) : name_(std::move(name)) {
  // Called by the parser for each value. Copying or printing a deeply nested value would overflow the stack; a line
  // break would split an error message into two lines.
  const auto check_plain = [this](int depth, Json::parse_event_t event, const Json& parsed) {
    const bool opens = event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth > 0) throw FormatError(name_ + ": an array or an object in place of a plain value");
    if (parsed.is_string() && holds_control_character(parsed.get_ref<const std::string&>())) {
      throw FormatError(name_ + ": a control character in " + parsed.dump());
    }
    return true;
  };
  json_ = Json::parse(text, check_plain, /*allow_exceptions=*/false);
  // The parser stops at a NUL byte and ignores the rest.
  if (!json_.is_object() || text.find('\0') != std::string::npos) throw FormatError(name_ + ": not a JSON object");
}

void JsonObject::format_version(std::int64_t expected) {
  std::int64_t version = 0;
  (*this)("format_version", version);
  if (version == expected) return;
  throw FormatError(name_ + ": format_version " + std::to_string(version) + ", this library reads " +
                    std::to_string(expected));
}

void JsonObject::require_empty() const {
  if (!json_.empty()) throw FormatError(name_ + ": unknown key '" + json_.begin().key() + "'");
}

Json JsonObject::take(const char* key, bool (Json::*has_type)() const noexcept) {
  const auto found = json_.find(key);
  if (found == json_.end()) throw FormatError(name_ + ": missing key '" + key + "'");
  Json value = *found;
  if (!(value.*has_type)()) {
    throw FormatError(name_ + ": '" + key + "' has the wrong type: " + value.dump());
  }
  json_.erase(found);
  return value;
}

}  // namespace glow::io
