#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include <glow/error.h>

#include "tools/common/flag_values.h"

namespace glow::tools {

/// Whether a flag is part of a training run's configuration.
enum class Kept {
  /// Yes, and a resume must not contradict it.
  kFixed,
  /// Yes, and a resume may change it.
  kChangeable,
  /// No: it concerns one call of the tool.
  kNo,
};

/// One row of a tool's table of flags.
struct FlagText {
  /// The settings' field, and the key in config.json.
  std::string field;
  /// Heading in --help.
  std::string group;
  /// What --help calls the value; empty for a switch.
  std::string value;
  std::string help;
  Kept kept = Kept::kNo;
  /// When it is not the field with '-' for '_'. A switch whose flag begins with "no-" turns its field off.
  std::string flag = {};
};

std::vector<FlagText> operator+(std::vector<FlagText> first, const std::vector<FlagText>& second);

/// A flag that is tied to a field of the settings.
struct Flag {
  FlagText text;
  /// Without the leading "--".
  std::string name;
  /// Parses the text of the flag into the field. Throws ConfigError.
  std::function<void(const std::string&)> set;
  /// The field's value, and the reverse, which throws ConfigError.
  std::function<Json()> get;
  std::function<void(const Json&)> restore;

  bool is_switch() const { return text.value.empty(); }
  /// "--NAME: `problem`"
  ConfigError error(std::string_view problem) const { return {"--" + name, problem}; }
};

/// A flag on a command line: its name without "--", and its value ("true" for a switch).
struct GivenFlag {
  std::string name;
  std::string value;
};
using GivenFlags = std::vector<GivenFlag>;

/// Nullptr when it is not among them.
const GivenFlag* find(const GivenFlags& given, const std::string& name);
/// Throws ConfigError "--NAME: `reason`" for the first of these flags that was given, because it would have no effect.
void refuse(const GivenFlags& given, const std::vector<std::string>& names, const std::string& reason);

/// The one table for a tool's command line, its --help and its configuration file: rows of text, tied to the fields of
/// the tool's settings that `visit_fields` names.
class Flags {
 public:
  explicit Flags(const std::vector<FlagText>& table);

  /// Ties the rows that name a field of `settings` to it; the settings must live as long. A field without a row has
  /// no flag.
  template <class Settings>
  void bind(Settings& settings) {
    visit_fields(settings, [&](const char* field, auto& value) {
      for (auto& flag : flags_) {
        if (flag.text.field == field) tie(flag, value);
      }
    });
  }

  const std::vector<Flag>& all() const { return flags_; }
  /// By name without "--"; nullptr when there is none.
  const Flag* find(const std::string& name) const;
  /// The same for a flag that there is.
  const Flag& at(const std::string& name) const;
  /// Parses flags into the settings. Throws ConfigError of the flag.
  void set(const GivenFlags& given) const;
  /// The same, but a fixed flag that would change its field is refused: ConfigError "--depth 8 contradicts `source`,
  /// where it is 32".
  void set_agreeing(const GivenFlags& given, const std::string& source) const;

  /// {field: value} of all that is kept.
  Json kept() const;
  /// The reverse; fields that are missing keep their values. Throws ConfigError for a field that is unknown or does not
  /// fit.
  void restore(const Json& kept) const;

  /// What `work` returns; a ConfigError of a field ("hidden_width") becomes one of the field's flag ("--width").
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
  /// Nullptr when no flag has it.
  const Flag* by_field(std::string_view field) const;

  template <class Value>
  static void tie(Flag& flag, Value& value) {
    flag.get = [&value] { return to_json(value); };
    flag.restore = [&value](const Json& json) { parse_value(to_text(json), value); };
    flag.set = [&value, turns_off = flag.name.starts_with("no-")](const std::string& text) {
      parse_value(text, value);
      if constexpr (std::is_same_v<Value, bool>) value = value != turns_off;
    };
  }

  std::vector<Flag> flags_;
};

}  // namespace glow::tools
