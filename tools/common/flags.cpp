#include "tools/common/flags.h"

#include <algorithm>
#include <stdexcept>

#include <glow/error.h>

namespace glow::tools {
namespace {

std::string flag_name(const FlagText& text) {
  if (!text.flag.empty()) return text.flag;
  std::string name = text.field;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

/// Runs `set`. A ConfigError that it throws gets the flag's name as its field.
template <class Set>
void naming(const Flag& flag, Set&& set) {
  try {
    set();
  } catch (const ConfigError& error) {
    throw flag.error(error.text());
  }
}

}  // namespace

std::vector<FlagText> operator+(std::vector<FlagText> first, const std::vector<FlagText>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

const GivenFlag* find(const GivenFlags& given, const std::string& name) {
  const auto found = std::find_if(given.begin(), given.end(), [&](const GivenFlag& each) { return each.name == name; });
  return found == given.end() ? nullptr : &*found;
}

void refuse(const GivenFlags& given, const std::vector<std::string>& names, const std::string& reason) {
  for (const auto& name : names) {
    if (find(given, name) != nullptr) throw ConfigError("--" + name, reason);
  }
}

Flags::Flags(const std::vector<FlagText>& table) {
  for (const auto& text : table) flags_.push_back({text, flag_name(text), nullptr, nullptr, nullptr});
}

const Flag* Flags::find(const std::string& name) const {
  const auto found = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) { return flag.name == name; });
  return found == flags_.end() ? nullptr : &*found;
}

const Flag& Flags::at(const std::string& name) const {
  const auto* flag = find(name);
  if (flag == nullptr || !flag->set) throw std::logic_error("the flag --" + name + " is tied to no field");
  return *flag;
}

const Flag* Flags::by_field(std::string_view field) const {
  const auto found =
      std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) { return flag.text.field == field; });
  return found == flags_.end() ? nullptr : &*found;
}

void Flags::set(const GivenFlags& given) const {
  for (const auto& [name, value] : given) {
    const auto& flag = at(name);
    naming(flag, [&] { flag.set(value); });
  }
}

void Flags::set_agreeing(const GivenFlags& given, const std::string& source) const {
  for (const auto& each : given) {
    const auto& flag = at(each.name);
    const auto before = flag.get();
    set({each});
    if (flag.text.kept != Kept::kFixed || flag.get() == before) continue;
    const auto value = flag.is_switch() ? "" : " " + each.value;
    throw ConfigError("--" + each.name + value + " contradicts " + source + ", where " + flag.text.field + " is " +
                      before.dump());
  }
}

Json Flags::kept() const {
  Json kept = Json::object();
  for (const auto& flag : flags_) {
    if (flag.text.kept != Kept::kNo) kept[flag.text.field] = flag.get();
  }
  return kept;
}

void Flags::restore(const Json& kept) const {
  for (const auto& item : kept.items()) {
    const auto found = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) {
      return flag.text.kept != Kept::kNo && flag.text.field == item.key();
    });
    if (found == flags_.end()) throw ConfigError("unknown option '" + item.key() + "'");
    naming(*found, [&] { found->restore(item.value()); });
  }
}

}  // namespace glow::tools
