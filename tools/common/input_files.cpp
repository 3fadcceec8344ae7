#include "tools/common/input_files.h"

#include <sys/stat.h>

#include <optional>
#include <system_error>

#include <glow/data/source.h>
#include <glow/error.h>

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
  const auto path = data::parse_specification(specification).path;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) add(path);
}

void InputFiles::refuse(const std::string& field, const std::filesystem::path& file) const {
  const auto found = identity(file);
  if (!found || !files_.contains(*found)) return;
  throw ConfigError(field, file.string() + " is read here, and --overwrite replaces no file that is");
}

}  // namespace glow::tools
