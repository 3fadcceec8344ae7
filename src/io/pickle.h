#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace glow::io {

/// A numpy array of bytes in a pickle.
struct PickleArray {
  std::vector<std::int64_t> shape;
  /// Whether the first index, instead of the last, changes fastest.
  bool is_fortran_order = false;
  /// As many as the shape has elements; a view into the pickle.
  std::string_view bytes;
};

/// An object of a pickle. Objects are elements of one array and refer to each other by index, so that a cycle of them
/// is released, and deep nesting needs no recursion.
struct PickleValue {
  enum class Kind { kNone, kBool, kInteger, kBytes, kText, kTuple, kList, kDict, kGlobal, kDtype, kNewArray, kArray };
  Kind kind = Kind::kNone;
  /// The value of a bool or an integer, the index of a global, 1 for an array in Fortran order.
  std::int64_t integer = 0;
  /// The bytes of a string or an array; text is UTF-8. A view into the pickle.
  std::string_view bytes = {};
  /// The objects in a tuple or a list, the keys and values of a dictionary in turn, the sizes of an array.
  std::vector<std::uint32_t> items = {};
};

/// A dictionary with strings as keys. Several threads may read at once. The getters throw FormatError, naming the file,
/// the key and the type, when the key is missing or its value has another type.
class PickleDict {
 public:
  PickleDict(std::filesystem::path path, std::vector<PickleValue> values, std::vector<std::uint32_t> items);

  /// A list of integers.
  std::vector<std::int64_t> integers(std::string_view key) const;
  /// A list of strings: bytes, or text as UTF-8. Views into the pickle.
  std::vector<std::string_view> strings(std::string_view key) const;
  /// An array of bytes.
  PickleArray array(std::string_view key) const;

 private:
  /// The value of a key, the last one if it has several.
  const PickleValue& find(std::string_view key, PickleValue::Kind kind, const char* type) const;
  [[noreturn]] void fail(std::string_view key, const char* type) const;

  std::filesystem::path path_;
  std::vector<PickleValue> values_;
  /// Keys and values in turn: indices into `values_`.
  std::vector<std::uint32_t> items_;
};

/// Reads a pickle of a dictionary, as Python 2's cPickle with protocol 2 writes it (CIFAR-10, CIFAR-100), or Python 3's
/// pickle with protocols 3 to 5, of strings, integers, booleans, None, lists, tuples, dictionaries and numpy arrays of
/// dtype uint8. Calls nothing: of all globals it knows only the four of such arrays, and builds the arrays itself. The
/// format is described in Python's Lib/pickletools.py.
///
/// `bytes` must outlive the result, `path` names them in messages. Throws FormatError for other opcodes, globals and
/// dtypes (naming them, and the byte of the opcode), for a pickle that is damaged or ends early, and for one of more
/// than 2^20 objects.
PickleDict read_pickle_dict(std::string_view bytes, const std::filesystem::path& path);

}  // namespace glow::io
