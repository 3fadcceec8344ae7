#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace glow::io {

/// The place of an object of a pickle in PickleMachine::values.
using PickleIndex = std::uint32_t;

/// An object of a pickle. Objects are elements of one array and refer to each other by index, so that a cycle of them
/// is released, and deep nesting needs no recursion.
struct PickleValue {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,
    kInteger,
    kFloat,
    kBytes,
    kText,
    kTuple,
    kList,
    kDict,
    kGlobal,
    kObject
  };
  Kind kind = Kind::kNone;
  /// What a global or an object is: a number of the dialect. 0 for a dictionary that opcodes have made.
  std::uint8_t type = 0;
  /// The value of a bool or an integer, the bits of a float.
  std::int64_t integer = 0;
  /// The bytes of a string; text is UTF-8. A view into the pickle.
  std::string_view bytes = {};
  /// The objects in a tuple or a list, the keys and values of a dictionary in turn, the parts of an object.
  std::vector<PickleIndex> items = {};

  bool is_string() const { return kind == Kind::kBytes || kind == Kind::kText; }
};

class PickleMachine;

/// What pickles may contain beside numbers, strings, tuples, lists and dictionaries: the names that they may refer to,
/// and what calling these gives. No code is run: the functions below build PickleValues. All of them refuse what they
/// do not know by PickleMachine::fail or another FormatError.
class PickleDialect {
 public:
  virtual ~PickleDialect() = default;

  /// The global with this name.
  virtual PickleValue global(const PickleMachine& machine, std::string_view module, std::string_view name) const = 0;
  /// The result of a call; `arguments` is a tuple.
  virtual PickleValue call(PickleMachine& machine, const PickleValue& callable,
                           const std::vector<PickleIndex>& arguments) const = 0;
  /// Gives an object the state that its opcode BUILD has.
  virtual void set_state(PickleMachine& machine, PickleIndex object, PickleIndex state) const = 0;
  /// The object outside of the pickle that has this id (opcode BINPERSID). Refused unless it is overridden.
  virtual PickleValue persistent(PickleMachine& machine, PickleIndex id) const;
};

/// The machine that a pickle is a program for: a stack of objects, marks in it, and a memo of objects. The opcodes are
/// those of protocols 2 to 5 for values (Python's Lib/pickletools.py); those that name classes, instances and
/// extensions are unknown to it.
///
/// A pickle may have 2^20 objects, counted each time that one is put on the stack or copied by a dialect, so that 2^20
/// also bounds the items of all objects together.
class PickleMachine {
 public:
  /// `bytes` and `path`, which names them in messages, must outlive the machine.
  PickleMachine(std::string_view bytes, const std::filesystem::path& path, const PickleDialect& dialect)
      : bytes_(bytes), path_(path), dialect_(dialect) {}

  /// Runs the pickle that `bytes` begin with and returns its object. Call once. Throws FormatError for other opcodes
  /// (naming them), what the dialect refuses, a pickle that is damaged or ends early, and one of too many objects.
  PickleIndex run();

  /// After run: the bytes of the pickle.
  std::size_t size() const { return position_; }
  const std::vector<PickleValue>& values() const { return values_; }
  std::vector<PickleValue> take_values() { return std::move(values_); }

  // For dialects.

  std::string_view bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }
  const PickleValue& value(PickleIndex index) const { return values_[index]; }
  void set_value(PickleIndex index, PickleValue value) { values_[index] = std::move(value); }
  /// The bytes of a string.
  std::string_view string(PickleIndex index) const;
  /// The objects of a tuple, which may have 64 of them.
  const std::vector<PickleIndex>& tuple(PickleIndex index) const;
  /// Counts objects that a dialect copies into another.
  void count_objects(std::size_t count);
  /// Throws the FormatError of the opcode.
  [[noreturn]] void fail(const std::string& problem) const;
  [[noreturn]] void fail_unknown_opcode() const;

 private:
  std::string_view take(std::uint64_t count);
  template <typename Integer>
  Integer take_integer();
  std::int64_t take_long();
  std::int64_t take_float();
  std::string_view take_line();

  bool push(PickleIndex index);
  bool push(PickleValue value);
  PickleIndex top() const;
  PickleIndex pop();
  std::vector<PickleIndex> pop_from(std::size_t start);
  std::vector<PickleIndex> pop_to_mark();
  std::vector<PickleIndex> pop_items(std::size_t count);

  // The opcodes, in groups. Each function returns whether it knows the opcode.
  bool push_scalar(std::uint8_t opcode);
  bool push_string(std::uint8_t opcode);
  bool push_container(std::uint8_t opcode);
  bool use_memo(std::uint8_t opcode);
  bool fill(std::uint8_t opcode);
  bool build(std::uint8_t opcode);

  bool memoize(std::size_t index);
  PickleIndex memoized(std::size_t index) const;
  bool append(PickleValue::Kind kind, const std::vector<PickleIndex>& items);

  std::string_view bytes_;
  const std::filesystem::path& path_;
  const PickleDialect& dialect_;
  std::size_t position_ = 0;
  std::size_t opcode_position_ = 0;
  std::size_t objects_ = 0;
  std::vector<PickleValue> values_;
  std::vector<PickleIndex> stack_;
  /// Sizes of the stack.
  std::vector<std::size_t> marks_;
  std::vector<PickleIndex> memo_;
};

}  // namespace glow::io
