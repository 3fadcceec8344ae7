#include "tools/common/output_file.h"

#include <algorithm>
#include <system_error>

#include <glow/error.h>
#include <glow/io/file.h>

namespace glow::tools {

void check_output_file(const OutputFile& file) {
  const auto& expected = file.extensions;
  if (!expected.empty() && std::find(expected.begin(), expected.end(), file.path.extension()) == expected.end()) {
    std::string names;
    for (const auto& extension : expected) names += (names.empty() ? "FILE" : " or FILE") + extension;
    throw ConfigError(file.field, "expected " + names + ", got " + file.path.string());
  }
  check_replaceable(file);
  const io::AtomicFile leaves_nothing_without_commit(file.path);
}

void check_replaceable(const OutputFile& file) {
  file.inputs.refuse(file.field, file.path);
  if (!is_there(file.path)) return;
  const auto exists = file.path.string() + " exists";
  if (!file.overwrite) throw ConfigError(file.field, exists + " (--overwrite replaces it)");
  const auto problem = file.foreign ? file.foreign(file.path) : "";
  if (!problem.empty())
    throw ConfigError(file.field, exists + " and " + problem + ", and --overwrite replaces no other file");
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace glow::tools
