#include "io/pickle.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <utility>

#include <glow/error.h>

#include "io/array_bytes.h"
#include "io/errors.h"
#include "io/file_kind.h"

namespace glow::io {
namespace {

using PickleKind = PickleValue::Kind;
using PickleIndex = std::uint32_t;

/// The largest file, train of CIFAR-100, has 150,000.
constexpr std::size_t kMostPickleValues = std::size_t{1} << 20;
constexpr std::size_t kMostPickleMarks = 64;
constexpr std::size_t kMostPickleDimensions = 64;
constexpr PickleIndex kNoPickleIndex = std::numeric_limits<PickleIndex>::max();

enum class PickleGlobal { kReconstruct, kFromBuffer, kNdarray, kDtype };

struct PickleGlobalName {
  std::string_view module;
  std::string_view name;
  PickleGlobal global;
};

constexpr std::array<PickleGlobalName, 6> kPickleGlobals = {{
    {"numpy.core.multiarray", "_reconstruct", PickleGlobal::kReconstruct},
    {"numpy._core.multiarray", "_reconstruct", PickleGlobal::kReconstruct},
    {"numpy.core.numeric", "_frombuffer", PickleGlobal::kFromBuffer},
    {"numpy._core.numeric", "_frombuffer", PickleGlobal::kFromBuffer},
    {"numpy", "ndarray", PickleGlobal::kNdarray},
    {"numpy", "dtype", PickleGlobal::kDtype},
}};

bool is_pickle_string(const PickleValue& value) {
  return value.kind == PickleKind::kBytes || value.kind == PickleKind::kText;
}

/// The machine that a pickle is a program for: a stack of objects, marks in it, and a memo of objects.
class PickleReader {
 public:
  PickleReader(std::string_view bytes, const std::filesystem::path& path) : bytes_(bytes), path_(path) {}

  PickleDict read() {
    constexpr char kProtocol = '\x80';
    if (bytes_.size() < 2 || bytes_[0] != kProtocol || bytes_[1] < 2 || bytes_[1] > 5) {
      throw other_kind(path_, "a pickle of protocol 2 to 5", bytes_);
    }
    position_ = 2;
    for (char opcode = next_opcode(); opcode != '.'; opcode = next_opcode()) {
      const auto code = static_cast<std::uint8_t>(opcode);
      if (!push_scalar(code) && !push_string(code) && !push_container(code) && !use_memo(code) && !fill(code) &&
          !build(code)) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        fail(std::string("unsupported opcode 0x") + kDigits[code / 16] + kDigits[code % 16]);
      }
    }
    if (position_ != bytes_.size()) fail("bytes follow the end of the pickle");
    const PickleIndex result = pop();
    if (!stack_.empty() || !marks_.empty()) fail("objects are left on the stack");
    if (values_[result].kind != PickleKind::kDict) fail("expected a dictionary");
    std::vector<PickleIndex> items = std::move(values_[result].items);
    return {path_, std::move(values_), std::move(items)};
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw FormatError(path_, "pickle, byte " + std::to_string(opcode_position_) + ": " + problem);
  }

  char next_opcode() {
    opcode_position_ = position_;
    return take(1)[0];
  }

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - position_) fail("the pickle ends early");
    const std::string_view taken = bytes_.substr(position_, count);
    position_ += count;
    return taken;
  }

  template <typename Integer>
  Integer take_integer() {
    return read_little_endian<Integer>(take(sizeof(Integer)));
  }

  /// A signed little-endian number after the number of its bytes.
  std::int64_t take_long() {
    const std::string_view digits = take(take_integer<std::uint8_t>());
    if (digits.size() > sizeof(std::int64_t)) fail("an integer has more than 64 bits");
    std::string padded(sizeof(std::int64_t), !digits.empty() && digits.back() < 0 ? '\xff' : '\0');
    digits.copy(padded.data(), digits.size());
    return read_little_endian<std::int64_t>(padded);
  }

  std::string_view take_line() {
    const std::size_t end = bytes_.find('\n', position_);
    if (end == std::string_view::npos) fail("the pickle ends early");
    const std::string_view line = take(end - position_);
    take(1);
    return line;
  }

  // The stack. `pushes_` bounds the objects, the stack, and thereby all items.

  bool push(PickleIndex index) {
    if (++pushes_ > kMostPickleValues) fail("more than " + std::to_string(kMostPickleValues) + " objects");
    stack_.push_back(index);
    return true;
  }

  bool push(PickleValue value) {
    push(static_cast<PickleIndex>(values_.size()));
    values_.push_back(std::move(value));
    return true;
  }

  PickleIndex top() const {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("too few objects on the stack");
    return stack_.back();
  }

  PickleIndex pop() {
    const PickleIndex index = top();
    stack_.pop_back();
    return index;
  }

  std::vector<PickleIndex> pop_from(std::size_t start) {
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(start);
    std::vector<PickleIndex> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    return items;
  }

  std::vector<PickleIndex> pop_to_mark() {
    if (marks_.empty()) fail("no mark on the stack");
    const std::size_t start = marks_.back();
    marks_.pop_back();
    return pop_from(start);
  }

  std::vector<PickleIndex> pop_items(std::size_t count) {
    if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < count) fail("too few objects on the stack");
    return pop_from(stack_.size() - count);
  }

  // The opcodes, in groups. Each function returns whether it knows the opcode.

  bool push_scalar(std::uint8_t opcode) {
    switch (opcode) {
      case 'N':  // NONE
        return push({.kind = PickleKind::kNone});
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        return push({.kind = PickleKind::kBool, .integer = opcode == 0x88});
      case 'K':  // BININT1
        return push({.kind = PickleKind::kInteger, .integer = take_integer<std::uint8_t>()});
      case 'M':  // BININT2
        return push({.kind = PickleKind::kInteger, .integer = take_integer<std::uint16_t>()});
      case 'J':  // BININT
        return push({.kind = PickleKind::kInteger, .integer = take_integer<std::int32_t>()});
      case 0x8a:  // LONG1
        return push({.kind = PickleKind::kInteger, .integer = take_long()});
      default:
        return false;
    }
  }

  bool push_string(std::uint8_t opcode) {
    switch (opcode) {
      case 'U':  // SHORT_BINSTRING
      case 'C':  // SHORT_BINBYTES
        return push({.kind = PickleKind::kBytes, .bytes = take(take_integer<std::uint8_t>())});
      case 'T':  // BINSTRING
      case 'B':  // BINBYTES
        return push({.kind = PickleKind::kBytes, .bytes = take(take_integer<std::uint32_t>())});
      case 0x96:  // BYTEARRAY8
        return push({.kind = PickleKind::kBytes, .bytes = take(take_integer<std::uint64_t>())});
      case 0x8c:  // SHORT_BINUNICODE
        return push({.kind = PickleKind::kText, .bytes = take(take_integer<std::uint8_t>())});
      case 'X':  // BINUNICODE
        return push({.kind = PickleKind::kText, .bytes = take(take_integer<std::uint32_t>())});
      default:
        return false;
    }
  }

  bool push_container(std::uint8_t opcode) {
    switch (opcode) {
      case '(':  // MARK
        if (marks_.size() == kMostPickleMarks) fail("more than " + std::to_string(kMostPickleMarks) + " marks");
        marks_.push_back(stack_.size());
        return true;
      case '}':  // EMPTY_DICT
        return push({.kind = PickleKind::kDict});
      case ']':  // EMPTY_LIST
        return push({.kind = PickleKind::kList});
      case ')':  // EMPTY_TUPLE
        return push({.kind = PickleKind::kTuple});
      case 't':  // TUPLE
        return push({.kind = PickleKind::kTuple, .items = pop_to_mark()});
      case 0x85:  // TUPLE1
      case 0x86:  // TUPLE2
      case 0x87:  // TUPLE3
        return push({.kind = PickleKind::kTuple, .items = pop_items(opcode - 0x84u)});
      default:
        return false;
    }
  }

  bool use_memo(std::uint8_t opcode) {
    switch (opcode) {
      case 'q':  // BINPUT
        return memoize(take_integer<std::uint8_t>());
      case 'r':  // LONG_BINPUT
        return memoize(take_integer<std::uint32_t>());
      case 0x94:  // MEMOIZE
        return memoize(memo_.size());
      case 'h':  // BINGET
        return push(memoized(take_integer<std::uint8_t>()));
      case 'j':  // LONG_BINGET
        return push(memoized(take_integer<std::uint32_t>()));
      case 0x95:  // FRAME: a hint for readers of streams
        take_integer<std::uint64_t>();
        return true;
      default:
        return false;
    }
  }

  bool memoize(std::size_t index) {
    if (index >= kMostPickleValues) fail("the memo has no index " + std::to_string(index));
    if (index >= memo_.size()) memo_.resize(index + 1, kNoPickleIndex);
    memo_[index] = top();
    return true;
  }

  PickleIndex memoized(std::size_t index) const {
    if (index >= memo_.size() || memo_[index] == kNoPickleIndex) {
      fail("the memo has no index " + std::to_string(index));
    }
    return memo_[index];
  }

  bool fill(std::uint8_t opcode) {
    switch (opcode) {
      case 'a':  // APPEND
        return append(PickleKind::kList, pop_items(1));
      case 'e':  // APPENDS
        return append(PickleKind::kList, pop_to_mark());
      case 's':  // SETITEM
        return append(PickleKind::kDict, pop_items(2));
      case 'u':  // SETITEMS
        return append(PickleKind::kDict, pop_to_mark());
      default:
        return false;
    }
  }

  bool append(PickleKind kind, const std::vector<PickleIndex>& items) {
    PickleValue& container = values_[top()];
    if (container.kind != kind) fail(kind == PickleKind::kList ? "expected a list" : "expected a dictionary");
    if (kind == PickleKind::kDict && items.size() % 2 != 0) fail("a key has no value");
    container.items.insert(container.items.end(), items.begin(), items.end());
    return true;
  }

  // Arrays.

  bool build(std::uint8_t opcode) {
    switch (opcode) {
      case 'c': {  // GLOBAL
        const std::string_view module = take_line();
        return push_global(module, take_line());
      }
      case 0x93: {  // STACK_GLOBAL
        const auto names = pop_items(2);
        return push_global(string(names[0]), string(names[1]));
      }
      case 'R': {  // REDUCE
        const PickleIndex arguments = pop();
        return reduce(values_[pop()], items_of(arguments));
      }
      case 'b': {  // BUILD
        const PickleIndex state = pop();
        return set_state(top(), items_of(state));
      }
      default:
        return false;
    }
  }

  std::string_view string(PickleIndex index) const {
    if (!is_pickle_string(values_[index])) fail("expected a string");
    return values_[index].bytes;
  }

  std::vector<PickleIndex> items_of(PickleIndex tuple) const {
    constexpr std::size_t kMost = std::max<std::size_t>(kMostPickleDimensions, 9);
    if (values_[tuple].kind != PickleKind::kTuple || values_[tuple].items.size() > kMost) fail("expected a tuple");
    return values_[tuple].items;
  }

  bool push_global(std::string_view module, std::string_view name) {
    for (const PickleGlobalName& known : kPickleGlobals) {
      if (known.module == module && known.name == name) {
        return push({.kind = PickleKind::kGlobal, .integer = static_cast<std::int64_t>(known.global)});
      }
    }
    fail("expected numbers, strings, lists and arrays of bytes, has " +
         in_quotes(std::string(module) + "." + std::string(name)));
  }

  bool is_global(const PickleValue& value, PickleGlobal global) const {
    return value.kind == PickleKind::kGlobal && value.integer == static_cast<std::int64_t>(global);
  }

  /// Calls of: _reconstruct(ndarray, (0,), 'b'), dtype('u1', False, True), _frombuffer(bytes, dtype, shape, order).
  bool reduce(const PickleValue& callable, const std::vector<PickleIndex>& arguments) {
    if (is_global(callable, PickleGlobal::kReconstruct) && arguments.size() == 3 &&
        is_global(values_[arguments[0]], PickleGlobal::kNdarray)) {
      return push({.kind = PickleKind::kNewArray});
    }
    if (is_global(callable, PickleGlobal::kDtype) && arguments.size() == 3) {
      const std::string_view name = string(arguments[0]);
      if (name != "u1") fail("expected an array of dtype \"u1\", has " + in_quotes(name));
      return push({.kind = PickleKind::kDtype});
    }
    if (is_global(callable, PickleGlobal::kFromBuffer) && arguments.size() == 4) {
      return push(make_array(arguments[2], arguments[1], string(arguments[3]) == "F", arguments[0]));
    }
    fail("expected the call of an array of bytes");
  }

  /// States: of an array (version, shape, dtype, whether in Fortran order, bytes); of a dtype (version, byte order,
  /// subtype, names, fields, ...), of which all but the first two mean nothing for numbers.
  bool set_state(PickleIndex object, const std::vector<PickleIndex>& state) {
    if (values_[object].kind == PickleKind::kNewArray && state.size() == 5) {
      if (values_[state[3]].kind != PickleKind::kBool) fail("expected whether an array is in Fortran order");
      values_[object] = make_array(state[1], state[2], values_[state[3]].integer != 0, state[4]);
      return true;
    }
    if (values_[object].kind == PickleKind::kDtype && state.size() >= 5 && state.size() <= 9 &&
        std::all_of(state.begin() + 2, state.begin() + 5,
                    [&](PickleIndex item) { return values_[item].kind == PickleKind::kNone; })) {
      return true;
    }
    fail("expected the state of an array of bytes");
  }

  PickleValue make_array(PickleIndex shape, PickleIndex dtype, bool is_fortran_order, PickleIndex bytes) const {
    if (values_[dtype].kind != PickleKind::kDtype) fail("expected an array with a dtype");
    if (values_[bytes].kind != PickleKind::kBytes) fail("expected an array with a string of bytes");
    std::vector<PickleIndex> items = items_of(shape);
    std::vector<std::int64_t> sizes;
    for (const PickleIndex item : items) {
      if (values_[item].kind != PickleKind::kInteger) fail("expected an array with a shape of integers");
      sizes.push_back(values_[item].integer);
    }
    const std::string_view content = values_[bytes].bytes;
    if (array_bytes(sizes, 1) != content.size()) {
      fail("expected an array of shape " + to_text(sizes) + ", has " + std::to_string(content.size()) + " bytes");
    }
    return {PickleKind::kArray, is_fortran_order, content, std::move(items)};
  }

  std::string_view bytes_;
  const std::filesystem::path& path_;
  std::size_t position_ = 0;
  std::size_t opcode_position_ = 0;
  std::size_t pushes_ = 0;
  std::vector<PickleValue> values_;
  std::vector<PickleIndex> stack_;
  /// Sizes of the stack.
  std::vector<std::size_t> marks_;
  std::vector<PickleIndex> memo_;
};

}  // namespace

PickleDict::PickleDict(std::filesystem::path path, std::vector<PickleValue> values, std::vector<std::uint32_t> items)
    : path_(std::move(path)), values_(std::move(values)), items_(std::move(items)) {}

void PickleDict::fail(std::string_view key, const char* type) const {
  throw FormatError(path_, "expected " + in_quotes(key) + " to be " + type);
}

const PickleValue& PickleDict::find(std::string_view key, PickleValue::Kind kind, const char* type) const {
  for (std::size_t end = items_.size(); end > 0; end -= 2) {
    const PickleValue& name = values_[items_[end - 2]];
    if (!is_pickle_string(name) || name.bytes != key) continue;
    const PickleValue& value = values_[items_[end - 1]];
    if (value.kind != kind) fail(key, type);
    return value;
  }
  throw FormatError(path_, "expected the key " + in_quotes(key) + ", has no such key");
}

std::vector<std::int64_t> PickleDict::integers(std::string_view key) const {
  constexpr const char* kType = "a list of integers";
  std::vector<std::int64_t> integers;
  for (const PickleIndex item : find(key, PickleKind::kList, kType).items) {
    if (values_[item].kind != PickleKind::kInteger) fail(key, kType);
    integers.push_back(values_[item].integer);
  }
  return integers;
}

std::vector<std::string_view> PickleDict::strings(std::string_view key) const {
  constexpr const char* kType = "a list of strings";
  std::vector<std::string_view> strings;
  for (const PickleIndex item : find(key, PickleKind::kList, kType).items) {
    if (!is_pickle_string(values_[item])) fail(key, kType);
    strings.push_back(values_[item].bytes);
  }
  return strings;
}

PickleArray PickleDict::array(std::string_view key) const {
  const PickleValue& value = find(key, PickleKind::kArray, "an array of bytes");
  PickleArray array{{}, value.integer != 0, value.bytes};
  for (const PickleIndex item : value.items) array.shape.push_back(values_[item].integer);
  return array;
}

PickleDict read_pickle_dict(std::string_view bytes, const std::filesystem::path& path) {
  return PickleReader(bytes, path).read();
}

}  // namespace glow::io
