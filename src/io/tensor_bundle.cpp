#include "io/tensor_bundle.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include <glow/error.h>
#include <glow/io/safetensors.h>

#include "io/array_bytes.h"
#include "io/crc32c.h"
#include "io/errors.h"
#include "io/file_kind.h"
#include "io/protobuf.h"

namespace glow::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndexEnd = ".index";

/// The bytes of an index, as a source for WireReader.
class IndexBytes {
 public:
  IndexBytes(std::string_view bytes, const fs::path& path) : bytes_(bytes), path_(path) {}

  std::string_view bytes(std::uint64_t offset, std::uint64_t count) const { return bytes_.substr(offset, count); }
  std::string_view bytes(ByteRange range) const { return bytes(range.begin, range.size()); }
  std::uint64_t size() const { return bytes_.size(); }
  const fs::path& path() const { return path_; }
  [[noreturn]] void fail(const std::string& problem) const { throw FormatError(path_, context_ + problem); }

  /// The tensor whose entry is read, for messages; empty if it is none.
  void set_tensor(std::string_view name) { context_ = name.empty() ? "" : "tensor " + in_quotes(name) + ": "; }

 private:
  std::string_view bytes_;
  const fs::path& path_;
  std::string context_;
};

using IndexReader = WireReader<IndexBytes>;

/// Calls `use(key, value)` for each entry of a table in the order of the keys, which must increase. `value` is a range
/// of the index.
///
/// A table is data blocks, a block that describes filters, a block with the key and place of each data block, and a
/// footer: the places of the two last blocks, padding, and a magic number. After each block follow a byte for its
/// compression and its checksum. A block is entries (bytes shared with the key before, bytes of the rest of the key,
/// bytes of the value, the rest of the key, the value), offsets of entries that share nothing, and their number.
class TableReader {
 public:
  explicit TableReader(IndexBytes& index) : index_(index) {}

  template <typename Use>
  void for_each(Use use) {
    const auto footer_start = index_.size() - kTableFooter;
    IndexReader footer(index_, {footer_start, index_.size() - sizeof kTableMagic});
    read_block(take_place(footer), [](std::string_view, ByteRange) {});
    const ByteRange blocks = take_place(footer);
    std::optional<std::string> previous;
    read_block(blocks, [&](std::string_view, ByteRange place) {
      IndexReader reader(index_, place);
      read_block(take_place(reader), [&](std::string_view key, ByteRange value) {
        if (previous && previous->compare(key) >= 0) {
          index_.fail("expected names in increasing order, has " + in_quotes(key) + " after " + in_quotes(*previous));
        }
        previous = std::string(key);
        use(key, value);
      });
    });
  }

  static bool is_table(std::string_view bytes) {
    return bytes.size() >= kTableFooter &&
           read_little_endian<std::uint64_t>(bytes.substr(bytes.size() - sizeof kTableMagic)) == kTableMagic;
  }

 private:
  static constexpr std::uint64_t kTableMagic = 0xdb4775248b80fb57;
  static constexpr std::size_t kTableFooter = 48;
  static constexpr std::size_t kLongestKey = 1024;

  /// Offset and size of a block, without compression and checksum.
  ByteRange take_place(IndexReader& reader) {
    constexpr std::uint64_t kTrailer = 5;
    const std::uint64_t offset = reader.varint();
    const std::uint64_t size = reader.varint();
    const std::uint64_t end = index_.size() - kTableFooter;
    if (offset > end || size > end - offset || kTrailer > end - offset - size) {
      index_.fail("a block of " + std::to_string(size) + " bytes at byte " + std::to_string(offset) +
                  " is not inside the file");
    }
    const std::string_view block = index_.bytes(offset, size + 1);
    if (masked_crc32c(block) != read_little_endian<std::uint32_t>(index_.bytes(offset + size + 1, 4))) {
      index_.fail("is damaged: the block at byte " + std::to_string(offset) + " has another CRC-32C");
    }
    if (block.back() != 0) {
      index_.fail("a block is compressed" + std::string(block.back() == 1 ? " with snappy" : "") +
                  ", expected one without compression, as TensorFlow writes checkpoints");
    }
    return {offset, offset + size};
  }

  template <typename Use>
  void read_block(ByteRange block, Use use) {
    IndexReader reader(index_, entries_of(block));
    std::string key;
    while (!reader.at_end()) {
      const std::uint64_t shared = reader.varint();
      const std::uint64_t rest = reader.varint();
      const std::uint64_t value = reader.varint();
      if (shared > key.size()) index_.fail("a key shares more bytes than the key before has");
      if (rest > kLongestKey - shared) {
        index_.fail("expected names of at most " + std::to_string(kLongestKey) + " bytes");
      }
      key.resize(shared);
      key += index_.bytes(reader.take(rest));
      use(key, reader.take(value));
    }
  }

  /// A block without the offsets at its end, which serve a search.
  ByteRange entries_of(ByteRange block) const {
    constexpr std::uint64_t kNumber = sizeof(std::uint32_t);
    const bool has_number = block.size() >= kNumber;
    const std::uint64_t restarts =
        has_number ? read_little_endian<std::uint32_t>(index_.bytes(block.end - kNumber, kNumber)) : 0;
    if (!has_number || restarts > block.size() / kNumber - 1)
      index_.fail("a block is shorter than its list of offsets");
    return {block.begin, block.end - (restarts + 1) * kNumber};
  }

  IndexBytes& index_;
};

/// BundleHeaderProto.
struct BundleHeader {
  std::uint64_t shards = 0;
  std::uint64_t endianness = 0;
  /// Of the oldest reader that understands the file.
  std::uint64_t min_consumer = 0;
};

/// BundleEntryProto.
struct BundleEntry {
  std::string name;
  std::uint64_t type = 0;
  std::vector<std::int64_t> shape;
  std::uint64_t shard = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
};

/// tensorflow/core/framework/types.proto.
struct BundleType {
  std::uint64_t number;
  /// As in safetensors.
  const char* dtype;
};

constexpr std::array<BundleType, 13> kBundleTypes = {{{1, "F32"},
                                                      {2, "F64"},
                                                      {3, "I32"},
                                                      {4, "U8"},
                                                      {5, "I16"},
                                                      {6, "I8"},
                                                      {9, "I64"},
                                                      {10, "BOOL"},
                                                      {14, "BF16"},
                                                      {17, "U16"},
                                                      {19, "F16"},
                                                      {22, "U32"},
                                                      {23, "U64"}}};

std::string bundle_dtype(std::uint64_t number) {
  const auto* found = std::ranges::find(kBundleTypes, number, &BundleType::number);
  return found == kBundleTypes.end() ? "" : found->dtype;
}

/// The header and the entries of an index.
struct BundleIndex {
  BundleHeader header;
  std::vector<BundleEntry> entries;
};

class BundleIndexReader {
 public:
  BundleIndexReader(std::string_view bytes, const fs::path& path) : index_(bytes, path) {
    if (!TableReader::is_table(bytes)) {
      constexpr std::size_t kStart = 4096;
      throw other_kind(path, "the index of a TensorFlow checkpoint (.index)", bytes.substr(0, kStart));
    }
  }

  BundleIndex read() {
    bool is_first = true;
    TableReader(index_).for_each([&](std::string_view key, ByteRange value) {
      if (std::exchange(is_first, false)) {
        if (!key.empty()) index_.fail("expected a header, has the tensor " + in_quotes(key));
        read_header(value);
        return;
      }
      if (bundle_.entries.size() == kMostEntries) {
        index_.fail("expected at most " + std::to_string(kMostEntries) + " tensors");
      }
      index_.set_tensor(key);
      bundle_.entries.push_back(read_entry(key, value));
      index_.set_tensor("");
    });
    if (is_first) index_.fail("expected a header, is an empty table");
    return std::move(bundle_);
  }

 private:
  void read_header(ByteRange message) {
    BundleHeader& header = bundle_.header;
    for (IndexReader reader(index_, message); !reader.at_end();) {
      const WireField field = reader.field();
      if (field.number == 1) header.shards = integer(field);
      if (field.number == 2) header.endianness = integer(field);
      if (field.number != 3) continue;
      for (IndexReader version(index_, bytes(field)); !version.at_end();) {
        const WireField part = version.field();
        if (part.number == 2) header.min_consumer = integer(part);
      }
    }
    constexpr std::uint64_t kMostShards = 1024;
    constexpr std::uint64_t kVersion = 1;
    if (header.shards < 1 || header.shards > kMostShards) {
      index_.fail("expected 1 to " + std::to_string(kMostShards) + " shards, has " + std::to_string(header.shards));
    }
    if (header.endianness != 0) {
      index_.fail("expected little-endian numbers, has big-endian ones: save it on a little-endian machine");
    }
    if (header.min_consumer > kVersion) {
      index_.fail("expected a checkpoint for readers of version 1, needs version " +
                  std::to_string(header.min_consumer));
    }
  }

  BundleEntry read_entry(std::string_view name, ByteRange message) {
    BundleEntry entry;
    entry.name = name;
    for (IndexReader reader(index_, message); !reader.at_end();) {
      const WireField field = reader.field();
      if (field.number == 1) entry.type = integer(field);
      if (field.number == 2) read_shape(entry.shape, bytes(field));
      if (field.number == 3) entry.shard = integer(field);
      if (field.number == 4) entry.offset = integer(field);
      if (field.number == 5) entry.size = integer(field);
      if (field.number == 6) entry.crc = fixed32(field);
      if (field.number == 7) {
        index_.fail("is saved in slices: expected whole variables, save the model without partitioned variables");
      }
    }
    return entry;
  }

  /// TensorShapeProto.
  void read_shape(std::vector<std::int64_t>& shape, ByteRange message) {
    constexpr std::size_t kMostDimensions = 64;
    for (IndexReader reader(index_, message); !reader.at_end();) {
      const WireField field = reader.field();
      if (field.number == 3 && integer(field) != 0) index_.fail("expected a shape, has an unknown rank");
      if (field.number != 2) continue;
      std::uint64_t size = 0;
      for (IndexReader dimension(index_, bytes(field)); !dimension.at_end();) {
        const WireField part = dimension.field();
        if (part.number == 1) size = integer(part);
      }
      if (shape.size() == kMostDimensions) index_.fail("expected at most 64 dimensions");
      shape.push_back(static_cast<std::int64_t>(size));
    }
  }

  std::uint64_t integer(const WireField& field) {
    require(field, WireType::varint);
    return field.value;
  }

  ByteRange bytes(const WireField& field) {
    require(field, WireType::bytes);
    return field.range;
  }

  std::uint32_t fixed32(const WireField& field) {
    require(field, WireType::fixed32);
    return read_little_endian<std::uint32_t>(index_.bytes(field.range));
  }

  void require(const WireField& field, WireType type) const {
    if (field.type == type) return;
    index_.fail("the field " + std::to_string(field.number) + " has protobuf type " +
                std::to_string(static_cast<int>(field.type)) + ", expected " + std::to_string(static_cast<int>(type)));
  }

  static constexpr std::size_t kMostEntries = std::size_t{1} << 16;

  IndexBytes index_;
  BundleIndex bundle_;
};

/// Of a shape whose array_bytes do not overflow.
std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

/// Gives the entries their data.
class BundleData {
 public:
  BundleData(const std::vector<std::string_view>& shards, const fs::path& path) : shards_(shards), path_(path) {}

  std::vector<StoredTensor> attach(std::vector<BundleEntry> entries) const {
    for (const BundleEntry& entry : entries) check_place(entry);
    refuse_overlap(entries);
    std::vector<StoredTensor> tensors;
    for (BundleEntry& entry : entries) {
      tensors.push_back({.name = std::move(entry.name), .dtype = bundle_dtype(entry.type), .shape = {}, .strides = {}});
      auto& tensor = tensors.back();
      if (!tensor.dtype.empty()) {
        tensor.strides = contiguous_strides(entry.shape);
        tensor.data = shards_[entry.shard].substr(entry.offset, entry.size);
        tensor.checksum = {Checksum::Kind::kMaskedCrc32c, tensor.data, entry.crc};
      }
      tensor.shape = std::move(entry.shape);
    }
    return tensors;
  }

 private:
  [[noreturn]] void fail(const BundleEntry& entry, const std::string& problem) const {
    throw FormatError(path_, "tensor " + in_quotes(entry.name) + ": " + problem);
  }

  void check_place(const BundleEntry& entry) const {
    if (entry.shard >= shards_.size()) {
      fail(entry, "is in shard " + std::to_string(entry.shard) + " of " + std::to_string(shards_.size()));
    }
    const std::uint64_t shard = shards_[entry.shard].size();
    if (entry.offset > shard || entry.size > shard - entry.offset) {
      fail(entry, "expected " + std::to_string(entry.size) + " bytes at byte " + std::to_string(entry.offset) +
                      " of the data file, which has " + std::to_string(shard) + " bytes");
    }
    const std::string dtype = bundle_dtype(entry.type);
    if (!dtype.empty() && array_bytes(entry.shape, dtype_size(dtype)) != entry.size) {
      fail(entry, dtype + " " + to_text(entry.shape) + " has another size than its " + std::to_string(entry.size) +
                      " bytes of data");
    }
  }

  void refuse_overlap(const std::vector<BundleEntry>& entries) const {
    std::vector<const BundleEntry*> places;
    for (const BundleEntry& entry : entries) {
      if (entry.size > 0) places.push_back(&entry);
    }
    std::ranges::sort(places, {}, [](const BundleEntry* entry) { return std::pair(entry->shard, entry->offset); });
    for (std::size_t i = 1; i < places.size(); ++i) {
      const BundleEntry& before = *places[i - 1];
      if (places[i]->shard == before.shard && places[i]->offset < before.offset + before.size) {
        fail(*places[i], "its data overlap those of " + in_quotes(before.name));
      }
    }
  }

  const std::vector<std::string_view>& shards_;
  const fs::path& path_;
};

BundleIndex read_bundle_index(std::string_view index, const fs::path& path) {
  return BundleIndexReader(index, path).read();
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

fs::path with_index_end(const fs::path& prefix) { return prefix.native() + std::string(kIndexEnd); }

/// The name in the first line of a file `checkpoint`: model_checkpoint_path: "model.ckpt-7". Only the last part of a
/// path, because checkpoints are moved; empty if there is no such file.
std::string named_checkpoint(const fs::path& folder) {
  const fs::path path = folder / "checkpoint";
  if (!is_file(path)) return "";
  constexpr std::uint64_t kMostCheckpointText = std::uint64_t{1} << 24;
  const std::string text = read_file(path, kMostCheckpointText);
  constexpr std::string_view kKey = "model_checkpoint_path: \"";
  if (!text.starts_with(kKey)) return "";
  const std::string name = text.substr(kKey.size(), text.find('"', kKey.size()) - kKey.size());
  return fs::path(name).filename().string();
}

/// The only index in a folder.
fs::path find_index(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(kIndexEnd)) names.push_back(name);
  }
  if (error) throw cannot_read(folder, error.message());
  std::sort(names.begin(), names.end());
  if (names.size() == 1) return folder / names[0];
  const std::string found =
      names.empty() ? "no .index file"
                    : "several, among them " + in_quotes(names[0]) + " and " + in_quotes(names[1]) + ": give its path";
  throw FormatError(folder, "expected one checkpoint of TensorFlow, has " + found);
}

/// The path of the index.
fs::path bundle_index_path(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    const std::string name = named_checkpoint(path);
    const fs::path named = with_index_end(path / name);
    return !name.empty() && is_file(named) ? named : find_index(path);
  }
  const bool is_prefix = !is_file(path) || is_file(with_index_end(path));
  return path.native().ends_with(kIndexEnd) || !is_prefix ? path : with_index_end(path);
}

void check_shards(std::size_t found, std::size_t expected, const fs::path& path) {
  if (found != expected) {
    throw FormatError(path, "expected " + std::to_string(expected) + " data files, has " + std::to_string(found));
  }
}

}  // namespace

TensorBundle::TensorBundle(const std::filesystem::path& path) : path_(bundle_index_path(path)) {
  const MappedFile index_file(path_);
  BundleIndex index = read_bundle_index(index_file.bytes(), path_);
  const std::string text = path_.string();
  const std::string prefix = text.ends_with(kIndexEnd) ? text.substr(0, text.size() - kIndexEnd.size()) : text;
  std::vector<std::string_view> shards;
  for (std::size_t shard = 0; shard < index.header.shards; ++shard) {
    files_.push_back(std::make_unique<MappedFile>(bundle_shard_name(prefix, shard, index.header.shards)));
    shards.push_back(files_.back()->bytes());
  }
  tensors_ = BundleData(shards, path_).attach(std::move(index.entries));
}

TensorBundle::TensorBundle(std::string_view index, const std::vector<std::string_view>& shards,
                           const std::filesystem::path& path)
    : path_(path) {
  BundleIndex content = read_bundle_index(index, path_);
  check_shards(shards.size(), content.header.shards, path_);
  tensors_ = BundleData(shards, path_).attach(std::move(content.entries));
}

void TensorBundle::release(std::string_view bytes) const {
  for (const auto& file : files_) file->release(bytes);
}

std::size_t count_bundle_shards(std::string_view index, const std::filesystem::path& path) {
  return read_bundle_index(index, path).header.shards;
}

std::string bundle_shard_name(const std::string& prefix, std::size_t shard, std::size_t shards) {
  std::array<char, 64> end{};
  std::snprintf(end.data(), end.size(), ".data-%05zu-of-%05zu", shard, shards);
  return prefix + end.data();
}

}  // namespace glow::io
