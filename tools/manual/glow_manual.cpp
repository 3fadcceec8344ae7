// Writes documents about the tools from their tables of flags: glow-manual man|markdown|bash|zsh|fish FOLDER.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "tools/glow_tools.h"
#include "tools/manual/manual.h"

namespace glow::tools {
namespace {

using Run = int (*)(std::span<const std::string>, Console&);

const std::map<std::string, Run> kTools{
    {"glow-edit", run_glow_edit},     {"glow-eval", run_glow_eval},   {"glow-import", run_glow_import},
    {"glow-sample", run_glow_sample}, {"glow-train", run_glow_train},
#ifdef GLOW_BUILD_SERVER
    {"glow-serve", run_glow_serve},
#endif
};

/// A kind of document: how it is made, and the name of its file, which is `before` + the tool's name + `after`.
struct Kind {
  std::string (*make)(const Json& tool);
  std::string before, after;
};

const std::map<std::string, Kind> kKinds{{"man", {man_page, "", ".1"}},
                                         {"markdown", {markdown_page, "", ".md"}},
                                         {"bash", {bash_completion, "", ""}},
                                         {"zsh", {zsh_completion, "_", ""}},
                                         {"fish", {fish_completion, "", ".fish"}}};

int write_all(const Kind& kind, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  for (const auto& [name, run] : kTools) {
    std::ostringstream text;
    Console console{.out = text, .err = std::cerr};
    if (const int code = run(std::vector<std::string>{"--help-json"}, console); code != kSuccess) return code;
    auto tool = Json::parse(text.str());
    for (const auto& other : kTools) {
      if (other.first != name) tool["other_tools"].push_back(other.first);
    }
    const auto path = folder / (kind.before + name + kind.after);
    std::ofstream file(path, std::ios::binary);
    file << kind.make(tool);
    file.close();
    if (!file) {
      std::cerr << "glow-manual: cannot write " << path.string() << "\n";
      return kFailure;
    }
  }
  return kSuccess;
}

}  // namespace
}  // namespace glow::tools

int main(int argc, char** argv) {
  using namespace glow::tools;
  const auto kind = argc == 3 ? kKinds.find(argv[1]) : kKinds.end();
  if (kind == kKinds.end()) {
    std::cerr << "usage: glow-manual man|markdown|bash|zsh|fish FOLDER\n";
    return kUsageError;
  }
  return write_all(kind->second, argv[2]);
}
