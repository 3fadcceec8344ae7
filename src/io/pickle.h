#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/pickle_machine.h"

namespace glow::io {

/// A numpy array of bytes in a pickle.
struct PickleArray {
  std::vector<std::int64_t> shape;
  /// Whether the first index, instead of the last, changes fastest.
  bool is_fortran_order = false;
  /// As many as the shape has elements; a view into the pickle.
  std::string_view bytes;
};

/// A dictionary with strings as keys. Several threads may read at once. The getters throw FormatError, naming the file,
/// the key and the type, when the key is missing or its value has another type.
class PickleDict {
 public:
  PickleDict(std::filesystem::path path, std::vector<PickleValue> values, std::vector<PickleIndex> items);

  /// A list of integers.
  std::vector<std::int64_t> integers(std::string_view key) const;
  /// A list of strings: bytes, or text as UTF-8. Views into the pickle.
  std::vector<std::string_view> strings(std::string_view key) const;
  /// An array of bytes.
  PickleArray array(std::string_view key) const;

 private:
  /// The value of a key, the last one if it has several.
  const PickleValue& find(std::string_view key) const;
  const std::vector<PickleIndex>& list(std::string_view key, const char* type) const;
  [[noreturn]] void fail(std::string_view key, const char* type) const;

  std::filesystem::path path_;
  std::vector<PickleValue> values_;
  /// Keys and values in turn: indices into `values_`.
  std::vector<PickleIndex> items_;
};

/// Reads a pickle of a dictionary, as Python 2's cPickle with protocol 2 writes it (CIFAR-10, CIFAR-100), or Python 3's
/// pickle with protocols 3 to 5, of strings, numbers, None, lists, tuples, dictionaries and numpy arrays of dtype
/// uint8. Calls nothing: of all globals it knows only the four of such arrays, and builds the arrays itself.
///
/// `bytes` must outlive the result, `path` names them in messages. Throws FormatError for other opcodes, globals and
/// dtypes (naming them, and the byte of the opcode), for a pickle that is damaged or ends early, and for one of more
/// than 2^20 objects.
PickleDict read_pickle_dict(std::string_view bytes, const std::filesystem::path& path);

}  // namespace glow::io
