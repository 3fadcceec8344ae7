#pragma once

#include <string>
#include <vector>

#include "tools/common/flags.h"

namespace glow::tools {

// Documents about a tool, made from the JSON object that the tool prints with --help-json. For manual pages it also has
// "other_tools", a list of names.

/// A manual page for section 1, in the macros of man(7).
std::string man_page(const Json& tool);
/// A page of the documentation.
std::string markdown_page(const Json& tool);
/// Scripts that complete the flags of the tool, their values and its subcommands.
std::string bash_completion(const Json& tool);
std::string zsh_completion(const Json& tool);
std::string fish_completion(const Json& tool);

/// A part of the text below the flags: indented lines with a heading ("Examples"), or a paragraph without one.
struct ClosingPart {
  std::string heading;
  std::string text;
};

std::vector<ClosingPart> closing_parts(const Json& tool);

/// The groups of the tool's flags in their order.
std::vector<std::string> flag_groups(const Json& tool);

/// The text of a JSON string.
std::string text_of(const Json& object, const char* key);
/// "--NAME VALUE", "--NAME" for a switch
std::string flag_with_value(const Json& flag);
/// What the flag does, up to the first semicolon, in a line.
std::string brief_help(const Json& flag);
/// The text with a backslash before each character of `special`.
std::string escaped(const std::string& text, const std::string& special);

}  // namespace glow::tools
