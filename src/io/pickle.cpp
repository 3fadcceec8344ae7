#include "io/pickle.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <glow/error.h>

#include "io/array_bytes.h"
#include "io/errors.h"

namespace glow::io {
namespace {

using PickleKind = PickleValue::Kind;

/// What globals and objects are.
enum class NumpyType : std::uint8_t {
  kReconstruct = 1,
  kFromBuffer,
  kNdarray,
  kDtype,
  kDtypeObject,
  kNewArray,
  kArray
};

struct NumpyGlobal {
  std::string_view module;
  std::string_view name;
  NumpyType type;
};

constexpr std::array<NumpyGlobal, 6> kNumpyGlobals = {{
    {"numpy.core.multiarray", "_reconstruct", NumpyType::kReconstruct},
    {"numpy._core.multiarray", "_reconstruct", NumpyType::kReconstruct},
    {"numpy.core.numeric", "_frombuffer", NumpyType::kFromBuffer},
    {"numpy._core.numeric", "_frombuffer", NumpyType::kFromBuffer},
    {"numpy", "ndarray", NumpyType::kNdarray},
    {"numpy", "dtype", NumpyType::kDtype},
}};

PickleValue numpy_object(NumpyType type) {
  return {.kind = PickleKind::kObject, .type = static_cast<std::uint8_t>(type)};
}

bool is_numpy(const PickleValue& value, PickleKind kind, NumpyType type) {
  return value.kind == kind && value.type == static_cast<std::uint8_t>(type);
}

/// Pickles with numpy's arrays of bytes. An array's `integer` is 1 in Fortran order, its items are its sizes.
class NumpyDialect : public PickleDialect {
 public:
  PickleValue global(const PickleMachine& machine, std::string_view module, std::string_view name) const override {
    for (const NumpyGlobal& known : kNumpyGlobals) {
      if (known.module == module && known.name == name) {
        return {.kind = PickleKind::kGlobal, .type = static_cast<std::uint8_t>(known.type)};
      }
    }
    machine.fail("expected numbers, strings, lists and arrays of bytes, has " +
                 in_quotes(std::string(module) + "." + std::string(name)));
  }

  /// Calls of: _reconstruct(ndarray, (0,), 'b'), dtype('u1', False, True), _frombuffer(bytes, dtype, shape, order).
  PickleValue call(PickleMachine& machine, const PickleValue& callable,
                   const std::vector<PickleIndex>& arguments) const override {
    if (is_numpy(callable, PickleKind::kGlobal, NumpyType::kReconstruct) && arguments.size() == 3 &&
        is_numpy(machine.value(arguments[0]), PickleKind::kGlobal, NumpyType::kNdarray)) {
      return numpy_object(NumpyType::kNewArray);
    }
    if (is_numpy(callable, PickleKind::kGlobal, NumpyType::kDtype) && arguments.size() == 3) {
      const std::string_view name = machine.string(arguments[0]);
      if (name != "u1") machine.fail("expected an array of dtype \"u1\", has " + in_quotes(name));
      return numpy_object(NumpyType::kDtypeObject);
    }
    if (is_numpy(callable, PickleKind::kGlobal, NumpyType::kFromBuffer) && arguments.size() == 4) {
      return make_array(machine, {.shape = arguments[2],
                                  .dtype = arguments[1],
                                  .bytes = arguments[0],
                                  .is_fortran_order = machine.string(arguments[3]) == "F"});
    }
    machine.fail("expected the call of an array of bytes");
  }

  /// States: of an array (version, shape, dtype, whether in Fortran order, bytes); of a dtype (version, byte order,
  /// subtype, names, fields, ...), of which all but the first two mean nothing for numbers.
  void set_state(PickleMachine& machine, PickleIndex object, PickleIndex state) const override {
    const std::vector<PickleIndex>& parts = machine.tuple(state);
    const PickleValue& value = machine.value(object);
    if (is_numpy(value, PickleKind::kObject, NumpyType::kNewArray) && parts.size() == 5) {
      const PickleValue& order = machine.value(parts[3]);
      if (order.kind != PickleKind::kBool) machine.fail("expected whether an array is in Fortran order");
      machine.set_value(object, make_array(machine, {.shape = parts[1],
                                                     .dtype = parts[2],
                                                     .bytes = parts[4],
                                                     .is_fortran_order = order.integer != 0}));
      return;
    }
    const auto is_none = [&](PickleIndex item) { return machine.value(item).kind == PickleKind::kNone; };
    if (is_numpy(value, PickleKind::kObject, NumpyType::kDtypeObject) && parts.size() >= 5 && parts.size() <= 9 &&
        std::all_of(parts.begin() + 2, parts.begin() + 5, is_none)) {
      return;
    }
    machine.fail("expected the state of an array of bytes");
  }

 private:
  struct ArrayParts {
    PickleIndex shape;
    PickleIndex dtype;
    PickleIndex bytes;
    bool is_fortran_order;
  };

  static PickleValue make_array(PickleMachine& machine, const ArrayParts& parts) {
    if (!is_numpy(machine.value(parts.dtype), PickleKind::kObject, NumpyType::kDtypeObject)) {
      machine.fail("expected an array with a dtype");
    }
    const PickleValue& bytes = machine.value(parts.bytes);
    if (bytes.kind != PickleKind::kBytes) machine.fail("expected an array with a string of bytes");
    PickleValue array = numpy_object(NumpyType::kArray);
    array.integer = parts.is_fortran_order;
    array.bytes = bytes.bytes;
    array.items = machine.tuple(parts.shape);
    machine.count_objects(array.items.size());
    std::vector<std::int64_t> sizes;
    for (const PickleIndex item : array.items) {
      const PickleValue& size = machine.value(item);
      if (size.kind != PickleKind::kInteger) machine.fail("expected an array with a shape of integers");
      sizes.push_back(size.integer);
    }
    if (array_bytes(sizes, 1) != array.bytes.size()) {
      machine.fail("expected an array of shape " + to_text(sizes) + ", has " + std::to_string(array.bytes.size()) +
                   " bytes");
    }
    return array;
  }
};

}  // namespace

PickleDict::PickleDict(std::filesystem::path path, std::vector<PickleValue> values, std::vector<PickleIndex> items)
    : path_(std::move(path)), values_(std::move(values)), items_(std::move(items)) {}

void PickleDict::fail(std::string_view key, const char* type) const {
  throw FormatError(path_, "expected " + in_quotes(key) + " to be " + type);
}

const PickleValue& PickleDict::find(std::string_view key) const {
  for (std::size_t end = items_.size(); end > 0; end -= 2) {
    const PickleValue& name = values_[items_[end - 2]];
    if (name.is_string() && name.bytes == key) return values_[items_[end - 1]];
  }
  throw FormatError(path_, "expected the key " + in_quotes(key) + ", has no such key");
}

const std::vector<PickleIndex>& PickleDict::list(std::string_view key, const char* type) const {
  const PickleValue& value = find(key);
  if (value.kind != PickleKind::kList) fail(key, type);
  return value.items;
}

std::vector<std::int64_t> PickleDict::integers(std::string_view key) const {
  constexpr const char* kType = "a list of integers";
  std::vector<std::int64_t> integers;
  for (const PickleIndex item : list(key, kType)) {
    if (values_[item].kind != PickleKind::kInteger) fail(key, kType);
    integers.push_back(values_[item].integer);
  }
  return integers;
}

std::vector<std::string_view> PickleDict::strings(std::string_view key) const {
  constexpr const char* kType = "a list of strings";
  std::vector<std::string_view> strings;
  for (const PickleIndex item : list(key, kType)) {
    if (!values_[item].is_string()) fail(key, kType);
    strings.push_back(values_[item].bytes);
  }
  return strings;
}

PickleArray PickleDict::array(std::string_view key) const {
  const PickleValue& value = find(key);
  if (!is_numpy(value, PickleKind::kObject, NumpyType::kArray)) fail(key, "an array of bytes");
  PickleArray array{{}, value.integer != 0, value.bytes};
  for (const PickleIndex item : value.items) array.shape.push_back(values_[item].integer);
  return array;
}

PickleDict read_pickle_dict(std::string_view bytes, const std::filesystem::path& path) {
  const NumpyDialect dialect;
  PickleMachine machine(bytes, path, dialect);
  const PickleIndex dict = machine.run();
  if (machine.size() != bytes.size()) machine.fail("bytes follow the end of the pickle");
  if (machine.value(dict).kind != PickleKind::kDict) machine.fail("expected a dictionary");
  std::vector<PickleIndex> items = machine.value(dict).items;
  return {path, machine.take_values(), std::move(items)};
}

}  // namespace glow::io
