#include <glow/io/file.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <limits>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "io/errors.h"
#include "io/regular_file.h"

namespace glow::io {
namespace {

/// zlib's state for reading gzip members.
class GzipStream {
 public:
  GzipStream() {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~GzipStream() { inflateEnd(&stream_); }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  /// Consumes a prefix of `input` and returns the bytes that it expands to, valid until the next call.
  std::string_view inflate_some(std::string_view& input) {
    constexpr std::size_t kMostAtOnce = std::numeric_limits<uInt>::max();
    const auto offered = static_cast<uInt>(std::min(input.size(), kMostAtOnce));
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = offered;
    stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
    stream_.avail_out = static_cast<uInt>(buffer_.size());
    status_ = inflate(&stream_, Z_NO_FLUSH);
    input.remove_prefix(offered - stream_.avail_in);
    return {buffer_.data(), buffer_.size() - stream_.avail_out};
  }

  bool at_member_end() const { return status_ == Z_STREAM_END; }
  void start_member() { inflateReset(&stream_); }

  /// The error of the last call, or null.
  const char* problem() const {
    if (status_ == Z_OK || status_ == Z_STREAM_END) {
      return nullptr;
    }
    return status_ == Z_BUF_ERROR ? "the file ends early" : (stream_.msg != nullptr ? stream_.msg : zError(status_));
  }

 private:
  z_stream stream_{};
  int status_ = Z_OK;
  std::array<char, 1 << 16> buffer_{};
};

std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// A hidden, random name in the directory of `path`: ".model.safetensors.1f00ba4d.tmp".
std::filesystem::path temporary_name(const std::filesystem::path& path) {
  constexpr std::size_t kLongest = 200;  // leaves room for the additions below NAME_MAX
  char ending[16];
  std::snprintf(ending, sizeof ending, ".%08x.tmp", std::random_device{}());
  std::string name = ".";
  name += path.filename().string().substr(0, kLongest);
  return directory_of(path) / (name + ending);
}

/// Throws when `path` is a device, a FIFO or a directory: a rename would replace it by a file.
void refuse_special_file(const std::filesystem::path& path) {
  std::error_code ignored;  // if this fails, creating the file fails too, with a reason
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw cannot_write(path, "it exists and is not a regular file");
  }
}

/// Errors are ignored: the file already has its final name, and some file systems cannot flush a directory.
void flush_directory(const std::filesystem::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    ::fsync(descriptor);
    ::close(descriptor);
  }
}

}  // namespace

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const RegularFile file(path);
  if (file.size() > max_bytes) {
    throw FormatError(path, "has " + std::to_string(file.size()) + " bytes, more than the " +
                                std::to_string(max_bytes) + " accepted here");
  }
  return file.read(0, file.size());
}

std::string read_gzip(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const MappedFile file(path);
  std::string_view input = file.bytes();
  std::string content;
  GzipStream stream;
  do {
    if (stream.at_member_end()) {
      stream.start_member();
    }
    const std::string_view piece = stream.inflate_some(input);
    if (stream.problem() != nullptr) {
      throw FormatError(path, std::string("not a whole gzip file: ") + stream.problem());
    }
    if (piece.size() > max_bytes - content.size()) {
      throw FormatError(path, "expands beyond the " + std::to_string(max_bytes) + " bytes accepted here");
    }
    content += piece;
  } while (!stream.at_member_end() || !input.empty());
  return content;
}

std::string lower_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& letter : extension) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return extension;
}

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
      throw cannot_write(path_, "the bytes that were written cannot be read back");
    } else if (errno != EINTR) {
      throw cannot_write(path_, errno);
    }
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    throw cannot_write(path_, errno);
  }
  // Some file systems report a failed write only in close, but fsync has reported it already.
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

void MappedFile::release(std::string_view part) const {
  // Pointers of different objects are compared by std::less only.
  const std::less<> before;
  if (part.empty() || before(part.data(), data_) || before(data_ + size_, part.data() + part.size())) return;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto offset = static_cast<std::size_t>(part.data() - data_);
  const auto begin = (offset + page - 1) / page * page, end = (offset + part.size()) / page * page;
  if (begin < end) ::madvise(const_cast<char*>(data_) + begin, end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<char*>(data_), size_);
  }
}

}  // namespace glow::io
