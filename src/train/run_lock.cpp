#include "train/run_lock.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/errors.h"

namespace glow::train {

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
