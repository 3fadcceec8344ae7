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

 private:
  int descriptor_;
};

}  // namespace glow::train
