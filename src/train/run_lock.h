#pragma once

#include <filesystem>

namespace glow::train {

/// Keeps other processes from training in a run's directory at the same time, for as long as it lives; the system ends
/// it with the process, however that ends. File systems that cannot lock a directory, NFS for one, are trusted.
class RunLock {
 public:
  /// Throws IoError when another holds it.
  explicit RunLock(const std::filesystem::path& directory);
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&&) = delete;
  ~RunLock();

  /// Throws IoError unless `directory`, by whose name files are written, still is the one that is locked: one that was
  /// removed or moved away would be noticed only with the next file, and another in its place be written to.
  void require_in_place(const std::filesystem::path& directory) const;

 private:
  int descriptor_;
};

}  // namespace glow::train
