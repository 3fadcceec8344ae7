#include "io/pickle_machine.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <glow/error.h>

#include "io/array_bytes.h"
#include "io/file_kind.h"

namespace glow::io {
namespace {

using PickleKind = PickleValue::Kind;

/// The largest files have 150,000: train of CIFAR-100, and a Glow of 1,200 tensors with the state of its optimiser.
constexpr std::size_t kMostPickleObjects = std::size_t{1} << 20;
constexpr std::size_t kMostPickleMarks = 64;
/// As many as an array has dimensions.
constexpr std::size_t kMostPickleTuple = 64;
constexpr PickleIndex kNoPickleIndex = std::numeric_limits<PickleIndex>::max();

}  // namespace

PickleValue PickleDialect::persistent(PickleMachine& machine, PickleIndex) const { machine.fail_unknown_opcode(); }

PickleIndex PickleMachine::run() {
  constexpr char kProtocol = '\x80';
  if (bytes_.size() < 2 || bytes_[0] != kProtocol || bytes_[1] < 2 || bytes_[1] > 5) {
    throw other_kind(path_, "a pickle of protocol 2 to 5", bytes_);
  }
  position_ = 2;
  while (true) {
    opcode_position_ = position_;
    const auto opcode = take_integer<std::uint8_t>();
    if (opcode == '.') break;  // STOP
    if (!push_scalar(opcode) && !push_string(opcode) && !push_container(opcode) && !use_memo(opcode) && !fill(opcode) &&
        !build(opcode)) {
      fail_unknown_opcode();
    }
  }
  const PickleIndex result = pop();
  if (!stack_.empty() || !marks_.empty()) fail("objects are left on the stack");
  return result;
}

void PickleMachine::fail(const std::string& problem) const {
  throw FormatError(path_, "pickle, byte " + std::to_string(opcode_position_) + ": " + problem);
}

void PickleMachine::fail_unknown_opcode() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto opcode = static_cast<std::uint8_t>(bytes_[opcode_position_]);
  fail(std::string("unsupported opcode 0x") + kDigits[opcode / 16] + kDigits[opcode % 16]);
}

std::string_view PickleMachine::string(PickleIndex index) const {
  if (!values_[index].is_string()) fail("expected a string");
  return values_[index].bytes;
}

const std::vector<PickleIndex>& PickleMachine::tuple(PickleIndex index) const {
  const PickleValue& value = values_[index];
  if (value.kind != PickleKind::kTuple || value.items.size() > kMostPickleTuple) fail("expected a tuple");
  return value.items;
}

void PickleMachine::count_objects(std::size_t count) {
  objects_ += count;
  if (objects_ > kMostPickleObjects) fail("more than " + std::to_string(kMostPickleObjects) + " objects");
}

std::string_view PickleMachine::take(std::uint64_t count) {
  if (count > bytes_.size() - position_) fail("the pickle ends early");
  const std::string_view taken = bytes_.substr(position_, count);
  position_ += count;
  return taken;
}

template <typename Integer>
Integer PickleMachine::take_integer() {
  return read_little_endian<Integer>(take(sizeof(Integer)));
}

/// A signed little-endian number after the number of its bytes.
std::int64_t PickleMachine::take_long() {
  const std::string_view digits = take(take_integer<std::uint8_t>());
  if (digits.size() > sizeof(std::int64_t)) fail("an integer has more than 64 bits");
  std::string padded(sizeof(std::int64_t), !digits.empty() && digits.back() < 0 ? '\xff' : '\0');
  digits.copy(padded.data(), digits.size());
  return read_little_endian<std::int64_t>(padded);
}

/// The bits of a big-endian number.
std::int64_t PickleMachine::take_float() {
  std::string digits(take(sizeof(double)));
  std::reverse(digits.begin(), digits.end());
  return read_little_endian<std::int64_t>(digits);
}

std::string_view PickleMachine::take_line() {
  const std::size_t end = bytes_.find('\n', position_);
  if (end == std::string_view::npos) fail("the pickle ends early");
  const std::string_view line = take(end - position_);
  take(1);
  return line;
}

// The stack. `objects_` bounds the objects, the stack, and thereby all items.

bool PickleMachine::push(PickleIndex index) {
  count_objects(1);
  stack_.push_back(index);
  return true;
}

bool PickleMachine::push(PickleValue value) {
  push(static_cast<PickleIndex>(values_.size()));
  values_.push_back(std::move(value));
  return true;
}

PickleIndex PickleMachine::top() const {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("too few objects on the stack");
  return stack_.back();
}

PickleIndex PickleMachine::pop() {
  const PickleIndex index = top();
  stack_.pop_back();
  return index;
}

std::vector<PickleIndex> PickleMachine::pop_from(std::size_t start) {
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(start);
  std::vector<PickleIndex> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  return items;
}

std::vector<PickleIndex> PickleMachine::pop_to_mark() {
  if (marks_.empty()) fail("no mark on the stack");
  const std::size_t start = marks_.back();
  marks_.pop_back();
  return pop_from(start);
}

std::vector<PickleIndex> PickleMachine::pop_items(std::size_t count) {
  if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < count) fail("too few objects on the stack");
  return pop_from(stack_.size() - count);
}

bool PickleMachine::push_scalar(std::uint8_t opcode) {
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
    case 'G':  // BINFLOAT
      return push({.kind = PickleKind::kFloat, .integer = take_float()});
    default:
      return false;
  }
}

bool PickleMachine::push_string(std::uint8_t opcode) {
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

bool PickleMachine::push_container(std::uint8_t opcode) {
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

bool PickleMachine::use_memo(std::uint8_t opcode) {
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

bool PickleMachine::memoize(std::size_t index) {
  if (index >= kMostPickleObjects) fail("the memo has no index " + std::to_string(index));
  if (index >= memo_.size()) memo_.resize(index + 1, kNoPickleIndex);
  memo_[index] = top();
  return true;
}

PickleIndex PickleMachine::memoized(std::size_t index) const {
  if (index >= memo_.size() || memo_[index] == kNoPickleIndex) {
    fail("the memo has no index " + std::to_string(index));
  }
  return memo_[index];
}

bool PickleMachine::fill(std::uint8_t opcode) {
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

bool PickleMachine::append(PickleKind kind, const std::vector<PickleIndex>& items) {
  PickleValue& container = values_[top()];
  if (container.kind != kind) fail(kind == PickleKind::kList ? "expected a list" : "expected a dictionary");
  if (kind == PickleKind::kDict && items.size() % 2 != 0) fail("a key has no value");
  container.items.insert(container.items.end(), items.begin(), items.end());
  return true;
}

bool PickleMachine::build(std::uint8_t opcode) {
  switch (opcode) {
    case 'c': {  // GLOBAL
      const std::string_view module = take_line();
      return push(dialect_.global(*this, module, take_line()));
    }
    case 0x93: {  // STACK_GLOBAL
      const auto names = pop_items(2);
      return push(dialect_.global(*this, string(names[0]), string(names[1])));
    }
    case 'R': {  // REDUCE
      const PickleIndex arguments = pop();
      const PickleIndex callable = pop();
      return push(dialect_.call(*this, values_[callable], tuple(arguments)));
    }
    case 'b': {  // BUILD
      const PickleIndex state = pop();
      dialect_.set_state(*this, top(), state);
      return true;
    }
    case 'Q':  // BINPERSID
      return push(dialect_.persistent(*this, pop()));
    default:
      return false;
  }
}

}  // namespace glow::io
