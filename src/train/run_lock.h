#pragma once

#include <filesystem>

namespace glow::train {

/// Keeps other processes from training in a run's directory at the same time, for as long as it lives; the system ends
/// it with the process, however that ends. File systems that cannot lock a directory, NFS for one, are trusted.
class RunLock {
 public:
  /// Holds nothing: that of the ranks other than 0.
  RunLock() = default;
  /// Throws IoError when another process holds it.
  explicit RunLock(std::filesystem::path directory);
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;
  ~RunLock();

  /// Throws IoError unless the directory's path still leads to the directory that is locked. Without this check a
  /// directory that was removed or moved would be noticed only when the next file is written, and another directory in
  /// its place would be written to.
  void require_in_place() const;

 private:
  std::filesystem::path directory_;
  int descriptor_ = -1;
};

}  // namespace glow::train
