#include "io/lmdb_check.h"

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <glow/error.h>

#include "io/array_bytes.h"
#include "io/file_kind.h"

namespace glow::io {
namespace {

constexpr std::uint64_t kPageHeader = 16;
constexpr std::uint64_t kNodeHeader = 8;

template <typename Integer>
Integer lmdb_number(std::string_view bytes, std::uint64_t offset) {
  return read_little_endian<Integer>(bytes.substr(offset));
}

/// What a meta page says about the unnamed database.
struct LmdbMeta {
  std::uint32_t page_size = 0;
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t entries = 0;
  std::uint64_t root = 0;
  std::uint64_t last_page = 0;
  std::uint64_t transaction = 0;
};

void check_magic(const RegularFile& file, std::string_view page) {
  constexpr std::uint32_t kMagic = 0xbeefc0de;
  constexpr std::uint64_t kPlaceOf32Bits = 12;
  if (lmdb_number<std::uint32_t>(page, kPageHeader) == kMagic) return;
  if (lmdb_number<std::uint32_t>(page, kPageHeader) == __builtin_bswap32(kMagic)) {
    throw FormatError(file.path(), "expected an LMDB environment of a little-endian machine, is of a big-endian one");
  }
  if (lmdb_number<std::uint32_t>(page, kPlaceOf32Bits) == kMagic) {
    throw FormatError(file.path(), "expected an LMDB environment of a 64-bit machine, is of a 32-bit one");
  }
  throw other_kind(file.path(), "an LMDB environment", file_start(file));
}

LmdbMeta read_lmdb_meta(const RegularFile& file, std::uint64_t offset) {
  constexpr std::uint64_t kMetaPage = 152;
  constexpr std::uint16_t kMetaFlag = 8;
  constexpr std::uint32_t kDataVersion = 1;
  if (file.size() < offset + kMetaPage) {
    const std::string start = file_start(file);
    if (!begins_as_lmdb(start)) throw other_kind(file.path(), "an LMDB environment", start);
    throw FormatError(file.path(), "truncated: a meta page of LMDB is missing");
  }
  const std::string page = file.read(offset, kMetaPage);
  check_magic(file, page);
  const auto version = lmdb_number<std::uint32_t>(page, 20);
  if (version != kDataVersion) {
    throw FormatError(file.path(), "expected data version 1 of LMDB, is " + std::to_string(version));
  }
  if ((lmdb_number<std::uint16_t>(page, 10) & kMetaFlag) == 0)
    throw FormatError(file.path(), "not a meta page of LMDB");
  return {.page_size = lmdb_number<std::uint32_t>(page, 40),
          .flags = lmdb_number<std::uint16_t>(page, 92),
          .depth = lmdb_number<std::uint16_t>(page, 94),
          .entries = lmdb_number<std::uint64_t>(page, 120),
          .root = lmdb_number<std::uint64_t>(page, 128),
          .last_page = lmdb_number<std::uint64_t>(page, 136),
          .transaction = lmdb_number<std::uint64_t>(page, 144)};
}

/// That of the last transaction, which liblmdb uses.
LmdbMeta last_lmdb_meta(const RegularFile& file) {
  constexpr std::uint32_t kSmallestPage = 512;
  constexpr std::uint32_t kLargestPage = 65536;
  const LmdbMeta first = read_lmdb_meta(file, 0);
  const std::uint32_t size = first.page_size;
  if (size < kSmallestPage || size > kLargestPage || !std::has_single_bit(size)) {
    throw FormatError(file.path(), "LMDB pages of " + std::to_string(size) + " bytes, expected 512 to 65536");
  }
  const LmdbMeta second = read_lmdb_meta(file, size);
  if (second.page_size != size)
    throw FormatError(file.path(), "the two meta pages of LMDB differ in the size of pages");
  return first.transaction < second.transaction ? second : first;
}

class LmdbTree {
 public:
  LmdbTree(const RegularFile& file, const LmdbMeta& meta)
      : file_(file), meta_(meta), visited_(file.size() / meta.page_size) {}

  void check() {
    constexpr std::uint16_t kMostLevels = 32;  // of liblmdb's cursors
    if (meta_.flags != 0) throw FormatError(file_.path(), "expected an LMDB database with one value per key");
    if (meta_.entries == 0) throw FormatError(file_.path(), "the LMDB environment has no entries");
    if (meta_.depth == 0 || meta_.depth > kMostLevels) {
      throw FormatError(file_.path(),
                        "a tree of LMDB with " + std::to_string(meta_.depth) + " levels, expected 1 to 32");
    }
    check_page(meta_.root, meta_.depth);
    if (entries_ != meta_.entries) {
      throw FormatError(file_.path(), "expected " + std::to_string(meta_.entries) + " entries of LMDB, found " +
                                          std::to_string(entries_));
    }
  }

 private:
  [[noreturn]] void fail(std::uint64_t number, const std::string& problem) const {
    throw FormatError(file_.path(), "LMDB page " + std::to_string(number) + ": " + problem);
  }

  /// Whether the file contains the pages from `number` to that of the last of `bytes`.
  bool contains(std::uint64_t number, std::uint64_t bytes) const {
    const std::uint64_t pages = (bytes + meta_.page_size - 1) / meta_.page_size;
    return number <= meta_.last_page && number < visited_.size() && pages <= visited_.size() - number;
  }

  /// `levels`: of the tree from this page down to its leaves.
  void check_page(std::uint64_t number, int levels) {
    if (!contains(number, 1)) fail(number, "expected at most the last page of the file: it is truncated or damaged");
    if (visited_[number]) fail(number, "is in the tree twice");
    visited_[number] = true;
    const std::string page = file_.read(number * meta_.page_size, meta_.page_size);
    const bool leaf = levels == 1;
    const std::uint16_t flags = leaf ? 2 : 1;
    const auto lower = lmdb_number<std::uint16_t>(page, 12);
    const auto upper = lmdb_number<std::uint16_t>(page, 14);
    const int nodes = (lower - static_cast<int>(kPageHeader)) / 2;
    if (lmdb_number<std::uint64_t>(page, 0) != number || lmdb_number<std::uint16_t>(page, 10) != flags) {
      fail(number, std::string("is not a ") + (leaf ? "leaf" : "branch"));
    }
    if (lower % 2 != 0 || upper < lower || upper > page.size() || nodes < (leaf ? 1 : 2)) fail(number, "is damaged");
    for (int i = 0; i < nodes; ++i) {
      const auto node = lmdb_number<std::uint16_t>(page, kPageHeader + 2 * static_cast<std::uint64_t>(i));
      if (node % 2 != 0 || node < upper || node + kNodeHeader > page.size())
        fail(number, "the place of a node is wrong");
      leaf ? check_value(number, page, node) : check_child(number, page, node, levels);
    }
    entries_ += leaf ? static_cast<std::uint64_t>(nodes) : 0;
  }

  void check_child(std::uint64_t number, const std::string& page, std::uint64_t node, int levels) {
    const std::uint64_t key = lmdb_number<std::uint16_t>(page, node + 6);
    if (node + kNodeHeader + key > page.size()) fail(number, "a key exceeds the page");
    const std::uint64_t child = lmdb_number<std::uint64_t>(page, node) & 0xffffffffffff;
    check_page(child, levels - 1);
  }

  void check_value(std::uint64_t number, const std::string& page, std::uint64_t node) {
    const std::uint64_t size = lmdb_number<std::uint32_t>(page, node);
    const auto flags = lmdb_number<std::uint16_t>(page, node + 4);
    const std::uint64_t value = node + kNodeHeader + lmdb_number<std::uint16_t>(page, node + 6);
    constexpr std::uint16_t kOnPagesOfItsOwn = 1;
    if (flags > kOnPagesOfItsOwn)
      fail(number, "expected plain values, has a named database or several values of a key");
    const std::uint64_t stored = flags == kOnPagesOfItsOwn ? sizeof(std::uint64_t) : size;
    if (value + stored > page.size()) fail(number, "a value exceeds the page");
    if (flags == kOnPagesOfItsOwn && !contains(lmdb_number<std::uint64_t>(page, value), kPageHeader + size)) {
      fail(number, "a value exceeds the file: it is truncated or damaged");
    }
  }

  const RegularFile& file_;
  const LmdbMeta& meta_;
  std::vector<bool> visited_;
  std::uint64_t entries_ = 0;
};

}  // namespace

void check_lmdb(const RegularFile& file) {
  const LmdbMeta meta = last_lmdb_meta(file);
  LmdbTree(file, meta).check();
}

}  // namespace glow::io
