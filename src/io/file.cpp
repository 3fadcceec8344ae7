#include <glow/io/file.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <new>

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

  /// Consumes a prefix of `input` and returns the bytes it gives, valid until the next call.
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

  /// Why the last call gave nothing useful; null when it did.
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

}  // namespace

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const RegularFile file(path);
  if (file.size() > max_bytes) {
    throw FormatError(path, "has " + std::to_string(file.size()) + " bytes, more than the " +
                                std::to_string(max_bytes) + " accepted here");
  }
  std::string content(file.size(), '\0');
  std::size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t count = ::read(file.descriptor(), content.data() + filled, content.size() - filled);
    if (count == 0) {
      throw cannot_read(path, "it was shortened meanwhile");
    }
    if (count > 0) {
      filled += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      throw cannot_read(path, errno);
    }
  }
  return content;
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

}  // namespace glow::io
