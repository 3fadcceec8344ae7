#include "train/step_files.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>
#include <system_error>

#include "io/errors.h"

namespace glow::train {
namespace {

constexpr std::string_view kPrefix = "step-";

std::optional<std::int64_t> step_of(const std::string& name, const std::string& extension) {
  std::int64_t step = 0;
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const auto error = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step).ec;
  if (error != std::errc() || name != step_name(step) + extension) return std::nullopt;
  return step;
}

}  // namespace

std::string step_name(std::int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%09lld", static_cast<long long>(step));
  return name;
}

std::vector<StepFile> step_files(const std::filesystem::path& directory, const std::string& extension) {
  std::vector<StepFile> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (const auto step = step_of(entry->path().filename().string(), extension))
      files.push_back({*step, entry->path()});
  }
  if (error && error != std::errc::no_such_file_or_directory) throw io::cannot_read(directory, error.message());
  std::ranges::sort(files, std::ranges::greater(), &StepFile::step);
  return files;
}

}  // namespace glow::train
