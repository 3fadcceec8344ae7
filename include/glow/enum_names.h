#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#include <glow/error.h>

#pragma GCC visibility push(default)

namespace glow {

/// The names of an enumeration's enumerators for users. An overload of enum_names in the enumeration's namespace
/// returns them:
///
///     enum class Family { kGlow, kNICE };
///     constexpr EnumNames<Family, 2> enum_names(Family) {
///       return {"family", {{{"glow", Family::kGlow}, {"nice", Family::kNICE}}}};
///     }
template <class Enum, std::size_t Count>
struct EnumNames {
  /// ConfigError::field for an unknown name.
  const char* field;
  /// Each name with its enumerator, in the order in which messages list them.
  std::array<std::pair<const char*, Enum>, Count> names;
};

/// An enumeration that has an overload of enum_names.
template <class Enum>
concept NamedEnum = std::is_enum_v<Enum> && requires {
  enum_names(Enum{});
};

/// "glow, nice"
template <NamedEnum Enum>
std::string all_names() {
  std::string text;
  for (const auto& [name, value] : enum_names(Enum{}).names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

/// The enumerator's name.
template <NamedEnum Enum>
std::string to_string(Enum wanted) {
  const auto known = enum_names(wanted);
  for (const auto& [name, value] : known.names) {
    if (value == wanted) return name;
  }
  throw ConfigError(known.field, "an enumerator without a name");
}

/// The inverse of to_string. Throws ConfigError "FIELD: unknown value 'x', expected one of ..." when `wanted` is not a
/// name.
template <NamedEnum Enum>
void from_string(const std::string& wanted, Enum& result) {
  const auto known = enum_names(Enum{});
  for (const auto& [name, value] : known.names) {
    if (wanted != name) continue;
    result = value;
    return;
  }
  throw ConfigError(known.field, "unknown value '" + wanted + "', expected one of " + all_names<Enum>());
}

}  // namespace glow

#pragma GCC visibility pop
