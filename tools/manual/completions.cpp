#include <algorithm>

#include "tools/manual/manual.h"

namespace glow::tools {
namespace {

std::string identifier(std::string name) {
  std::ranges::replace(name, '-', '_');
  return "_" + name;
}

/// "encode" of "glow-edit encode"
std::string last_word(const Json& tool) {
  const auto name = text_of(tool, "name");
  return name.substr(name.find(' ') + 1);
}

std::string choices(const Json& flag) {
  std::string words;
  for (const auto& choice : flag.at("choices")) {
    if (!words.empty()) words += ' ';
    words += choice.get<std::string>();
  }
  return words;
}

bool has_value(const Json& flag) { return !text_of(flag, "value").empty(); }
bool is_path(const Json& flag) { return flag.at("is_path").get<bool>(); }

/// "--out|-o"
std::string bash_pattern(const Json& flag) {
  const auto letter = text_of(flag, "letter");
  return "--" + text_of(flag, "name") + (letter.empty() ? "" : "|-" + letter);
}

/// The lines that complete a word after `before`: the value of a flag, a flag, or else the path of a file.
std::string bash_words(const Json& tool, const std::string& indent) {
  std::string names, numbers, text = indent + "case $before in\n";
  for (const auto& flag : tool.at("flags")) {
    names += (names.empty() ? "--" : " --") + text_of(flag, "name");
    if (!has_value(flag) || is_path(flag)) continue;
    if (choices(flag).empty()) {
      numbers += (numbers.empty() ? "" : "|") + bash_pattern(flag);
    } else {
      text += indent + "  " + bash_pattern(flag) + ") words=\"" + choices(flag) + "\" ;;\n";
    }
  }
  if (!numbers.empty()) text += indent + "  " + numbers + ") compopt +o default; return ;;\n";
  return text + indent + "  *) [[ $word != -* ]] || words=\"" + names + "\" ;;\n" + indent + "esac\n";
}

std::string single_quoted(const std::string& text) {
  std::string result = "'";
  for (const char letter : text) result += letter == '\'' ? "'\\''" : std::string{letter};
  return result + "'";
}

/// What zsh offers for the value of a flag: files, its words, or nothing but its name.
std::string zsh_value(const Json& flag) {
  if (!has_value(flag)) return "";
  std::string value = ":";
  value += escaped(text_of(flag, "value"), ":");
  if (is_path(flag)) return value + ":_files";
  const auto words = choices(flag);
  return value + (words.empty() ? ": " : ":(" + words + ")");
}

/// The arguments of zsh's _arguments for the flags.
std::string zsh_flags(const Json& tool, const std::string& indent) {
  std::string text;
  for (const auto& flag : tool.at("flags")) {
    const auto letter = text_of(flag, "letter");
    // With "=" zsh completes both --NAME VALUE and --NAME=VALUE.
    const auto word = "--" + text_of(flag, "name"), name = word + (has_value(flag) ? "=" : "");
    const bool is_list = flag.at("is_list").get<bool>();
    std::string help = "[";
    help += escaped(brief_help(flag), "[]:\\") + "]" + zsh_value(flag);
    text += indent;
    if (letter.empty()) {
      text += (is_list ? "'*'" : "") + name;
    } else {
      text += (is_list ? "'*'" : "'(-" + letter + " " + word + ")'") + "{-" + letter + "," + name + "}";
    }
    text += single_quoted(help) + " \\\n";
  }
  return text;
}

std::string fish_flags(const Json& tool, const std::string& start) {
  std::string text;
  for (const auto& flag : tool.at("flags")) {
    const auto letter = text_of(flag, "letter");
    text += start + " -l " + text_of(flag, "name") + (letter.empty() ? "" : " -s " + letter);
    if (has_value(flag)) text += is_path(flag) ? " -r -F" : " -x";
    if (const auto words = choices(flag); !words.empty()) text += " -a " + single_quoted(words);
    text += " -d " + single_quoted(escaped(brief_help(flag), "\\")) + "\n";
  }
  return text;
}

}  // namespace

std::string bash_completion(const Json& tool) {
  const auto name = text_of(tool, "name");
  const auto& subcommands = tool.at("subcommands");
  std::string text = "# bash completion of " + name + "\n" + identifier(name) + "() {\n" +
                     "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=\n"
                     "  # --FLAG=VALUE is three words.\n"
                     "  if [[ $word == = ]]; then\n    word=\n"
                     "  elif [[ $before == = ]]; then\n    before=${COMP_WORDS[COMP_CWORD-2]}\n  fi\n";
  if (subcommands.empty()) {
    text += bash_words(tool, "  ");
  } else {
    std::string names, own;
    for (const auto& each : subcommands) names += (names.empty() ? "" : " ") + last_word(each);
    for (const auto& flag : tool.at("flags")) own += " --" + text_of(flag, "name");
    text += "  if ((COMP_CWORD == 1)); then\n    words=\"" + names + " help" + own + "\"\n" +
            "  elif [[ ${COMP_WORDS[1]} == help ]]; then\n    words=\"" + names + "\"\n  else\n" +
            "    case ${COMP_WORDS[1]} in\n";
    for (const auto& each : subcommands) {
      text += "      " + last_word(each) + ")\n" + bash_words(each, "        ") + "        ;;\n";
    }
    text += "    esac\n  fi\n";
  }
  // Without words, `-o default` completes the names of files.
  return text +
         "  [[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n}\ncomplete -o default "
         "-F " +
         identifier(name) + " " + name + "\n";
}

std::string zsh_completion(const Json& tool) {
  const auto name = text_of(tool, "name");
  const auto& subcommands = tool.at("subcommands");
  std::string text = "#compdef " + name + "\n\n";
  const std::string files = "'*:file:_files'\n";
  if (subcommands.empty()) return text + "_arguments -s \\\n" + zsh_flags(tool, "  ") + "  " + files;
  text += "local context state state_descr line\ntypeset -A opt_args\nlocal -a subcommands\nsubcommands=(\n";
  for (const auto& each : subcommands) {
    text += "  " + single_quoted(last_word(each) + ":" + escaped(text_of(each, "purpose"), ":\\")) + "\n";
  }
  text += "  help:'Explains the flags of a subcommand.'\n)\n_arguments -C \\\n" + zsh_flags(tool, "  ") +
          "  '1: :->subcommand' '*:: :->arguments'\ncase $state in\n"
          "  subcommand) _describe subcommand subcommands ;;\n  arguments)\n    case $words[1] in\n"
          "      help) _describe subcommand subcommands ;;\n";
  for (const auto& each : subcommands) {
    text += "      " + last_word(each) + ")\n        _arguments -s \\\n" + zsh_flags(each, "          ") +
            "          " + files + "        ;;\n";
  }
  return text + "    esac\n    ;;\nesac\n";
}

std::string fish_completion(const Json& tool) {
  const auto start = "complete -c " + text_of(tool, "name");
  const auto& subcommands = tool.at("subcommands");
  if (subcommands.empty()) return fish_flags(tool, start);
  const auto first = start + " -n __fish_use_subcommand";
  std::string text = fish_flags(tool, first), names;
  for (const auto& each : subcommands) {
    names += (names.empty() ? "" : " ") + last_word(each);
    text +=
        first + " -f -a " + last_word(each) + " -d " + single_quoted(escaped(text_of(each, "purpose"), "\\")) + "\n";
  }
  text += first + " -f -a help -d 'Explains the flags of a subcommand.'\n";
  text += start + " -n '__fish_seen_subcommand_from help' -f -a '" + names + "'\n";
  for (const auto& each : subcommands) {
    text += fish_flags(each, start + " -n '__fish_seen_subcommand_from " + last_word(each) + "'");
  }
  return text;
}

}  // namespace glow::tools
