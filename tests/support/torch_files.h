#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/archives.h"
#include "support/files.h"
#include "support/pickles.h"

// Files of torch.save, built byte by byte. Pickles are without the entries of the memo.

namespace glow::testing::torch_files {

inline std::string tuple(const std::vector<std::string>& items) { return '(' + pickles::join(items) + 't'; }

inline std::string tuple(const std::vector<std::int64_t>& values) {
  std::vector<std::string> items;
  for (const std::int64_t value : values) items.push_back(pickles::integer(value));
  return tuple(items);
}

/// A storage, in the form of the older format if `view` (None or a tuple) is given.
inline std::string storage(const std::string& key, const std::string& elements, const std::string& view = "",
                           const std::string& type = "ctorch\nFloatStorage\n") {
  return tuple({pickles::string("storage"), type, pickles::string(key), pickles::string("cpu"), elements + view}) + 'Q';
}

inline std::string storage(const std::string& key, std::int64_t elements) {
  return storage(key, pickles::integer(elements));
}

/// The parts of a tensor's pickle that tests change.
struct Tensor {
  std::string storage{};
  std::string offset = pickles::integer(0);
  std::string shape = tuple(std::vector<std::int64_t>{2});
  std::string strides = tuple(std::vector<std::int64_t>{1});
  std::string more{};
};

inline std::string tensor(const Tensor& parts) {
  return "ctorch._utils\n_rebuild_tensor_v2\n" +
         tuple({parts.storage, parts.offset, parts.shape, parts.strides, "\x89", "ccollections\nOrderedDict\n)R",
                parts.more}) +
         'R';
}

/// A tensor of shape [2] at the beginning of a storage of two elements.
inline std::string tensor_of_two(const std::string& key) { return tensor({.storage = storage(key, 2)}); }

/// The bytes of float32 numbers 1, 2, 3, ...
inline std::string ramp(int count) {
  std::string bytes;
  for (int i = 1; i <= count; ++i) {
    const float value = static_cast<float>(i);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  return bytes;
}

using Storages = std::vector<std::pair<std::string, std::string>>;

/// A file of the zip format. `pickle`: the whole pickle. `storages`: keys and bytes.
inline std::string zip_file(const std::string& pickle, const Storages& storages,
                            std::vector<ZipMember> more = {zip_stored("name/byteorder", "little"),
                                                           zip_stored("name/version", "3\n")}) {
  std::vector<ZipMember> members = {zip_stored("name/data.pkl", pickle)};
  for (const auto& [key, bytes] : storages) members.push_back(zip_stored("name/data/" + key, bytes));
  members.insert(members.end(), more.begin(), more.end());
  return zip_archive(members);
}

/// The parts of a file of the older format.
struct OldFile {
  std::string magic = std::string("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
  std::string version = pickles::file(pickles::integer(1001));
  std::string machine =
      pickles::dict({{"protocol_version", pickles::integer(1001)}, {"little_endian", "\x88"}, {"type_sizes", "}"}});
  std::string pickle{};
  std::string keys{};
  std::string storages{};

  std::string bytes() const { return magic + version + machine + pickle + keys + storages; }
};

/// A storage's numbers, after the number of its elements.
inline std::string old_storage(std::uint64_t elements, const std::string& bytes) {
  return little_endian(elements, 8) + bytes;
}

/// A file of the older format with float32 storages.
inline OldFile old_file(const std::string& pickle, const Storages& storages) {
  OldFile file{.pickle = pickle};
  std::vector<std::string> keys;
  for (const auto& [key, bytes] : storages) {
    keys.push_back(key);
    file.storages += old_storage(bytes.size() / sizeof(float), bytes);
  }
  file.keys = pickles::file(pickles::strings(keys));
  return file;
}

}  // namespace glow::testing::torch_files
