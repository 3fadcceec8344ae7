#include <glow/train/run_directory.h>

#include <system_error>

#include <glow/io/file.h>

#include "io/errors.h"
#include "train/run_files.h"

namespace glow::train {
namespace {

namespace fs = std::filesystem;

void remove_path(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  // A folder that contains other files is kept.
  if (error && error != std::errc::directory_not_empty) throw io::cannot_write(path, error.message());
}

}  // namespace

fs::path RunDirectory::sample_grid(std::int64_t step) const { return samples() / (step_name(step) + ".png"); }

bool RunDirectory::is_unused() const {
  const auto of_a_beginning = [this](const fs::directory_entry& entry) {
    const auto& path = entry.path();
    std::error_code ignored;
    if (path == checkpoints() || path == samples()) return entry.is_directory(ignored);
    if (path == metrics() || path == timing()) return entry.file_size(ignored) == 0;
    return path == checkpoints() / (step_name(0) + ".safetensors") || io::is_temporary(path);
  };
  std::error_code error;
  for (fs::recursive_directory_iterator entry(root_, error), end; !error && entry != end; entry.increment(error)) {
    if (!of_a_beginning(*entry)) return false;
  }
  return !error || error == std::errc::no_such_file_or_directory;
}

bool RunDirectory::holds_run() const {
  std::error_code ignored;  // a directory that cannot be read cannot be written either, and writing reports it
  return (fs::exists(config(), ignored) || fs::exists(metrics(), ignored)) && !is_unused();
}

void RunDirectory::create() const {
  for (const auto& directory : {root_, checkpoints(), samples()}) {
    std::error_code error;
    fs::create_directories(directory, error);
    if (error) throw io::cannot_write(directory, error.message());
  }
}

void RunDirectory::remove_temporaries() const {
  for (const auto& directory : {root_, checkpoints(), samples()}) io::remove_temporaries(directory);
}

void RunDirectory::remove_run() const {
  for (const auto& file : step_files(checkpoints(), ".safetensors")) remove_path(file.path);
  for (const auto& file : step_files(samples(), ".png")) remove_path(file.path);
  remove_temporaries();
  for (const auto& path : {temperatures(), interpolations(), levels(), report(), model(), metrics(), timing(),
                           checkpoints(), samples(), config()}) {
    remove_path(path);
  }
}

}  // namespace glow::train
