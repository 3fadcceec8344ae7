#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace glow::train {

/// A file that belongs to a step of a run: "step-000012000.png".
struct StepFile {
  std::int64_t step;
  std::filesystem::path path;
};

/// "step-000012000"
std::string step_name(std::int64_t step);

/// The files in the directory whose names are step_name and `extension`, the newest step first; none when there is no
/// such directory. Throws IoError when it cannot be read.
std::vector<StepFile> step_files(const std::filesystem::path& directory, const std::string& extension);

/// Keeps other processes from training in a run's directory at the same time, for as long as it lives; the system
/// releases it when the process ends. On file systems that cannot lock a directory, for example NFS, it does nothing.
class RunLock {
 public:
  /// Holds no lock; used by the ranks other than 0.
  RunLock() = default;
  /// Throws IoError when another process holds it.
  explicit RunLock(std::filesystem::path directory);
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;
  ~RunLock();

  /// Throws IoError unless the directory's path still refers to the locked directory. Without this check the removal or
  /// move of the directory would be noticed only when the next file is written, and a new directory at its path would
  /// be written to.
  void require_in_place() const;

 private:
  std::filesystem::path directory_;
  int descriptor_ = -1;
};

}  // namespace glow::train
