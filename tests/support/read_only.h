#pragma once

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <sys/mount.h>
#include <unistd.h>

namespace glow::testing {

/// Makes a directory tree read-only during the object's lifetime: by permissions or, for root, who ignores permissions,
/// by a read-only bind mount. Files that are already open for writing remain writable.
class ReadOnly {
 public:
  explicit ReadOnly(std::filesystem::path directory) : directory_(std::move(directory)) {
    if (is_root()) {
      mount_over();
    } else {
      set_permissions(std::filesystem::perm_options::remove);
    }
  }
  ~ReadOnly() {
    if (!is_root()) set_permissions(std::filesystem::perm_options::add);
    if (is_mounted_) ::umount2(directory_.c_str(), MNT_DETACH);
  }
  ReadOnly(const ReadOnly&) = delete;
  ReadOnly& operator=(const ReadOnly&) = delete;

  bool is_in_force() const { return error_ == 0; }
  std::string why_not() const { return std::generic_category().message(error_); }
  /// The system's error text for a write to the directory.
  std::string complaint() const { return is_root() ? "Read-only file system" : "Permission denied"; }

 private:
  static bool is_root() { return ::geteuid() == 0; }

  void mount_over() {
    const char* path = directory_.c_str();
    is_mounted_ = ::mount(path, path, nullptr, MS_BIND, nullptr) == 0;
    if (!is_mounted_ || ::mount(nullptr, path, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0) error_ = errno;
  }

  void set_permissions(std::filesystem::perm_options option) const {
    namespace fs = std::filesystem;
    fs::permissions(directory_, fs::perms::owner_write, option);
    for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
      if (entry.is_directory()) fs::permissions(entry.path(), fs::perms::owner_write, option);
    }
  }

  std::filesystem::path directory_;
  bool is_mounted_ = false;
  int error_ = 0;
};

}  // namespace glow::testing
