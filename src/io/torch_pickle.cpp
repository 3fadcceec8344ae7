#include "io/torch_pickle.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include <glow/error.h>
#include <glow/io/safetensors.h>

#include "io/array_bytes.h"
#include "io/errors.h"

namespace glow::io {
namespace {

using PickleKind = PickleValue::Kind;

/// What globals and objects are. The dictionaries that OrderedDict makes have its type.
enum class TorchType : std::uint8_t {
  kOrderedDict = 1,
  kSize,
  kRebuildTensor,
  kRebuildParameter,
  kStorageType,
  kStorage,
  kTensor
};

struct TorchGlobal {
  std::string_view module;
  std::string_view name;
  TorchType type;
  /// Of a type of storage.
  const char* dtype = nullptr;
};

constexpr std::array<TorchGlobal, 15> kTorchGlobals = {{
    {"collections", "OrderedDict", TorchType::kOrderedDict},
    {"torch", "Size", TorchType::kSize},
    {"torch._utils", "_rebuild_tensor", TorchType::kRebuildTensor},
    {"torch._utils", "_rebuild_tensor_v2", TorchType::kRebuildTensor},
    {"torch._utils", "_rebuild_parameter", TorchType::kRebuildParameter},
    {"torch", "FloatStorage", TorchType::kStorageType, "F32"},
    {"torch", "DoubleStorage", TorchType::kStorageType, "F64"},
    {"torch", "HalfStorage", TorchType::kStorageType, "F16"},
    {"torch", "BFloat16Storage", TorchType::kStorageType, "BF16"},
    {"torch", "LongStorage", TorchType::kStorageType, "I64"},
    {"torch", "IntStorage", TorchType::kStorageType, "I32"},
    {"torch", "ShortStorage", TorchType::kStorageType, "I16"},
    {"torch", "CharStorage", TorchType::kStorageType, "I8"},
    {"torch", "ByteStorage", TorchType::kStorageType, "U8"},
    {"torch", "BoolStorage", TorchType::kStorageType, "BOOL"},
}};

bool is_torch(const PickleValue& value, PickleKind kind, TorchType type) {
  return value.kind == kind && value.type == static_cast<std::uint8_t>(type);
}

/// A global's `integer` is its index in kTorchGlobals. The items of an object are the parts of the tuple that it was
/// made from: of a storage ("storage", type, key, location, elements[, None or (key, offset, elements) of a part of
/// it]), of a tensor (storage, offset, shape, strides, ...).
class TorchDialect : public PickleDialect {
 public:
  PickleValue global(const PickleMachine& machine, std::string_view module, std::string_view name) const override {
    for (std::size_t i = 0; i < kTorchGlobals.size(); ++i) {
      const TorchGlobal& known = kTorchGlobals[i];
      if (known.module == module && known.name == name) {
        return {.kind = PickleKind::kGlobal,
                .type = static_cast<std::uint8_t>(known.type),
                .integer = static_cast<std::int64_t>(i)};
      }
    }
    const std::string full_name = in_quotes(std::string(module) + "." + std::string(name));
    if (contains_module(machine.bytes())) {
      throw FormatError(machine.path(), "expected tensors and numbers, has a whole module (" + full_name +
                                            "), which only its own code can load: load it there and save its weights "
                                            "by torch.save(module.state_dict(), PATH)");
    }
    throw FormatError(machine.path(), "expected tensors and numbers, has " + full_name +
                                          ": load it with Python and save its weights alone, by "
                                          "torch.save(model.state_dict(), PATH)");
  }

  PickleValue call(PickleMachine& machine, const PickleValue& callable,
                   const std::vector<PickleIndex>& arguments) const override {
    if (callable.kind != PickleKind::kGlobal) machine.fail("expected the call of a function");
    switch (static_cast<TorchType>(callable.type)) {
      case TorchType::kOrderedDict:
        return ordered_dict(machine, arguments);
      case TorchType::kSize:
        if (arguments.size() != 1) machine.fail("expected the sizes of a tensor");
        return copy(machine, {.kind = PickleKind::kTuple, .items = machine.tuple(arguments[0])});
      case TorchType::kRebuildTensor:
        return tensor(machine, arguments);
      case TorchType::kRebuildParameter:
        if (arguments.empty() || !is_torch(machine.value(arguments[0]), PickleKind::kObject, TorchType::kTensor)) {
          machine.fail("expected the tensor of a parameter");
        }
        return copy(machine, machine.value(arguments[0]));
      default:
        machine.fail("expected the call of a tensor's function");
    }
  }

  /// Only the attributes of an OrderedDict, which are of no use.
  void set_state(PickleMachine& machine, PickleIndex object, PickleIndex) const override {
    if (!is_torch(machine.value(object), PickleKind::kDict, TorchType::kOrderedDict)) {
      machine.fail("expected attributes of an OrderedDict only");
    }
  }

  PickleValue persistent(PickleMachine& machine, PickleIndex id) const override {
    const std::vector<PickleIndex>& parts = machine.tuple(id);
    if (parts.empty() || machine.string(parts[0]) != "storage") machine.fail("expected a storage");
    if (parts.size() != 5 && parts.size() != 6) machine.fail("expected the description of a storage");
    if (!is_torch(machine.value(parts[1]), PickleKind::kGlobal, TorchType::kStorageType)) {
      machine.fail("expected the type of a storage");
    }
    machine.string(parts[2]);
    count(machine, parts[4]);
    return copy(machine, object(TorchType::kStorage, parts));
  }

 private:
  /// Whether the pickle has the name of an attribute that every torch.nn.Module has, or a class of TorchScript.
  static bool contains_module(std::string_view pickle) {
    return pickle.find("_modules") != std::string_view::npos || pickle.find("c__torch__.") != std::string_view::npos;
  }

  static PickleValue object(TorchType type, const std::vector<PickleIndex>& items) {
    return {.kind = PickleKind::kObject, .type = static_cast<std::uint8_t>(type), .items = items};
  }

  static PickleValue copy(PickleMachine& machine, PickleValue value) {
    machine.count_objects(value.items.size());
    return value;
  }

  /// Throws FormatError unless it is an integer from 0.
  static void count(const PickleMachine& machine, PickleIndex index) {
    const PickleValue& value = machine.value(index);
    if (value.kind != PickleKind::kInteger || value.integer < 0) machine.fail("expected an integer from 0");
  }

  static void counts(const PickleMachine& machine, PickleIndex tuple) {
    for (const PickleIndex item : machine.tuple(tuple)) count(machine, item);
  }

  static PickleValue tensor(PickleMachine& machine, const std::vector<PickleIndex>& arguments) {
    if (arguments.size() < 4 || !is_torch(machine.value(arguments[0]), PickleKind::kObject, TorchType::kStorage)) {
      machine.fail("expected the storage of a tensor");
    }
    // The last argument has entries for a tensor whose numbers are to be negated or conjugated.
    constexpr std::size_t kMetadata = 6;
    if (arguments.size() > kMetadata && !machine.value(arguments[kMetadata]).items.empty()) {
      machine.fail("expected a tensor without metadata");
    }
    count(machine, arguments[1]);
    counts(machine, arguments[2]);
    counts(machine, arguments[3]);
    if (machine.tuple(arguments[2]).size() != machine.tuple(arguments[3]).size()) {
      machine.fail("expected as many strides as sizes of a tensor");
    }
    return copy(machine, object(TorchType::kTensor, arguments));
  }

  /// Of nothing, or of a list of lists [key, value], as Python 2 has it.
  static PickleValue ordered_dict(PickleMachine& machine, const std::vector<PickleIndex>& arguments) {
    PickleValue dict{.kind = PickleKind::kDict, .type = static_cast<std::uint8_t>(TorchType::kOrderedDict)};
    if (arguments.empty()) return dict;
    if (arguments.size() > 1 || machine.value(arguments[0]).kind != PickleKind::kList) {
      machine.fail("expected the items of an OrderedDict");
    }
    for (const PickleIndex item : machine.value(arguments[0]).items) {
      const PickleValue& pair = machine.value(item);
      if ((pair.kind != PickleKind::kList && pair.kind != PickleKind::kTuple) || pair.items.size() != 2) {
        machine.fail("expected the items of an OrderedDict");
      }
      machine.count_objects(2);
      dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
    }
    return dict;
  }
};

/// Makes a TorchPickle of the objects of a pickle.
class TorchLeaves {
 public:
  TorchLeaves(const std::vector<PickleValue>& values, const std::filesystem::path& path)
      : values_(values), path_(path) {}

  TorchPickle collect(PickleIndex root) {
    // All of them, because the older format has the numbers of those that no tensor uses too.
    for (const PickleValue& value : values_) {
      if (is_torch(value, PickleKind::kObject, TorchType::kStorage)) add_storage(value);
    }
    visit(root, "", 0);
    return std::move(pickle_);
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const { throw FormatError(path_, problem); }

  void add_storage(const PickleValue& value) {
    const auto& global = kTorchGlobals[static_cast<std::size_t>(values_[value.items[1]].integer)];
    const std::string_view key = values_[value.items[2]].bytes;
    const PickledStorage storage{global.dtype, static_cast<std::uint64_t>(values_[value.items[4]].integer)};
    const auto [place, is_new] = pickle_.storages.emplace(key, storage);
    if (!is_new && (place->second.dtype != storage.dtype || place->second.elements != storage.elements)) {
      fail("the storage " + in_quotes(key) + " has two types or sizes");
    }
  }

  /// Bounds the work and memory for objects that are in several others, and so in many more.
  void count_visits(std::size_t count) {
    constexpr std::size_t kMostVisits = std::size_t{1} << 20;
    visits_ += count;
    if (visits_ > kMostVisits) fail("has more than " + std::to_string(kMostVisits) + " objects");
  }

  void visit(PickleIndex index, const std::string& name, int depth) {
    constexpr int kDeepest = 64;
    if (depth > kDeepest) {
      fail("expected at most " + std::to_string(kDeepest) + " dictionaries and lists inside each other");
    }
    count_visits(1);
    const PickleValue& value = values_[index];
    if (value.kind == PickleKind::kDict) {
      for (std::size_t i = 0; i < value.items.size(); i += 2) {
        visit(value.items[i + 1], joined(name, depth, key_text(value.items[i])), depth + 1);
      }
    } else if (value.kind == PickleKind::kList || value.kind == PickleKind::kTuple) {
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        visit(value.items[i], joined(name, depth, std::to_string(i)), depth + 1);
      }
    } else if (is_torch(value, PickleKind::kObject, TorchType::kTensor)) {
      add_tensor(value, name);
    }
  }

  std::string key_text(PickleIndex index) const {
    const PickleValue& key = values_[index];
    if (key.kind == PickleKind::kInteger) return std::to_string(key.integer);
    if (!key.is_string()) fail("expected dictionaries with strings and integers as keys");
    return std::string(key.bytes.substr(0, kLongestName + 1));
  }

  std::string joined(const std::string& name, int depth, const std::string& part) {
    std::string whole = depth == 0 ? part : name + '/' + part;
    if (whole.size() > kLongestName) {
      fail("expected names of at most " + std::to_string(kLongestName) + " bytes, has " + in_quotes(whole));
    }
    // Long names are copies of a short pickle's strings: they count as the objects that they outweigh.
    constexpr std::size_t kUncounted = 128;
    count_visits(whole.size() / kUncounted);
    return whole;
  }

  void add_tensor(const PickleValue& value, const std::string& name) {
    if (!names_.insert(name).second) fail("has two tensors of the name " + in_quotes(name));
    const PickleValue& storage = values_[value.items[0]];
    PickledTensor tensor{.name = name,
                         .storage = values_[storage.items[2]].bytes,
                         .shape = integers(value.items[2]),
                         .strides = integers(value.items[3]),
                         .offset = static_cast<std::uint64_t>(values_[value.items[1]].integer)};
    count_visits(kVisitsOfATensor + tensor.shape.size());
    const PickledStorage& whole = pickle_.storages.at(tensor.storage);
    const Part part = part_of(storage, whole, name);
    const auto bytes = array_bytes(tensor.shape, dtype_size(whole.dtype));
    const auto span = elements_spanned(tensor);
    if (!bytes || *bytes / dtype_size(whole.dtype) > part.elements || !span || tensor.offset > part.elements ||
        *span > part.elements - tensor.offset) {
      fail("tensor " + in_quotes(name) + " of shape " + to_text(tensor.shape) + " and strides " +
           to_text(tensor.strides) + " from element " + std::to_string(tensor.offset) +
           " is not inside its storage of " + std::to_string(part.elements) + " elements");
    }
    tensor.offset += part.offset;
    tensor.span = *span;
    pickle_.tensors.push_back(std::move(tensor));
  }

  struct Part {
    std::uint64_t offset = 0;
    std::uint64_t elements = 0;
  };

  /// The part of a storage that a tensor's storage is: all of it, but in files of the first versions of PyTorch.
  Part part_of(const PickleValue& storage, const PickledStorage& whole, const std::string& name) const {
    if (storage.items.size() < 6 || values_[storage.items[5]].kind == PickleKind::kNone) return {0, whole.elements};
    const std::vector<PickleIndex>& view = values_[storage.items[5]].items;
    const auto integer = [&](std::size_t i) {
      const bool is_integer = i < view.size() && values_[view[i]].kind == PickleKind::kInteger;
      // Of anything else, a part that is in no storage.
      return is_integer ? static_cast<std::uint64_t>(values_[view[i]].integer)
                        : std::numeric_limits<std::uint64_t>::max();
    };
    const Part part{integer(1), integer(2)};
    if (part.offset > whole.elements || part.elements > whole.elements - part.offset) {
      fail("the storage of tensor " + in_quotes(name) + " is no part of another");
    }
    return part;
  }

  std::vector<std::int64_t> integers(PickleIndex tuple) const {
    std::vector<std::int64_t> integers;
    for (const PickleIndex item : values_[tuple].items) integers.push_back(values_[item].integer);
    return integers;
  }

  /// From a tensor's first element to its last, both included; nullopt if that overflows.
  static std::optional<std::uint64_t> elements_spanned(const PickledTensor& tensor) {
    if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end()) return 0;
    std::int64_t last = 0;
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      std::int64_t distance = 0;
      if (__builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &distance) ||
          __builtin_add_overflow(last, distance, &last)) {
        return std::nullopt;
      }
    }
    return static_cast<std::uint64_t>(last) + 1;
  }

  static constexpr std::size_t kLongestName = 1024;
  /// What is stored takes memory too.
  static constexpr std::size_t kVisitsOfATensor = 8;

  const std::vector<PickleValue>& values_;
  const std::filesystem::path& path_;
  TorchPickle pickle_;
  std::set<std::string> names_;
  std::size_t visits_ = 0;
};

}  // namespace

const PickleDialect& torch_dialect() {
  static const TorchDialect dialect;
  return dialect;
}

TorchPickle read_torch_pickle(std::string_view bytes, const std::filesystem::path& path) {
  PickleMachine machine(bytes, path, torch_dialect());
  const PickleIndex root = machine.run();
  TorchPickle pickle = TorchLeaves(machine.values(), path).collect(root);
  pickle.size = machine.size();
  return pickle;
}

}  // namespace glow::io
