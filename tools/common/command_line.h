#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tools/common/console.h"
#include "tools/common/flags.h"

namespace glow::tools {

/// What the command line of a tool has besides its flags, and the texts about it in --help and --version.
struct ToolText {
  std::string name;
  /// One sentence.
  std::string purpose;
  /// The text below the flags.
  std::string closing;
  /// What makes the tool need less memory, for messages: "a smaller --batch".
  std::string saves_memory = {};
  /// The flags that words without a flag belong to, in their order: {"model", "images"} for "glow-edit encode MODEL
  /// IMAGES...". If the last one is a list, it takes all further words.
  std::vector<std::string> positional = {};
  /// The flags that --help lists, in this order; empty: all. --help-all lists all flags in their groups.
  std::vector<std::string> common = {};
  /// `closing` of --help-all; empty: the same.
  std::string full_closing = {};
};

/// The words of a command line after the name of the program.
using Arguments = std::span<const std::string>;

/// The flags of a command line in the order given, each list of values once; or nullopt after --help, --help-all or
/// --version, which this prints. Prints notes on stderr about old names of flags and about what is read for the bare
/// path of a data set. Throws ConfigError naming an unknown flag, a word that belongs to no flag or a missing value.
///
/// - "--NAME VALUE", "--NAME=VALUE", "-n VALUE", "-nVALUE"; switches "--NAME", "--NAME=false", "-q", "-qf".
/// - After a flag that takes a list come its words up to the next flag; the flag may also be repeated.
/// - A comma separates items, except in the path of an existing file.
/// - Words that belong to no flag are values of ToolText::positional, without those that are given by their flags; so
///   are all words after "--".
std::optional<GivenFlags> parse_command_line(const ToolText& tool, const Flags& flags, Arguments arguments,
                                             Console& console);

/// A task of a tool, chosen by the first word on the command line.
struct Subcommand {
  std::string name;
  /// One line.
  std::string purpose;
  /// Runs it with the words after its name and returns the exit code.
  std::function<int(Arguments arguments, Console& console)> run;
};

/// A subcommand with its own table of flags; `work` gets the settings. `check`, if given, is called first, with the
/// flags that were given. `text.name` is "TOOL SUBCOMMAND".
template <class Settings>
Subcommand make_subcommand(const ToolText& text, const std::vector<FlagText>& table,
                           std::function<void(const Settings&, Console&)> work,
                           std::function<void(const Settings&, const GivenFlags&)> check = nullptr) {
  const auto run = [text, table, work = std::move(work), check = std::move(check)](Arguments arguments,
                                                                                   Console& console) {
    Settings settings;
    Flags flags(table);
    flags.bind(settings);
    const auto given = parse_command_line(text, flags, arguments, console);
    if (given) {
      flags.naming_flags([&] {
        flags.set(*given);
        if (check) check(settings, *given);
        work(settings, console);
        for (const auto& note : notes_on_decimal_commas(flags, *given)) console.err << note << std::endl;
      });
    }
    return static_cast<int>(kSuccess);
  };
  return {text.name.substr(text.name.find(' ') + 1), text.purpose, run};
}

/// Runs the subcommand that the first argument names and returns its exit code, or prints --help or --version; "help
/// NAME", "--help NAME" and "--help-all NAME" print that of a subcommand. Throws ConfigError that lists the names when
/// the name is missing or unknown.
int run_subcommand(const ToolText& tool, const std::vector<Subcommand>& subcommands, Arguments arguments,
                   Console& console);

}  // namespace glow::tools
