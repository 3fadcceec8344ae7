#include "train/run_lock.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/errors.h"

namespace glow::train {

RunLock::RunLock(const std::filesystem::path& directory)
    : descriptor_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ < 0) throw io::cannot_read(directory, errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(descriptor_);
  throw io::cannot_write(directory, "another process is training there");
}

RunLock::RunLock(RunLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

RunLock::~RunLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void RunLock::require_in_place(const std::filesystem::path& directory) const {
  struct stat locked {};
  struct stat named {};
  if (::fstat(descriptor_, &locked) != 0 || ::stat(directory.c_str(), &named) != 0)
    throw io::cannot_write(directory, errno);
  if (locked.st_dev != named.st_dev || locked.st_ino != named.st_ino)
    throw io::cannot_write(directory, "another directory has taken its place");
}

}  // namespace glow::train
