#include "io/regular_file.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/errors.h"

namespace glow::io {
namespace {

/// The size of an open regular file. Throws IoError when it is something else.
std::uint64_t checked_size(int descriptor, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    throw cannot_read(path, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    throw cannot_read(path, "not a regular file");
  }
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

RegularFile::RegularFile(const std::filesystem::path& path)
    // O_NONBLOCK: opening a FIFO would wait for a writer before fstat could tell that it is one.
    : descriptor_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) {
  if (descriptor_ < 0) {
    throw cannot_read(path, errno);
  }
  try {
    size_ = checked_size(descriptor_, path);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

RegularFile::~RegularFile() { ::close(descriptor_); }

}  // namespace glow::io
