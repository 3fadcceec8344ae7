#include <algorithm>
#include <cerrno>
#include <exception>
#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <unistd.h>
#include <zlib.h>

#include <glow/error.h>

#include "io/archive_formats.h"
#include "io/errors.h"
#include "io/file_kind.h"

namespace glow::io {
namespace {

constexpr std::uint64_t kTarBlock = 512;

/// The bytes of a tar, in order.
class TarInput {
 public:
  TarInput() = default;
  TarInput(const TarInput&) = delete;
  TarInput& operator=(const TarInput&) = delete;
  virtual ~TarInput() = default;

  /// The next bytes, valid until the next call; none at the end.
  virtual std::string_view next() = 0;
  /// Skips some of the next `count` bytes; returns how many.
  virtual std::uint64_t skip(std::uint64_t count) = 0;
};

/// An uncompressed file, read at offsets. Blocks are small because a large member is skipped after its header.
class TarFile final : public TarInput {
 public:
  explicit TarFile(const RegularFile& file) : file_(file) {}

  std::string_view next() override {
    block_.resize(std::min(kBlock, file_.size() - offset_));
    file_.read_at(offset_, block_);
    offset_ += block_.size();
    return block_;
  }

  std::uint64_t skip(std::uint64_t count) override {
    count = std::min(count, file_.size() - offset_);
    offset_ += count;
    return count;
  }

 private:
  static constexpr std::uint64_t kBlock = 16 * 1024;
  const RegularFile& file_;
  std::uint64_t offset_ = 0;
  std::string block_;
};

/// A file that may be compressed by gzip. Not libarchive's filter, which does not check the CRC-32.
class GzipTarFile final : public TarInput {
 public:
  explicit GzipTarFile(const RegularFile& file) : path_(file.path()), block_(kBlock, '\0') {
    const int descriptor = ::dup(file.descriptor());
    if (descriptor < 0) throw cannot_read(path_, errno);
    file_ = ::gzdopen(descriptor, "rb");
    if (file_ == nullptr) {
      ::close(descriptor);
      throw std::bad_alloc();
    }
  }
  ~GzipTarFile() override { ::gzclose_r(file_); }

  std::string_view next() override {
    const int count = ::gzread(file_, block_.data(), static_cast<unsigned>(block_.size()));
    if (count > 0) return std::string_view(block_).substr(0, static_cast<std::size_t>(count));
    int error = Z_OK;
    const std::string reason = ::gzerror(file_, &error);
    if (error == Z_ERRNO) throw cannot_read(path_, errno);
    if (error != Z_OK && error != Z_STREAM_END)
      throw FormatError(path_, "not a whole gzip file: " +
                                   reason.substr(reason.rfind(": ") == std::string::npos ? 0 : reason.rfind(": ") + 2));
    return {};
  }

  std::uint64_t skip(std::uint64_t) override { return 0; }

 private:
  static constexpr std::size_t kBlock = 64 * 1024;
  std::filesystem::path path_;
  std::string block_;
  gzFile file_ = nullptr;
};

/// The C locale for this thread. In it libarchive leaves the names of pax headers as they are; in others it may compose
/// their characters anew, or lose them.
class PlainLocale {
 public:
  PlainLocale() : plain_(::newlocale(LC_ALL_MASK, "C", nullptr)), before_(::uselocale(plain_)) {}
  ~PlainLocale() {
    ::uselocale(before_);
    if (plain_ != nullptr) ::freelocale(plain_);
  }
  PlainLocale(const PlainLocale&) = delete;
  PlainLocale& operator=(const PlainLocale&) = delete;

 private:
  locale_t plain_;
  locale_t before_;
};

/// The headers and contents of a tar, by libarchive.
class TarReader {
 public:
  /// `expected`: a description of the files that are expected here, with its article.
  TarReader(std::filesystem::path path, TarInput& input, const char* expected)
      : path_(std::move(path)), input_(input), expected_(expected) {
    if (!archive_) throw std::bad_alloc();
    archive_read_support_format_tar(archive_.get());
    archive_read_set_options(archive_.get(), "read_concatenated_archives");
    check(archive_read_open2(archive_.get(), this, nullptr, read, skip, nullptr), path_);
  }

  /// Goes to the next member; false at the end.
  bool next() {
    const PlainLocale locale;
    const int status = archive_read_next_header(archive_.get(), &entry_);
    // In the C locale names that are not ASCII are a warning with this number.
    const bool plain_name = status == ARCHIVE_WARN && archive_errno(archive_.get()) == EILSEQ;
    if (status != ARCHIVE_EOF && !plain_name) check(status, path_);
    rethrow();
    return status != ARCHIVE_EOF;
  }

  /// Where the header of this member starts, or where the last member ended.
  std::uint64_t header_offset() const {
    return static_cast<std::uint64_t>(archive_read_header_position(archive_.get()));
  }
  /// After `next`, where the content starts.
  std::uint64_t offset() const { return static_cast<std::uint64_t>(archive_filter_bytes(archive_.get(), 0)); }
  std::uint64_t size() const { return static_cast<std::uint64_t>(archive_entry_size(entry_)); }

  bool is_directory() const { return archive_entry_filetype(entry_) == AE_IFDIR; }
  bool is_sparse() const { return archive_entry_sparse_count(entry_) > 0; }

  std::string name() const {
    const char* name = archive_entry_pathname(entry_);
    return clean_member_name(name == nullptr ? "" : name);
  }

  /// Throws FormatError unless the member, which has this name, is a regular one with bytes of its own.
  void refuse_special(const std::string& name) const {
    refuse_unsafe_name(path_, name);
    if (archive_entry_filetype(entry_) == AE_IFLNK) {
      refuse(name, "is a symbolic link: archive the file itself (tar --dereference)");
    }
    if (archive_entry_hardlink(entry_) != nullptr) {
      refuse(name, "is a hard link to another member: archive the file itself (tar --hard-dereference)");
    }
    if (archive_entry_filetype(entry_) != AE_IFREG) refuse(name, "is a special file, expected a regular one");
    if (is_sparse()) refuse(name, "is a sparse member: archive it without --sparse");
  }

  [[noreturn]] void refuse(const std::string& name, const std::string& problem) const {
    throw FormatError(member_path(path_, name), problem);
  }

  /// Appends a piece of the content of the member, which has this name; false at its end.
  bool read_content(const std::string& name, std::string& content) {
    const void* bytes = nullptr;
    std::size_t count = 0;
    la_int64_t offset = 0;
    const int status = archive_read_data_block(archive_.get(), &bytes, &count, &offset);
    if (status == ARCHIVE_EOF) return false;
    check(status, member_path(path_, name));
    content.append(static_cast<const char*>(bytes), count);
    return true;
  }

 private:
  struct Free {
    void operator()(archive* handle) const { archive_read_free(handle); }
  };

  /// Calls `use` for libarchive, whose C code exceptions must not pass; `rethrow` throws them later.
  template <typename Use>
  la_int64_t guarded(Use use) noexcept {
    try {
      return static_cast<la_int64_t>(use());
    } catch (...) {
      exception_ = std::current_exception();
      return ARCHIVE_FATAL;
    }
  }

  static la_ssize_t read(archive*, void* self, const void** bytes) {
    auto& reader = *static_cast<TarReader*>(self);
    return reader.guarded([&] {
      const std::string_view block = reader.input_.next();
      if (reader.start_.empty()) reader.start_ = block;
      *bytes = block.data();
      return block.size();
    });
  }

  static la_int64_t skip(archive*, void* self, la_int64_t count) {
    auto& reader = *static_cast<TarReader*>(self);
    return reader.guarded([&] { return reader.input_.skip(static_cast<std::uint64_t>(count)); });
  }

  void rethrow() {
    if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
  }

  /// Throws the input's exception, or FormatError unless the status is ARCHIVE_OK.
  void check(int status, const std::filesystem::path& path) {
    rethrow();
    if (status == ARCHIVE_OK) return;
    const char* reason = archive_error_string(archive_.get());
    const la_int64_t header = archive_read_header_position(archive_.get());  // negative before the first
    if (header < 0 && !begins_as_tar(start_)) throw other_kind(path, expected_, start_);
    throw FormatError(
        path, "not a whole tar: " + (header < 0 ? "" : "at the header at byte " + std::to_string(header) + ": ") +
                  (reason == nullptr ? "damaged" : reason));
  }

  std::filesystem::path path_;
  TarInput& input_;
  const char* expected_;
  /// The first bytes of the input.
  std::string start_;
  std::unique_ptr<archive, Free> archive_{archive_read_new()};
  archive_entry* entry_ = nullptr;
  std::exception_ptr exception_;
};

/// Throws FormatError unless the member's blocks are followed by the next header. libarchive's size is another number
/// where a header has the field for the whole size of a sparse member, but no map of its pieces.
void check_next_header(const TarReader& reader, const Member& member) {
  const std::uint64_t padding = (kTarBlock - member.place.size % kTarBlock) % kTarBlock;
  if (member.place.offset + member.place.size + padding != reader.header_offset()) {
    reader.refuse(member.name, "has " + std::to_string(reader.header_offset() - member.place.offset) +
                                   " bytes in the archive, its header claims " + std::to_string(member.place.size));
  }
}

/// Throws FormatError unless the file ends with a block of zeros, as every tar does: without it a tar that was cut
/// between two members would be one with fewer members.
void check_end(const RegularFile& file) {
  const std::string end = file.size() < kTarBlock ? "" : file.read(file.size() - kTarBlock, kTarBlock);
  if (end.empty() || end.find_first_not_of('\0') != std::string::npos)
    throw FormatError(file.path(), "expected a block of zeros at the end of a tar, has none: the archive is truncated");
}

}  // namespace

std::vector<Member> index_tar(const RegularFile& file, const WantedMember& wanted) {
  TarFile input(file);
  TarReader reader(file.path(), input, "a tar or a zip");
  std::vector<Member> members;
  bool unchecked = false;
  while (true) {
    const bool more = reader.next();
    if (unchecked) check_next_header(reader, members.back());
    unchecked = false;
    if (!more) {
      check_end(file);
      return members;
    }
    if (reader.is_directory()) continue;
    std::string name = reader.name();
    const std::uint64_t offset = reader.offset();
    if (!reader.is_sparse() && reader.size() > file.size() - offset) {
      reader.refuse(name, "has " + std::to_string(file.size() - offset) + " bytes, expected " +
                              std::to_string(reader.size()) + ": the archive is truncated");
    }
    if (!wanted(name)) continue;
    reader.refuse_special(name);
    members.push_back(
        {.name = std::move(name), .place = {.offset = offset, .stored = reader.size(), .size = reader.size()}});
    unchecked = true;
  }
}

void read_tar(const std::filesystem::path& path, const WantedMember& wanted, std::uint64_t max_bytes,
              const std::function<void(std::string&& name, std::string&& content)>& visit) {
  const RegularFile file(path);
  GzipTarFile input(file);
  TarReader reader(path, input, "a tar, which may be compressed by gzip");
  std::unordered_set<std::string> names;
  while (reader.next()) {
    if (reader.is_directory()) continue;
    std::string name = reader.name();
    if (!wanted(name)) continue;
    reader.refuse_special(name);
    if (!names.insert(name).second) throw second_member(path, name);
    if (reader.size() > max_bytes) {
      reader.refuse(name,
                    "has " + std::to_string(reader.size()) + " bytes, expected at most " + std::to_string(max_bytes));
    }
    std::string content;
    // The size of the header is not to be trusted, so memory grows with the bytes.
    while (reader.read_content(name, content)) {
    }
    visit(std::move(name), std::move(content));
  }
}

}  // namespace glow::io
