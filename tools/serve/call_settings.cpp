#include "tools/serve/call_settings.h"

#include <algorithm>

#include <glow/error.h>

#include "tools/common/text.h"

namespace glow::tools {
namespace {

/// The text of a value as a flag takes it: a list becomes words with commas between them.
std::string flag_text(const std::string& name, const Json& value) {
  constexpr std::size_t kLongest = 1000;
  if (value.is_string() && value.get_ref<const std::string&>().size() > kLongest) {
    throw ConfigError(name, "expected at most 1000 characters");
  }
  if (!value.is_array()) {
    if (value.is_object() || value.is_null()) throw ConfigError(name, "expected a number, a text or a list of them");
    return to_text(value);
  }
  std::string text;
  for (const auto& item : value) {
    if (item.is_string() && item.get_ref<const std::string&>().empty()) throw ConfigError(name, "has an empty text");
    if (item.is_structured() || item.is_null()) throw ConfigError(name, "expected a list of numbers or texts");
    text += (text.empty() ? "" : ",") + (item.is_string() ? list_item(item.get<std::string>()) : to_text(item));
  }
  return text;
}

FlagText call_row(const std::string& field, const std::string& value, NumberWords words = {}) {
  return {field, "Call", value, "", Kept::kNo, "", std::move(words)};
}

}  // namespace

const std::vector<FlagText>& sample_call_table() {
  static const std::vector<FlagText> table{
      call_row("count", "N"), call_row("columns", "N|auto", number_word("auto", 0)), call_row("temperature", "T"),
      call_row("class", "NAME|I"), call_row("seed", "S")};
  return table;
}

const std::vector<FlagText>& encode_call_table() {
  static const std::vector<FlagText> table{call_row("class", "NAME|I")};
  return table;
}

const std::vector<FlagText>& decode_call_table() {
  static const std::vector<FlagText> table{call_row("ids", "ID,..."),
                                           call_row("columns", "N|auto", number_word("auto", 0))};
  return table;
}

const std::vector<FlagText>& edit_call_table() {
  static const std::vector<FlagText> table{call_row("ids", "ID,..."),
                                           call_row("direction", "NAME,..."),
                                           call_row("strengths", "S,..."),
                                           call_row("amount", "A,..."),
                                           call_row("temperature", "T"),
                                           call_row("seed", "S"),
                                           call_row("columns", "N|auto", number_word("auto", 0))};
  return table;
}

const std::vector<FlagText>& mix_call_table() {
  static const std::vector<FlagText> table{call_row("ids", "ID,..."), call_row("at", "U[,V]"), call_row("points", "N"),
                                           call_row("kind", "KIND"),
                                           call_row("columns", "N|auto", number_word("auto", 0))};
  return table;
}

const std::vector<FlagText>& score_call_table() {
  static const std::vector<FlagText> table{call_row("draws", "M|none", number_word("none", 0)), call_row("seed", "S")};
  return table;
}

const std::vector<FlagText>& reference_call_table() {
  static const std::vector<FlagText> table{call_row("index", "I")};
  return table;
}

GivenFlags given_by_body(const ApiRequest& request) {
  // Forms of other sites cannot send this type.
  if (request.content_type != "application/json") {
    throw ConfigError("Content-Type", "expected application/json, got '" + request.content_type.substr(0, 100) + "'");
  }
  if (!request.query.empty()) {
    throw ConfigError(request.query.front().first.substr(0, 100), "expected in the body, not in the URL");
  }
  // No call has as many fields, and an object with very many takes long to build.
  constexpr int kMostFields = 64;
  int fields = 0;
  const auto is_kept = [&](int, Json::parse_event_t event, Json&) {
    return event != Json::parse_event_t::key || ++fields <= kMostFields;
  };
  const auto body = Json::parse(request.body, is_kept, /*allow_exceptions=*/false);
  if (!body.is_object()) throw ConfigError("body", "expected a JSON object");
  if (fields > kMostFields) throw ConfigError("body", "expected at most 64 fields");
  GivenFlags given;
  for (const auto& [name, value] : body.items()) given.push_back({.name = name, .value = flag_text(name, value)});
  return given;
}

GivenFlags given_by_query(const ApiRequest& request) {
  GivenFlags given;
  for (const auto& [name, value] : request.query) given.push_back({.name = name, .value = value});
  return given;
}

void set_known(const Flags& flags, const GivenFlags& given) {
  std::vector<std::string> names;
  for (const auto& flag : flags.all()) names.push_back(flag.name);
  for (const auto& [name, value, several] : given) {
    if (std::ranges::find(names, name) != names.end()) continue;
    throw ConfigError(name.substr(0, 100), "is unknown; expected " + joined(names));
  }
  flags.naming_flags([&] { flags.set(given); });
}

std::string arguments_of(const GivenFlags& given) {
  std::string text;
  for (const auto& [name, value, several] : given) text += " --" + name + " " + shell_word(value);
  return text;
}

}  // namespace glow::tools
