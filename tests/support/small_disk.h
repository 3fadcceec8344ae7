#pragma once

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string>
#include <system_error>

#include <sys/mount.h>

#include "support/temporary_directory.h"

namespace glow::testing {

/// A directory on a small tmpfs, for tests of a full disk. Only root can mount one.
class SmallDisk {
 public:
  explicit SmallDisk(std::size_t bytes) {
    const auto options = "size=" + std::to_string(bytes);
    if (::mount("tmpfs", path().c_str(), "tmpfs", 0, options.c_str()) != 0) error_ = errno;
  }
  ~SmallDisk() {
    if (is_mounted()) ::umount2(path().c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool is_mounted() const { return error_ == 0; }
  std::string why_not() const { return std::generic_category().message(error_); }
  const std::filesystem::path& path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  int error_ = 0;
};

}  // namespace glow::testing
