#include "tools/common/files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <system_error>

#include <glow/error.h>
#include <glow/images/source.h>
#include <glow/io/file.h>

namespace glow::tools {
namespace {

std::optional<std::pair<std::uint64_t, std::uint64_t>> identity(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return std::nullopt;
  return std::pair{static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino)};
}

}  // namespace

void InputFiles::add(const std::filesystem::path& file) {
  if (const auto found = identity(file)) files_.insert(*found);
}

void InputFiles::add_source(const std::string& specification) {
  add(specification);
  const auto path = images::parse_specification(specification).path;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) add(path);
}

void InputFiles::refuse(const std::string& field, const std::filesystem::path& file) const {
  const auto found = identity(file);
  if (!found || !files_.contains(*found)) return;
  throw ConfigError(field, file.string() + " is read here, and --overwrite does not replace an input");
}

void check_output_file(const OutputFile& file) {
  const auto& expected = file.extensions;
  if (!expected.empty() &&
      std::find(expected.begin(), expected.end(), io::lower_extension(file.path)) == expected.end()) {
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
    throw ConfigError(file.field, exists + " and " + problem + ", so --overwrite does not replace it");
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::string with_home(const std::string& text) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return text;
  std::string result;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto comma = std::min(text.find(',', begin), text.size());
    const auto piece = text.substr(begin, comma - begin);
    const auto colon = piece.find(':');
    const bool is_specification = colon != std::string::npos && images::parse_specification(piece).kind != nullptr;
    const auto path = is_specification ? colon + 1 : 0;
    const bool is_home = piece.substr(path) == "~" || piece.substr(path).starts_with("~/");
    result += is_home ? piece.substr(0, path) + home + piece.substr(path + 1) : piece;
    if (comma < text.size()) result += ',';
    begin = comma + 1;
  }
  return result;
}

std::string with_absolute_path(const std::string& specification) {
  const auto colon = specification.find(':');
  const auto path = images::parse_specification(specification).path;
  if (colon == std::string::npos || path.empty()) return specification;
  return specification.substr(0, colon + 1) + std::filesystem::absolute(path).lexically_normal().string();
}

}  // namespace glow::tools
