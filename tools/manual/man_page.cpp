#include <cctype>
#include <sstream>

#include <algorithm>

#include "tools/manual/manual.h"

namespace glow::tools {
namespace {

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char letter) { return std::toupper(letter); });
  return text;
}

/// The text as troff prints it: backslashes and hyphens as they are, and no line that troff takes for a request.
std::string troff(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    const bool is_first = result.empty() || result.back() == '\n';
    if (is_first && (letter == '.' || letter == '\'')) result += "\\&";
    if (letter == '\\') {
      result += "\\e";
    } else {
      result += letter == '-' ? "\\-" : std::string{letter};
    }
  }
  return result;
}

std::string flag_entry(const Json& flag) {
  const auto letter = text_of(flag, "letter");
  const auto value = text_of(flag, "value");
  const auto standard = text_of(flag, "default");
  std::string text = ".TP\n" + (letter.empty() ? "" : "\\fB\\-" + letter + "\\fR, ");
  text += "\\fB" + troff("--" + text_of(flag, "name")) + "\\fR";
  if (!value.empty()) text += " \\fI" + troff(value) + "\\fR";
  text += "\n" + troff(text_of(flag, "help"));
  return text + (standard.empty() ? "" : troff(" (default: " + standard + ")")) + "\n";
}

/// The flags and closing text of a tool or of a subcommand; `heading` is the macro of the closing text's headings.
std::string man_body(const Json& tool, const std::string& heading) {
  std::string text;
  for (const auto& group : flag_groups(tool)) {
    text += ".SS \"" + troff(group) + " options\"\n";
    for (const auto& flag : tool.at("flags")) {
      if (flag.at("group") == group) text += flag_entry(flag);
    }
  }
  for (const auto& [title, lines] : closing_parts(tool)) {
    if (title.empty()) {
      text += ".PP\n" + troff(lines) + "\n";
    } else {
      text += heading + " " + (heading == ".SH" ? upper(title) : title) + "\n.nf\n" + troff(lines) + ".fi\n";
    }
  }
  return text;
}

}  // namespace

std::string man_page(const Json& tool) {
  const auto name = text_of(tool, "name");
  auto purpose = text_of(tool, "purpose");
  while (purpose.ends_with('.')) purpose.pop_back();
  // No date, so that the same sources make the same file.
  std::string text = ".TH " + upper(name) + " 1 \"\" \"Glow " + text_of(tool, "version") + "\" \"Glow\"\n";
  text += ".SH NAME\n" + troff(name + " - " + purpose) + "\n.SH SYNOPSIS\n\\fB" + troff(name) + "\\fR " +
          troff(text_of(tool, "usage")) + "\n.SH DESCRIPTION\n" + troff(text_of(tool, "purpose")) + "\n";
  for (const auto& subcommand : tool.at("subcommands")) {
    text += ".SH \"" + upper(troff(text_of(subcommand, "name"))) + "\"\n" + troff(text_of(subcommand, "purpose")) +
            "\n.PP\n\\fB" + troff(text_of(subcommand, "name")) + "\\fR " + troff(text_of(subcommand, "usage")) + "\n" +
            man_body(subcommand, ".SS");
  }
  text += ".SH OPTIONS\nA flag is written \\-\\-NAME VALUE or \\-\\-NAME=VALUE.\n" + man_body(tool, ".SH");
  text +=
      ".SH \"EXIT STATUS\"\n.TP\n0\nsuccess\n.TP\n1\nfailure\n.TP\n2\nusage error\n.TP\n128 + N\n"
      "stopped by signal N (glow\\-serve: 0)\n";
  text += ".SH \"SEE ALSO\"\n";
  for (const std::string other : tool.at("other_tools")) text += "\\fB" + troff(other) + "\\fR(1),\n";
  return text +
         "share/doc/glow\\-tools/docs/README.md below the folder of the installation (/usr for the Debian package)\n";
}

}  // namespace glow::tools
