#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tools/common/command_line.h"
#include "tools/common/flags.h"
#include "tools/common/run_tool.h"

namespace glow::tools {

/// One of the things that a tool does, chosen by the first word on its command line.
struct Subcommand {
  std::string name;
  /// What it is for, in a line.
  std::string purpose;
  /// Runs it on what follows its name (arguments[0] is no argument) and returns its exit code.
  std::function<int(int count, char** arguments)> run;
};

/// A subcommand with a table of flags of its own, whose `work` gets the settings they say; `check`, where there is one,
/// looks before at which were given. `text.name` is "tool name".
template <class Settings>
Subcommand make_subcommand(const ToolText& text, const std::vector<FlagText>& table,
                           std::function<void(const Settings&)> work,
                           std::function<void(const Settings&, const GivenFlags&)> check = nullptr) {
  const auto run = [text, table, work = std::move(work), check = std::move(check)](int count, char** arguments) {
    Settings settings;
    Flags flags(table);
    flags.bind(settings);
    const auto given = parse_command_line(text, flags, count, arguments);
    if (given) {
      flags.naming_flags([&] {
        flags.set(*given);
        if (check) check(settings, *given);
        work(settings);
      });
    }
    return static_cast<int>(kSuccess);
  };
  return {text.name.substr(text.name.find(' ') + 1), text.purpose, run};
}

/// Runs the subcommand that a command line names and returns its exit code; prints --help and --version itself. Throws
/// ConfigError that lists the names when it names none or another.
int run_subcommand(const ToolText& tool, const std::vector<Subcommand>& subcommands, int argc, char** argv);

}  // namespace glow::tools
