#include "io/regular_file.h"

#include <cerrno>
#include <utility>

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

RegularFile::RegularFile(std::filesystem::path path)
    : path_(std::move(path)),
      // O_NONBLOCK: otherwise opening a FIFO would wait for a writer, before fstat can tell that it is a FIFO.
      descriptor_(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) {
  if (descriptor_ < 0) {
    if (errno == EMFILE) throw cannot_read(path_, "too many open files (`ulimit -n` raises the limit)");
    throw cannot_read(path_, errno);
  }
  try {
    size_ = checked_size(descriptor_, path_);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

RegularFile::~RegularFile() { ::close(descriptor_); }

void RegularFile::read_at(std::uint64_t offset, std::span<char> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count == 0) {
      throw cannot_read(path_, "it was shortened while it was read");
    }
    if (count > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    } else if (errno != EINTR) {
      throw cannot_read(path_, errno);
    }
  }
}

std::string RegularFile::read(std::uint64_t offset, std::uint64_t count) const {
  if (offset > size_ || count > size_ - offset) {
    throw cannot_read(path_, "it ends before byte " + std::to_string(offset) + " + " + std::to_string(count));
  }
  std::string bytes(count, '\0');
  read_at(offset, bytes);
  return bytes;
}

}  // namespace glow::io
