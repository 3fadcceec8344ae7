#include <cerrno>

#include <sys/mman.h>

#include <glow/io/file.h>

#include "io/errors.h"
#include "io/regular_file.h"

namespace glow::io {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const RegularFile file(path);
  if (file.size() == 0) {
    return;  // mmap refuses an empty range
  }
  void* address = ::mmap(nullptr, file.size(), PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (address == MAP_FAILED) {
    throw cannot_read(path, errno);
  }
  data_ = static_cast<const char*>(address);
  size_ = file.size();
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<char*>(data_), size_);
  }
}

}  // namespace glow::io
