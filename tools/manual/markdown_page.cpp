#include "tools/manual/manual.h"

namespace glow::tools {
namespace {

/// The text as Markdown shows it in a table.
std::string cell(const std::string& text) { return escaped(text, "\\`*_[]<>|$#"); }

std::string code(const std::string& text) { return "`" + escaped(text, "|") + "`"; }

std::string block(const std::string& text) { return "```text\n" + text + "```\n\n"; }

std::string flag_row(const Json& flag) {
  const auto letter = text_of(flag, "letter");
  const auto standard = text_of(flag, "default");
  return "| " + (letter.empty() ? "" : code("-" + letter) + ", ") + code(flag_with_value(flag)) + " | " +
         cell(text_of(flag, "help")) + " | " + (standard.empty() ? "" : code(standard)) + " |\n";
}

/// The usage, the flags and the closing text of a tool or of a subcommand.
std::string markdown_body(const Json& tool, const std::string& heading) {
  std::string text =
      text_of(tool, "purpose") + "\n\n" + block(text_of(tool, "name") + " " + text_of(tool, "usage") + "\n");
  for (const auto& group : flag_groups(tool)) {
    text += heading + " " + group + "\n\n| flag | meaning | default |\n|---|---|---|\n";
    for (const auto& flag : tool.at("flags")) {
      if (flag.at("group") == group) text += flag_row(flag);
    }
    text += "\n";
  }
  for (const auto& [title, lines] : closing_parts(tool)) {
    text += title.empty() ? cell(lines) + "\n\n" : heading + " " + title + "\n\n" + block(lines);
  }
  return text;
}

}  // namespace

std::string markdown_page(const Json& tool) {
  std::string text = "# " + text_of(tool, "name") + "\n\n" + markdown_body(tool, "##");
  for (const auto& subcommand : tool.at("subcommands")) {
    text += "## " + text_of(subcommand, "name") + "\n\n" + markdown_body(subcommand, "###");
  }
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

}  // namespace glow::tools
