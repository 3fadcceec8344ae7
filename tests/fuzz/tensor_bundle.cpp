#include "io/tensor_bundle.h"

#include <optional>
#include <set>

#include <glow/io/safetensors.h>

#include "fuzz/support.h"
#include "support/tfrecord.h"

// The input is the index. Its data files are zeros, as many as the tensors of the seed that TensorFlow has written
// need.

namespace glow::fuzzing {
namespace {

const std::string& shard() {
  static const std::string zeros(std::size_t{1} << 20, '\0');
  return zeros;
}

void check(const io::TensorBundle& bundle) noexcept {
  std::set<std::string_view> names;
  std::uint64_t total = 0;
  for (const io::StoredTensor& tensor : bundle.tensors()) {
    require(names.insert(tensor.name).second, "names differ");
    require(tensor.data.empty() || (tensor.data.data() >= shard().data() &&
                                    tensor.data.data() + tensor.data.size() <= shard().data() + shard().size()),
            "data are a part of the shard");
    if (tensor.dtype.empty()) continue;
    require(tensor.data.size() == element_count(tensor.shape) * io::dtype_size(tensor.dtype),
            "data have the size of the shape");
    total += tensor.data.size();
  }
  require(bundle.tensors().empty() || total <= 1024 * shard().size(), "data do not overlap");
}

void read(std::string_view index) {
  const std::size_t shards = io::count_bundle_shards(index, "input");
  const io::TensorBundle bundle(index, std::vector<std::string_view>(shards, shard()), "input");
  check(bundle);
  constexpr std::size_t kMostVerified = 4096;  // bytes, for the speed
  for (const io::StoredTensor& tensor : bundle.tensors()) {
    if (tensor.data.size() <= kMostVerified) read_or_refuse([&] { io::verify(tensor, "input"); });
  }
}

/// Renews the checksums of the blocks of a table.
class TableRepair {
 public:
  explicit TableRepair(std::string& table) : table_(table) {}

  void repair() {
    constexpr std::size_t kFooter = 48;
    if (table_.size() < kFooter) return;
    position_ = table_.size() - kFooter;
    renew();
    const auto blocks = renew();
    if (!blocks) return;
    // Entries of the index without shared bytes: 0, bytes of the key, bytes of the value, the key, the value.
    for (position_ = blocks->first; position_ < blocks->second;) {
      varint();
      const std::uint64_t key = varint();
      varint();
      if (key > blocks->second - std::min<std::uint64_t>(position_, blocks->second)) return;
      position_ += key;
      renew();
    }
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && position_ < table_.size(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(table_[position_++]);
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    return value;
  }

  /// Of the block whose place is at `position_`; returns its begin and end.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> renew() {
    const std::uint64_t offset = varint();
    const std::uint64_t size = varint();
    constexpr std::uint64_t kTrailer = 5;
    if (offset > table_.size() || size > table_.size() - offset || kTrailer > table_.size() - offset - size) {
      return std::nullopt;
    }
    const auto block = std::string_view(table_).substr(offset, size + 1);
    table_.replace(offset + size + 1, 4, testing::masked_checksum(block));
    return std::pair(offset, offset + size);
  }

  std::string& table_;
  std::size_t position_ = 0;
};

}  // namespace
}  // namespace glow::fuzzing

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return glow::fuzzing::mutate(data, size, max_size, seed,
                               [](std::string& table) { glow::fuzzing::TableRepair(table).repair(); });
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of the exact size, so that the sanitizer sees reads beyond its end.
  const std::string input(reinterpret_cast<const char*>(data), size);
  glow::fuzzing::read_or_refuse([&] { glow::fuzzing::read(input); });
  return 0;
}
