#include "io/torch_file.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <glow/error.h>
#include <glow/io/safetensors.h>

#include "io/archive.h"
#include "io/array_bytes.h"
#include "io/errors.h"
#include "io/file_kind.h"
#include "io/torch_pickle.h"

namespace glow::io {
namespace {

struct StoredStorage {
  std::string_view bytes;
  Checksum checksum{};
};

/// By their keys.
using StoredStorages = std::unordered_map<std::string_view, StoredStorage>;

/// Bytes of a storage; nullopt if they overflow.
std::optional<std::uint64_t> storage_size(const PickledStorage& storage) {
  std::uint64_t size = 0;
  if (__builtin_mul_overflow(storage.elements, dtype_size(storage.dtype), &size)) return std::nullopt;
  return size;
}

/// Gives the tensors of a pickle their numbers. Throws FormatError unless every storage is there with the size that the
/// pickle has.
std::vector<StoredTensor> attach_storages(TorchPickle pickle, const StoredStorages& storages,
                                          const std::filesystem::path& path) {
  for (const auto& [key, storage] : pickle.storages) {
    const auto found = storages.find(key);
    if (found == storages.end()) throw FormatError(path, "has no numbers of the storage " + in_quotes(key));
    if (storage_size(storage) != found->second.bytes.size()) {
      throw FormatError(path, "expected " + std::to_string(storage.elements) + " elements " + storage.dtype +
                                  " in the storage " + in_quotes(key) + ", has " +
                                  std::to_string(found->second.bytes.size()) + " bytes");
    }
  }
  std::vector<StoredTensor> tensors;
  for (PickledTensor& tensor : pickle.tensors) {
    const std::string& dtype = pickle.storages.at(tensor.storage).dtype;
    const std::uint64_t size = dtype_size(dtype);
    const StoredStorage& storage = storages.at(tensor.storage);
    tensors.push_back({.name = std::move(tensor.name),
                       .dtype = dtype,
                       .shape = std::move(tensor.shape),
                       .strides = std::move(tensor.strides),
                       .data = storage.bytes.substr(tensor.offset * size, tensor.span * size),
                       .checksum = storage.checksum});
  }
  return tensors;
}

/// The members of a zip that torch.save has written.
class TorchZip {
 public:
  TorchZip(std::string_view bytes, const std::filesystem::path& path) : bytes_(bytes), path_(path) {
    members_ = index_zip(bytes, path, [](std::string_view name) {
      return name.ends_with(kPickle) || name.ends_with(kByteOrder) || name.find(kData) != std::string_view::npos;
    });
    prefix_ = find_prefix();
    refuse_overlap();
  }

  std::vector<StoredTensor> read() const {
    check_byte_order();
    const Member& pickle = *find(kPickle);
    const std::string_view content = stored(pickle);
    if (!is_intact(checksum_of(pickle))) {
      throw FormatError(path_, in_quotes(pickle.name) + " is damaged: its CRC-32 is not that of the zip's directory");
    }
    TorchPickle objects = read_torch_pickle(content, path_);
    if (objects.size != content.size()) throw FormatError(path_, "bytes follow the end of the pickle");
    return attach_storages(std::move(objects), storages(), path_);
  }

 private:
  static constexpr std::string_view kPickle = "/data.pkl";
  static constexpr std::string_view kByteOrder = "/byteorder";
  static constexpr std::string_view kData = "/data/";

  /// The folder in the zip that everything is in.
  std::string find_prefix() const {
    std::vector<std::string_view> found;
    for (const Member& member : members_) {
      const std::string_view folder = std::string_view(member.name).substr(0, member.name.find('/'));
      if (member.name.substr(folder.size()) == kPickle) found.push_back(folder);
    }
    if (found.empty()) throw other_kind(path_, "a file of torch.save", bytes_.substr(0, kStart));
    if (found.size() > 1) {
      throw FormatError(path_, "expected one data.pkl, has " + in_quotes(found[0]) + " and " + in_quotes(found[1]));
    }
    return std::string(found[0]);
  }

  const Member* find(std::string_view name) const {
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [&](const Member& member) { return member.name == prefix_ + std::string(name); });
    return found == members_.end() ? nullptr : &*found;
  }

  StoredStorages storages() const {
    StoredStorages storages;
    const std::string start = prefix_ + std::string(kData);
    for (const Member& member : members_) {
      if (!member.name.starts_with(start)) continue;
      const auto key = std::string_view(member.name).substr(start.size());
      storages.emplace(key, StoredStorage{stored(member), checksum_of(member)});
    }
    return storages;
  }

  std::string_view stored(const Member& member) const {
    if (member.place.deflated) {
      throw FormatError(path_, in_quotes(member.name) +
                                   " is compressed, which torch.save does not do: expected its file as it was, or a "
                                   "zip of the same members without compression (zip -0)");
    }
    return bytes_.substr(member.place.offset, member.place.size);
  }

  /// The writer stores a zero if it was told not to compute it.
  Checksum checksum_of(const Member& member) const {
    const auto kind = member.place.crc == 0 ? Checksum::Kind::kNone : Checksum::Kind::kCrc32;
    return {kind, stored(member), member.place.crc};
  }

  /// Versions before 2.1 do not tell; they were hardly used on big-endian machines.
  void check_byte_order() const {
    const Member* member = find(kByteOrder);
    if (member == nullptr) return;
    const std::string_view order = stored(*member);
    if (order != "little") {
      throw FormatError(path_, "expected little-endian numbers, has the byte order " + in_quotes(order) +
                                   ": save it on a little-endian machine");
    }
  }

  /// Storages that share bytes would be larger together than the file.
  void refuse_overlap() const {
    std::vector<const Member*> places;
    for (const Member& member : members_) {
      if (member.place.stored > 0) places.push_back(&member);
    }
    const auto offset = [](const Member* member) { return member->place.offset; };
    std::ranges::sort(places, {}, offset);
    for (std::size_t i = 1; i < places.size(); ++i) {
      if (places[i]->place.offset < places[i - 1]->place.offset + places[i - 1]->place.stored) {
        throw FormatError(path_, in_quotes(places[i]->name) + " overlaps " + in_quotes(places[i - 1]->name));
      }
    }
  }

  /// As many bytes as identify_file needs.
  static constexpr std::size_t kStart = 4096;

  std::string_view bytes_;
  const std::filesystem::path& path_;
  std::vector<Member> members_;
  std::string prefix_;
};

/// Reads the format of before version 1.6, from the start to the end.
class OldTorchReader {
 public:
  OldTorchReader(std::string_view bytes, const std::filesystem::path& path) : rest_(bytes), path_(path) {}

  std::vector<StoredTensor> read() {
    take(kOldTorchMagic.size(), "magic number");
    check_version();
    check_machine();
    refuse_end(kShortestPickle, "pickle");
    TorchPickle pickle = read_torch_pickle(rest_, path_);
    take(pickle.size, "pickle");
    StoredStorages storages = read_storages(pickle);
    if (!rest_.empty()) throw FormatError(path_, std::to_string(rest_.size()) + " bytes follow the last storage");
    return attach_storages(std::move(pickle), storages, path_);
  }

 private:
  void refuse_end(std::uint64_t count, const std::string& part) const {
    if (count > rest_.size()) {
      throw FormatError(path_, "is truncated: expected " + std::to_string(count) + " bytes of its " + part + ", has " +
                                   std::to_string(rest_.size()));
    }
  }

  std::string_view take(std::uint64_t count, const std::string& part) {
    refuse_end(count, part);
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  /// The objects of the next pickle and the first of them.
  std::pair<std::vector<PickleValue>, PickleValue> take_pickle(const std::string& part) {
    refuse_end(kShortestPickle, part);
    PickleMachine machine(rest_, path_, torch_dialect());
    PickleValue root = machine.value(machine.run());
    take(machine.size(), part);
    return {machine.take_values(), std::move(root)};
  }

  void check_version() {
    constexpr std::int64_t kVersion = 1001;
    const PickleValue version = take_pickle("version").second;
    if (version.kind != PickleValue::Kind::kInteger || version.integer != kVersion) {
      throw FormatError(path_, "expected version 1001 of torch.save's older format, has another");
    }
  }

  void check_machine() {
    const auto [values, facts] = take_pickle("facts about the machine");
    const PickleValue* order = nullptr;
    for (std::size_t i = 0; facts.kind == PickleValue::Kind::kDict && i < facts.items.size(); i += 2) {
      if (values[facts.items[i]].bytes == "little_endian") order = &values[facts.items[i + 1]];
    }
    if (order == nullptr || order->kind != PickleValue::Kind::kBool) {
      throw FormatError(path_, "does not say whether its numbers are little-endian");
    }
    if (order->integer == 0) {
      throw FormatError(path_,
                        "expected little-endian numbers, has big-endian ones: save it on a little-endian machine");
    }
  }

  StoredStorages read_storages(const TorchPickle& pickle) {
    const auto [values, keys] = take_pickle("list of storages");
    if (keys.kind != PickleValue::Kind::kList) throw FormatError(path_, "expected the list of its storages");
    StoredStorages storages;
    for (const PickleIndex item : keys.items) {
      const std::string_view key = values[item].bytes;
      const auto storage = values[item].is_string() ? pickle.storages.find(key) : pickle.storages.end();
      if (storage == pickle.storages.end() || !storages.emplace(key, read_storage(*storage)).second) {
        throw FormatError(path_, "expected each storage of its tensors once, has " + in_quotes(key));
      }
    }
    return storages;
  }

  StoredStorage read_storage(const std::pair<const std::string_view, PickledStorage>& storage) {
    const std::string part = "storage " + in_quotes(storage.first);
    const auto elements = read_little_endian<std::uint64_t>(take(sizeof(std::uint64_t), part));
    const auto size = storage_size(storage.second);
    if (elements != storage.second.elements || !size) {
      throw FormatError(path_, "expected " + std::to_string(storage.second.elements) + " elements in its " + part +
                                   ", has " + std::to_string(elements));
    }
    return {take(*size, part)};
  }

  /// The version of its protocol, and its end.
  static constexpr std::uint64_t kShortestPickle = 3;

  std::string_view rest_;
  const std::filesystem::path& path_;
};

}  // namespace

std::vector<StoredTensor> read_torch(std::string_view bytes, const std::filesystem::path& path) {
  if (begins_as_zip(bytes)) return TorchZip(bytes, path).read();
  if (begins_as_old_torch(bytes)) return OldTorchReader(bytes, path).read();
  constexpr std::size_t kStart = 4096;
  throw other_kind(path, "a file of torch.save", bytes.substr(0, kStart));
}

}  // namespace glow::io
