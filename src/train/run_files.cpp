#include "train/run_files.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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

RunLock::RunLock(std::filesystem::path directory)
    : directory_(std::move(directory)), descriptor_(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) throw io::cannot_read(directory_, errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(descriptor_);
  throw io::cannot_write(directory_, "another process is training there");
}

RunLock::RunLock(RunLock&& other) noexcept
    : directory_(std::move(other.directory_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

RunLock& RunLock::operator=(RunLock&& other) noexcept {
  std::swap(directory_, other.directory_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

RunLock::~RunLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void RunLock::require_in_place() const {
  if (descriptor_ < 0) return;
  struct stat locked {};
  struct stat named {};
  if (::fstat(descriptor_, &locked) != 0 || ::stat(directory_.c_str(), &named) != 0)
    throw io::cannot_write(directory_, errno);
  if (locked.st_dev != named.st_dev || locked.st_ino != named.st_ino)
    throw io::cannot_write(directory_, "another directory has taken its place");
}

}  // namespace glow::train
