#include "tools/manual/manual.h"

#include <algorithm>
#include <sstream>

namespace glow::tools {

std::string text_of(const Json& object, const char* key) { return object.at(key).get<std::string>(); }

std::vector<ClosingPart> closing_parts(const Json& tool) {
  std::vector<ClosingPart> parts;
  std::istringstream lines(text_of(tool, "closing"));
  bool is_indented = false;
  for (std::string line; std::getline(lines, line);) {
    const bool was_indented = is_indented;
    is_indented = line.starts_with(" ");
    if (!is_indented) {
      if (!line.empty()) parts.push_back({"", line});
      continue;
    }
    // The line before the first indented one is its heading.
    if (!was_indented && !parts.empty() && parts.back().heading.empty()) parts.back() = {parts.back().text, ""};
    parts.back().text += line.substr(std::min<std::size_t>(2, line.find_first_not_of(' '))) + "\n";
  }
  return parts;
}

std::vector<std::string> flag_groups(const Json& tool) {
  std::vector<std::string> groups;
  for (const auto& flag : tool.at("flags")) {
    const auto group = text_of(flag, "group");
    if (std::ranges::find(groups, group) == groups.end()) groups.push_back(group);
  }
  return groups;
}

std::string flag_with_value(const Json& flag) {
  const auto value = text_of(flag, "value");
  return "--" + text_of(flag, "name") + (value.empty() ? "" : " " + value);
}

std::string brief_help(const Json& flag) {
  constexpr std::size_t kMostLetters = 100;
  auto help = text_of(flag, "help");
  help = help.substr(0, help.find(';'));
  return help.size() <= kMostLetters ? help : help.substr(0, help.rfind(' ', kMostLetters)) + " ...";
}

std::string escaped(const std::string& text, const std::string& special) {
  std::string result;
  for (const char letter : text) {
    if (special.find(letter) != std::string::npos) result += '\\';
    result += letter;
  }
  return result;
}

}  // namespace glow::tools
