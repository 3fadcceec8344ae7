#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include <glow/error.h>

namespace glow {

/// The enumerators of an enumeration and what users call them.
template <class Enum, std::size_t Count>
using EnumNames = std::array<std::pair<const char*, Enum>, Count>;

template <class Enum, std::size_t Count>
std::string name_of(const EnumNames<Enum, Count>& names, Enum wanted) {
  for (const auto& [name, value] : names) {
    if (value == wanted) return name;
  }
  throw ConfigError("an enumerator without a name");
}

/// Throws ConfigError "`what`: unknown value 'x', expected one of ...".
template <class Enum, std::size_t Count>
Enum enumerator_of(const EnumNames<Enum, Count>& names, const char* what, const std::string& wanted) {
  std::string known;
  for (const auto& [name, value] : names) {
    if (wanted == name) return value;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  throw ConfigError(what, "unknown value '" + wanted + "', expected one of " + known);
}

}  // namespace glow
