#include <cerrno>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <glow/io/file.h>

#include "io/errors.h"

namespace glow::io {
namespace {

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// A hidden name beside `path` that nobody else is likely to use: ".model.safetensors.1f00ba4d.tmp".
std::filesystem::path temporary_name(const std::filesystem::path& path) {
  constexpr std::size_t kLongest = 200;  // leaves room for the additions below NAME_MAX
  char ending[16];
  std::snprintf(ending, sizeof ending, ".%08x.tmp", std::random_device{}());
  std::string name = ".";
  name += path.filename().string().substr(0, kLongest);
  return directory_of(path) / (name + ending);
}

/// Renaming over it would replace a device by a file.
void refuse_special_file(const std::filesystem::path& path) {
  std::error_code ignored;  // what cannot be looked at cannot be created either, and that says why
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw cannot_write(path, "it exists and is not a regular file");
  }
}

/// Best effort: the file is whole under its name by now, and some file systems cannot flush a directory.
void flush_directory(const std::filesystem::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    ::fsync(descriptor);
    ::close(descriptor);
  }
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  refuse_special_file(path_);
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts && descriptor_ < 0; ++attempt) {
    temporary_ = temporary_name(path_);
    descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno != EEXIST) {
      break;
    }
  }
  if (descriptor_ < 0) {
    throw cannot_write(path_, errno);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      throw cannot_write(path_, errno);
    }
  }
}

void AtomicFile::write_at(std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      offset += static_cast<std::uint64_t>(written);
    } else if (errno != EINTR) {
      throw cannot_write(path_, errno);
    }
  }
}

void AtomicFile::read_at(std::uint64_t offset, std::span<char> bytes) const {
  while (!bytes.empty()) {
    const ssize_t read = ::pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (read > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(read));
      offset += static_cast<std::uint64_t>(read);
    } else if (read == 0) {
      throw cannot_write(path_, "what was written cannot be read back");
    } else if (errno != EINTR) {
      throw cannot_write(path_, errno);
    }
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    throw cannot_write(path_, errno);
  }
  // Some file systems report a failed write only here, but fsync has asked already.
  ::close(std::exchange(descriptor_, -1));
  flush_directory(directory_of(path_));
}

bool is_temporary(const std::filesystem::path& path) {
  constexpr std::string_view kEnding = ".tmp", kDigits = "0123456789abcdef";
  constexpr std::size_t kDigitCount = 8, kAdded = 1 + kDigitCount + kEnding.size();
  const auto name = path.filename().string();
  if (name.size() < 1 + kAdded || name.front() != '.' || !name.ends_with(kEnding)) return false;
  const auto added = std::string_view(name).substr(name.size() - kAdded);
  return added.front() == '.' && added.substr(1, kDigitCount).find_first_not_of(kDigits) == std::string_view::npos;
}

void remove_temporaries(const std::filesystem::path& directory) {
  std::error_code error;
  std::vector<std::filesystem::path> temporaries;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_temporary(entry->path())) temporaries.push_back(entry->path());
  }
  for (const auto& path : temporaries) {
    std::filesystem::remove(path, error);
    if (error) throw cannot_write(path, error.message());
  }
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

}  // namespace glow::io
