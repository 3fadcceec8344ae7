#include "io/regular_file.h"

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/errors.h"

namespace glow::io {
namespace {

/// A sentence about a directory that was given in place of a file, with the file that may have been meant.
std::string directory_problem(const std::filesystem::path& directory) {
  constexpr const char* kModel = "model.safetensors";  // of a run of glow-train
  std::error_code ignored;
  const auto folder = directory.has_filename() ? directory : directory.parent_path();
  if (std::filesystem::exists(folder / kModel, ignored)) {
    return "is the directory of a run: its model is " + (folder / kModel).string();
  }
  if (folder.filename() == "checkpoints" && std::filesystem::exists(folder.parent_path() / kModel, ignored)) {
    return "is the directory of a run's checkpoints: its model is " + (folder.parent_path() / kModel).string();
  }
  return "expected a file, is a directory";
}

/// The size of an open regular file. Throws IoError when it is something else.
std::uint64_t checked_size(int descriptor, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    throw cannot_read(path, errno);
  }
  if (S_ISDIR(status.st_mode)) throw cannot_read(path, directory_problem(path));
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
