#include "io/safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <tuple>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "io/array_bytes.h"
#include "io/errors.h"

namespace glow::io {
namespace {

using HeaderJson = nlohmann::json;

/// A callback of the JSON parser. Refuses duplicate keys, which the parsed tree would hide, and deep nesting, before
/// the parser builds a tree of it.
class StructureCheck {
 public:
  explicit StructureCheck(const std::filesystem::path& path) : path_(path) {}

  bool operator()(int depth, HeaderJson::parse_event_t event, const HeaderJson& parsed) {
    constexpr int kDeepest = 3;  // header, tensor, shape
    const bool opens =
        event == HeaderJson::parse_event_t::object_start || event == HeaderJson::parse_event_t::array_start;
    if (opens && depth >= kDeepest) {
      throw FormatError(path_, "the header is nested too deeply for safetensors");
    }
    if (event == HeaderJson::parse_event_t::object_start) {
      keys_.emplace_back();
    } else if (event == HeaderJson::parse_event_t::object_end) {
      keys_.pop_back();
    } else if (event == HeaderJson::parse_event_t::key && !keys_.back().insert(parsed.get<std::string>()).second) {
      throw FormatError(path_, "the key " + in_quotes(parsed.get<std::string>()) + " appears twice in the header");
    }
    return true;
  }

 private:
  const std::filesystem::path& path_;
  /// Keys of the open objects, outermost first.
  std::vector<std::unordered_set<std::string>> keys_;
};

HeaderJson parse_json(const std::filesystem::path& path, std::string_view text) {
  if (!text.starts_with('{')) {
    throw FormatError(path, "the header does not begin with {");
  }
  if (text.find('\0') != std::string_view::npos) {
    // The parser would stop there and ignore the rest.
    throw FormatError(path, "the header holds a NUL byte");
  }
  // By reference, because std::function copies the callable.
  StructureCheck check(path);
  try {
    return HeaderJson::parse(text, [&check](int depth, HeaderJson::parse_event_t event, const HeaderJson& parsed) {
      return check(depth, event, parsed);
    });
  } catch (const HeaderJson::parse_error& error) {
    throw FormatError(path, "the header is not JSON: error at byte " + std::to_string(error.byte));
  } catch (const HeaderJson::out_of_range&) {
    throw FormatError(path, "a number in the header is too large");
  }
}

Metadata read_metadata(const std::filesystem::path& path, const HeaderJson& object) {
  if (!object.is_object()) {
    throw FormatError(path, std::string(kMetadataKey) + " is not an object");
  }
  Metadata metadata;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) {
      throw FormatError(path, "the metadata of " + in_quotes(key) + " is not a string");
    }
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

/// Reads one tensor's entry.
class TensorParser {
 public:
  TensorParser(const std::filesystem::path& path, const std::string& name, const HeaderJson& object)
      : path_(path), name_(name), object_(object) {}

  SafetensorsHeader::Tensor parse() const {
    if (!object_.is_object()) {
      fail("is not an object");
    }
    SafetensorsHeader::Tensor tensor;
    tensor.entry.name = name_;
    tensor.entry.dtype = parse_dtype();
    tensor.entry.shape = parse_integers<std::int64_t>("shape");
    const auto offsets = parse_integers<std::uint64_t>("data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1]) {
      fail("data_offsets are not [begin, end]");
    }
    if (object_.size() != 3) {
      fail("has other keys than dtype, shape and data_offsets");
    }
    tensor.begin = offsets[0];
    tensor.end = offsets[1];
    check_size(tensor);
    return tensor;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw FormatError(path_, tensor_text(name_) + ": " + problem);
  }

  const HeaderJson& member(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) {
      fail(std::string(key) + " is missing");
    }
    return *found;
  }

  std::string parse_dtype() const {
    const HeaderJson& value = member("dtype");
    if (!value.is_string()) {
      fail("dtype is not a string");
    }
    std::string dtype = value.get<std::string>();
    if (dtype_size(dtype) == 0) {
      fail("unknown dtype " + in_quotes(dtype));
    }
    return dtype;
  }

  /// An array of integers from 0 to 2^63 - 1.
  template <typename Integer>
  std::vector<Integer> parse_integers(const char* key) const {
    const HeaderJson& values = member(key);
    if (!values.is_array()) {
      fail(std::string(key) + " is not an array");
    }
    std::vector<Integer> integers;
    for (const HeaderJson& value : values) {
      constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kLargest) {
        fail(std::string(key) + " holds something that is not an integer from 0 to 2^63 - 1");
      }
      integers.push_back(value.get<Integer>());
    }
    return integers;
  }

  void check_size(const SafetensorsHeader::Tensor& tensor) const {
    const std::string kind = tensor.entry.dtype + " " + to_text(tensor.entry.shape);
    const auto expected = array_bytes(tensor.entry.shape, dtype_size(tensor.entry.dtype));
    if (!expected) {
      fail(kind + " is larger than any file");
    }
    if (*expected != tensor.end - tensor.begin) {
      fail(kind + " takes " + std::to_string(*expected) + " bytes, but data_offsets span " +
           std::to_string(tensor.end - tensor.begin));
    }
  }

  const std::filesystem::path& path_;
  const std::string& name_;
  const HeaderJson& object_;
};

/// Sorts by offset and checks that each tensor begins where the one before ends.
void order(const std::filesystem::path& path, std::vector<SafetensorsHeader::Tensor>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin, a.end, a.entry.name) < std::tie(b.begin, b.end, b.entry.name);
  });
  std::uint64_t previous_end = 0;
  for (const SafetensorsHeader::Tensor& tensor : tensors) {
    if (tensor.begin != previous_end) {
      throw FormatError(
          path, tensor_text(tensor.entry.name) + " begins at offset " + std::to_string(tensor.begin) +
                    (tensor.begin < previous_end ? ", inside another that ends at " : ", leaving a hole after ") +
                    std::to_string(previous_end));
    }
    previous_end = tensor.end;
  }
}

}  // namespace

std::uint64_t dtype_size(std::string_view dtype) {
  struct Dtype {
    std::string_view name;
    std::uint64_t size;
  };
  static constexpr std::array<Dtype, 15> kDtypes = {{{"BOOL", 1},
                                                     {"U8", 1},
                                                     {"I8", 1},
                                                     {"F8_E5M2", 1},
                                                     {"F8_E4M3", 1},
                                                     {"U16", 2},
                                                     {"I16", 2},
                                                     {"F16", 2},
                                                     {"BF16", 2},
                                                     {"U32", 4},
                                                     {"I32", 4},
                                                     {"F32", 4},
                                                     {"U64", 8},
                                                     {"I64", 8},
                                                     {"F64", 8}}};
  const auto* found = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& d) { return d.name == dtype; });
  return found == kDtypes.end() ? 0 : found->size;
}

std::string tensor_text(std::string_view name) { return "tensor " + in_quotes(name); }

SafetensorsHeader parse_safetensors_header(const std::filesystem::path& path, std::string_view text) {
  const HeaderJson json = parse_json(path, text);
  SafetensorsHeader header;
  for (const auto& [name, value] : json.items()) {
    if (name == kMetadataKey) {
      header.metadata = read_metadata(path, value);
    } else {
      header.tensors.push_back(TensorParser(path, name, value).parse());
    }
  }
  order(path, header.tensors);
  return header;
}

}  // namespace glow::io
