#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <glow/enum_names.h>
#include <glow/error.h>
#include <glow/nearest_name.h>
#include <glow/nn/latents.h>

#include "tools/common/files.h"

namespace glow::tools {

using Json = nlohmann::ordered_json;

/// Pixels; 0x0: not given.
struct ImageSize {
  std::int64_t height = 0;
  std::int64_t width = 0;
  bool operator==(const ImageSize&) const = default;
};

/// Parse the text of a flag into `value`. Throw ConfigError that names the expected and the actual text.
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
/// "0.7" or "0.5,0.7,1"; for whole numbers and texts an empty text is an empty list. In a text, a comma is
/// written "\," and a backslash before it "\\" (list_item).
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
  try {
    from_string(text, value);
  } catch (const ConfigError& error) {
    std::vector<std::string> names;
    for (const auto& each : enum_names(Kind{}).names) names.emplace_back(each.first);
    throw ConfigError(error.field(), std::string(error.text()) + did_you_mean(text, names));
  }
}

/// The inverse of parse_value: numbers and booleans become JSON numbers and booleans, other values become text that
/// parse_value reads.
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

/// A text as an item of a list: with a backslash before each comma and backslash.
std::string list_item(const std::string& text);

/// The text of a JSON scalar, as parse_value reads it.
std::string to_text(const Json& scalar);

/// Whether a flag is part of a training run's configuration.
enum class Kept {
  /// Yes, and a resume must not contradict it.
  kFixed,
  /// Yes, and a resume may change it.
  kChangeable,
  /// No: it concerns one call of the tool.
  kNo,
};

/// Words for numbers that mean "all", "none" or "automatic", with the numbers as texts.
using NumberWords = std::vector<std::pair<std::string, std::string>>;
NumberWords number_word(const std::string& word, int number);

/// A name that a flag had in an earlier version. It works, and a note on stderr says the present name.
struct OldName {
  /// Without "--".
  std::string name;
  /// Not empty: the name was that of a switch, which now is this value.
  std::string value = {};
};

std::vector<OldName> old_name(const std::string& name, const std::string& value = {});

/// One row of a tool's table of flags.
struct FlagText {
  /// The settings' field, and the key in config.json.
  std::string field;
  /// Heading in --help.
  std::string group;
  /// Name of the value in --help; empty for a switch.
  std::string value;
  std::string help;
  Kept kept = Kept::kNo;
  /// Name of the flag, if it is not the field with '-' for '_'. A switch whose name begins with "no-" sets its field to
  /// false.
  std::string flag = {};
  /// Words for numbers. The numbers are accepted as well, and config.json contains them.
  NumberWords words = {};
  std::vector<OldName> old_names = {};
  /// `help` in the short --help; empty: the same.
  std::string short_help = {};
  /// The values that shells complete, besides `words`; empty: the names of the field's enumerators, if it has them.
  std::vector<std::string> choices = {};
};

/// The values that a flag takes from a command line.
enum class Takes {
  kOne,
  /// A list, of numbers or of texts: several words, words with commas, or the flag several times.
  kNumbers,
  kTexts,
};

std::vector<FlagText> operator+(std::vector<FlagText> first, const std::vector<FlagText>& second);

/// A flag that is connected to a field of the settings.
struct Flag {
  FlagText text;
  /// Without the leading "--".
  std::string name;
  /// The letter of its short form, "-o"; 0: it has none. The same in all tools.
  char short_name = 0;
  Takes takes = Takes::kOne;
  /// Parses the text of the flag, which is none of FlagText::words, into the field. Throws ConfigError.
  std::function<void(const std::string&)> set;
  /// Return the field's value as JSON, and set the field from it. `restore` throws ConfigError.
  std::function<Json()> get;
  std::function<void(const Json&)> restore;

  /// Whether the field is a list of numbers that need not be whole; and whether it has one number for each level.
  bool is_list_of_decimals = false, is_per_level = false;
  /// Whether the field is a number that need not be whole.
  bool is_decimal = false;

  /// The words that the value is likely to be one of; empty: it is a number, a path or a free text.
  std::vector<std::string> choices;

  bool is_switch() const { return text.value.empty(); }
  /// Whether the value is the path of a file or folder.
  bool takes_path() const;
  /// The field's value as on a command line, with a word for a number that has one.
  std::string shown() const;
  /// "--NAME: `problem`"
  ConfigError error(std::string_view problem) const { return {"--" + name, problem}; }
};

/// A flag on a command line: its present name without "--", and its value ("true" for a switch).
struct GivenFlag {
  std::string name;
  std::string value;
  /// Whether the value is a list whose items were words of their own.
  bool several = false;
};
using GivenFlags = std::vector<GivenFlag>;

/// Nullptr when the flag was not given.
const GivenFlag* find(const GivenFlags& given, const std::string& name);
/// Throws ConfigError "--NAME: `reason`" for the first of these flags that was given but would have no effect.
void refuse(const GivenFlags& given, const std::vector<std::string>& names, const std::string& reason);

class Flags;
/// For each given list of decimals that could also be one number with a decimal comma, "0,7": a line that says how it
/// was taken.
std::vector<std::string> notes_on_decimal_commas(const Flags& flags, const GivenFlags& given);

/// The table of flags that a tool uses for its command line, its --help and its configuration file: rows of text,
/// connected to the fields of the tool's settings that `visit_fields` names.
class Flags {
 public:
  explicit Flags(const std::vector<FlagText>& table);

  /// Connects each row to the field of `settings` that it names; `settings` must outlive this object. A field without a
  /// row has no flag.
  template <class Settings>
  void bind(Settings& settings) {
    visit_fields(settings, [&](const char* field, auto& value) {
      for (auto& flag : flags_) {
        if (flag.text.field != field) continue;
        if (flag.set) throw std::logic_error("two fields for the flag --" + flag.name);
        tie(flag, value);
      }
    });
  }

  const std::vector<Flag>& all() const { return flags_; }
  /// Finds a flag by its name without "--", or by its letter; nullptr when it does not exist.
  const Flag* find(const std::string& name) const;
  const Flag* find(char short_name) const;
  /// The same for a flag that must exist.
  const Flag& at(const std::string& name) const;
  /// Parses flags into the settings. Throws ConfigError naming the flag.
  void set(const GivenFlags& given) const;
  /// The same, but a fixed flag must not change its field. Throws ConfigError "--depth 8 contradicts `source`, where it
  /// is 32".
  void set_agreeing(const GivenFlags& given, const std::string& source) const;

  /// {field: value} of all fields whose flags are part of the configuration (Kept).
  Json kept() const;
  /// Sets the fields from such an object. Fields that are missing in it keep their values. Throws ConfigError for an
  /// unknown field or an invalid value.
  void restore(const Json& kept) const;

  /// Returns the result of `work`. A ConfigError that names a field ("hidden_width") is rethrown naming its flag
  /// ("--width").
  template <class Work>
  auto naming_flags(Work&& work) const {
    try {
      return work();
    } catch (const ConfigError& error) {
      const Flag* flag = by_field(error.field());
      if (flag == nullptr) throw;
      throw flag->error(error.text());
    }
  }

 private:
  /// The flag of a field; nullptr when there is none.
  const Flag* by_field(std::string_view field) const;

  template <class Value>
  static void tie(Flag& flag, Value& value) {
    flag.is_per_level = std::is_same_v<Value, nn::Temperature>;
    flag.is_list_of_decimals = flag.is_per_level || std::is_same_v<Value, std::vector<double>>;
    flag.is_decimal = std::is_floating_point_v<Value>;
    constexpr bool is_list_of_texts = std::is_same_v<Value, std::vector<std::string>>;
    if (is_list_of_texts) flag.takes = Takes::kTexts;
    if (flag.is_list_of_decimals || std::is_same_v<Value, std::vector<std::int64_t>>) flag.takes = Takes::kNumbers;
    if constexpr (NamedEnum<Value>) {
      if (flag.choices.empty()) {
        for (const auto& each : enum_names(Value{}).names) flag.choices.emplace_back(each.first);
      }
    }
    flag.get = [&value] { return to_json(value); };
    flag.restore = [&value](const Json& json) { parse_value(to_text(json), value); };
    flag.set = [&value, turns_off = flag.name.starts_with("no-")](const std::string& text) {
      parse_value(std::is_same_v<Value, std::string> ? with_home(text) : text, value);
      if constexpr (std::is_same_v<Value, bool>) value = value != turns_off;
      if constexpr (is_list_of_texts) std::ranges::transform(value, value.begin(), with_home);
    };
  }

  std::vector<Flag> flags_;
};

// Rows of flags that several tools share, so that their texts agree. FlagText::kept applies to glow-train only; the
// other tools do not use it.

/// "model", a model file.
FlagText model_row(const std::string& group);
/// "data" or another field for a data set. `what`: the use of the data, shown before the list of kinds; may be empty.
FlagText source_row(const std::string& field, const std::string& group, const std::string& what);
/// "seed". `what`: the random choices that depend on it.
FlagText seed_row(const std::string& group, const std::string& what);
/// "overwrite". `existing`: the output that it replaces.
FlagText overwrite_row(const std::string& group, const std::string& existing);
/// "batch" for a tool without training steps. `otherwise`: the default, when it is not a number.
FlagText batch_row(const std::string& otherwise = {});

/// Whether a launcher can start a tool in several processes.
enum class Launchable { kNo, kYes };
/// The rows of ComputeSettings; `start_timeout` and `process_timeout` only for kYes.
std::vector<FlagText> compute_rows(Launchable launchable);
/// --data-threads, for tools that read images.
FlagText data_threads_row();

}  // namespace glow::tools
