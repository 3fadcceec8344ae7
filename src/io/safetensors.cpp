#include <glow/io/safetensors.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "io/array_bytes.h"
#include "io/digest.h"
#include "io/errors.h"
#include "io/file_kind.h"

namespace glow::io {
namespace {

constexpr std::uint64_t kMaxHeaderSize = 100'000'000;
constexpr const char* kMetadataKey = "__metadata__";

/// The JSON of a safetensors file.
struct SafetensorsHeader {
  /// The range [begin, end) of a tensor's data, relative to the end of the header.
  struct Tensor {
    TensorEntry entry;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  Metadata metadata;
  /// In the order of their offsets.
  std::vector<Tensor> tensors;
};

using HeaderJson = nlohmann::json;

/// A tensor in an error message: `tensor "top.prior.bias"`.
std::string tensor_text(std::string_view name) { return "tensor " + in_quotes(name); }

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

/// Parses the JSON and checks it: no duplicate or unknown keys, known dtypes, sizes equal to those of the shapes,
/// offsets contiguous from 0. Throws FormatError naming `path` and the tensor.
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

constexpr std::size_t kLengthSize = sizeof(std::uint64_t);

/// The length of the JSON, from the first eight bytes. Throws FormatError when the file is shorter or of another kind.
std::size_t json_size(const std::filesystem::path& path, std::string_view bytes) {
  if (!begins_as_safetensors(bytes)) throw other_kind(path, "a safetensors file", bytes);
  const auto size = read_little_endian<std::uint64_t>(bytes);
  if (size > bytes.size() - kLengthSize) {
    throw FormatError(
        path, "truncated: a header of " + std::to_string(size) + " bytes in a file of " + std::to_string(bytes.size()));
  }
  return size;
}

/// Sets each tensor's data to its part of `data`. Throws FormatError when `data` ends early or has more bytes.
std::vector<TensorEntry> attach(const std::filesystem::path& path, std::vector<SafetensorsHeader::Tensor> tensors,
                                std::string_view data) {
  std::vector<TensorEntry> entries;
  std::uint64_t last_end = 0;
  for (SafetensorsHeader::Tensor& tensor : tensors) {
    if (tensor.end > data.size()) {
      throw FormatError(path, "truncated: " + tensor_text(tensor.entry.name) + " ends at offset " +
                                  std::to_string(tensor.end) + ", the data at " + std::to_string(data.size()));
    }
    tensor.entry.data = data.substr(tensor.begin, tensor.end - tensor.begin);
    entries.push_back(std::move(tensor.entry));
    last_end = tensor.end;
  }
  if (last_end != data.size()) {
    throw FormatError(path, std::to_string(data.size() - last_end) + " bytes follow the last tensor");
  }
  return entries;
}

/// The position of the checksum's digits in `header`. Throws FormatError when it is not unique.
std::size_t find_digits(const std::filesystem::path& path, std::string_view header, const std::string& digits) {
  const bool well_formed = digits.size() == 64 && digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!well_formed) {
    throw FormatError(path, std::string(kChecksumKey) + " is not 64 lower-case hexadecimal digits");
  }
  const std::size_t position = header.find(digits);
  if (position == std::string_view::npos || header.find(digits, position + 1) != std::string_view::npos) {
    throw FormatError(path, std::string(kChecksumKey) + " does not appear in the header exactly once, as plain digits");
  }
  return position;
}

constexpr std::size_t kChecksumSize = 64;

/// Bytes of each tensor, in their order.
std::vector<std::uint64_t> tensor_sizes(const std::filesystem::path& path, const std::vector<TensorEntry>& tensors) {
  std::set<std::string_view> names = {kMetadataKey};
  std::vector<std::uint64_t> sizes;
  for (const TensorEntry& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      throw FormatError(path, "cannot write " + tensor_text(tensor.name) + ": the name is already used");
    }
    const std::uint64_t element_size = dtype_size(tensor.dtype);
    const auto size = array_bytes(tensor.shape, element_size);
    if (element_size == 0 || !size) {
      throw FormatError(path, "cannot write " + tensor_text(tensor.name) + " as " + in_quotes(tensor.dtype) + " " +
                                  to_text(tensor.shape));
    }
    sizes.push_back(*size);
  }
  return sizes;
}

/// The length of the JSON and the JSON, padded with spaces so that the data are aligned to 8 bytes.
std::string safetensors_start(const std::filesystem::path& path, const Metadata& metadata,
                              const std::vector<TensorEntry>& tensors, const std::vector<std::uint64_t>& sizes) {
  nlohmann::ordered_json json;
  json[kMetadataKey] = metadata;
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::uint64_t begin = std::exchange(end, end + sizes[i]);
    json[tensors[i].name] = {{"dtype", tensors[i].dtype}, {"shape", tensors[i].shape}, {"data_offsets", {begin, end}}};
  }
  std::string text;
  try {
    text = json.dump();
  } catch (const nlohmann::json::type_error&) {
    throw FormatError(path, "cannot write a name or metadata that is not UTF-8");
  }
  constexpr std::size_t kAlignment = 8;
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  if (text.size() > kMaxHeaderSize) {
    throw FormatError(path, "cannot write a header of " + std::to_string(text.size()) + " bytes");
  }
  const std::uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + text;
}

/// The position of the checksum's digits in the header made by safetensors_start. Unique, because quotes inside other
/// strings are escaped.
std::size_t digits_position(const std::string& start) {
  const std::string before = std::string("\"") + kChecksumKey + "\":\"";
  return start.find(before) + before.size();
}

/// ": the model of its run is PATH" for a checkpoint in the directory of a run that has a model.
std::string model_of_run(const std::filesystem::path& checkpoint) {
  const std::filesystem::path folder = std::filesystem::absolute(checkpoint).parent_path();
  const std::filesystem::path model = checkpoint.parent_path() / ".." / "model.safetensors";
  std::error_code ignored;
  if (folder.filename() != "checkpoints" || !std::filesystem::exists(model, ignored)) return "";
  return ": the model of its run is " + model.lexically_normal().string();
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

SafetensorsReader::SafetensorsReader(const std::filesystem::path& path) : path_(path), file_(path) {
  const std::string_view bytes = file_.bytes();
  header_end_ = kLengthSize + json_size(path, bytes);
  SafetensorsHeader header = parse_safetensors_header(path, bytes.substr(kLengthSize, header_end_ - kLengthSize));
  metadata_ = std::move(header.metadata);
  entries_ = attach(path, std::move(header.tensors), bytes.substr(header_end_));
}

const std::string& SafetensorsReader::metadata_value(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) {
    const bool is_checksum = key == kChecksumKey;
    throw FormatError(path_,
                      "the metadata lack " + in_quotes(key) + (is_checksum ? ": add it as in docs/formats.md" : ""));
  }
  return found->second;
}

void SafetensorsReader::verify_checksum() const {
  const std::string& expected = metadata_value(kChecksumKey);
  const std::string_view bytes = file_.bytes();
  const std::size_t position = find_digits(path_, bytes.substr(0, header_end_), expected);
  Sha256 sha256;
  sha256.update(bytes.substr(0, position));
  sha256.update(std::string(expected.size(), '0'));
  sha256.update(bytes.substr(position + expected.size()));
  if (sha256.hex_digest() == expected) return;
  throw FormatError(path_, std::string("its checksum, ") + kChecksumKey +
                               ", is not that of its content: another program saved it and did not renew the checksum "
                               "(docs/formats.md tells how), or it is damaged");
}

void SafetensorsReader::require_format(const std::string& format, const std::string& expected) const {
  const auto found = metadata_.find("format");
  const std::string seen = found == metadata_.end() ? "" : found->second;
  if (seen == format) return;
  if (const char* other = name_of_format(seen)) {
    throw FormatError(
        path_, "expected " + expected + ", is " + other + (seen == "glow-checkpoint" ? model_of_run(path_) : ""));
  }
  throw FormatError(path_,
                    "expected " + expected + ", " +
                        (seen.empty() ? "has no \"format\" in its metadata" : "its \"format\" is " + in_quotes(seen)) +
                        ": another program wrote it, or saved it without its metadata (docs/formats.md)");
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, Metadata metadata,
                                     const std::vector<TensorEntry>& tensors)
    : path_(path),
      start_([&] {
        metadata[kChecksumKey] = std::string(kChecksumSize, '0');
        return safetensors_start(path, metadata, tensors, tensor_sizes(path, tensors));
      }()),
      file_(path) {
  file_.write(start_);
  std::uint64_t begin = start_.size();
  for (const TensorEntry& tensor : tensors) {
    const std::uint64_t end = begin + *array_bytes(tensor.shape, dtype_size(tensor.dtype));
    parts_.push_back({tensor.name, tensor.dtype, tensor.shape, begin, begin, end});
    begin = end;
  }
}

void SafetensorsWriter::write(std::size_t tensor, std::string_view data) {
  Part& part = parts_.at(tensor);
  if (data.size() > part.end - part.next) throw wrong_size(part, part.next - part.begin + data.size());
  file_.write_at(part.next, data);
  part.next += data.size();
}

std::string SafetensorsWriter::finish() {
  for (const Part& part : parts_) {
    if (part.next < part.end) throw wrong_size(part, part.next - part.begin);
  }
  const std::string checksum = hash();
  file_.write_at(digits_position(start_), checksum);
  file_.commit();
  return checksum;
}

FormatError SafetensorsWriter::wrong_size(const Part& part, std::uint64_t bytes) const {
  return FormatError(path_, "cannot write " + tensor_text(part.name) + ": " + std::to_string(bytes) + " bytes as " +
                                in_quotes(part.dtype) + " " + to_text(part.shape));
}

/// SHA-256 of the file, read back because pieces need not have been written in order.
std::string SafetensorsWriter::hash() const {
  constexpr std::size_t kPiece = 1 << 20;
  const std::uint64_t size = parts_.empty() ? start_.size() : parts_.back().end;
  std::vector<char> buffer(std::min<std::uint64_t>(size, kPiece));
  Sha256 sha256;
  for (std::uint64_t offset = 0; offset < size; offset += buffer.size()) {
    const std::span piece(buffer.data(), std::min<std::uint64_t>(size - offset, buffer.size()));
    file_.read_at(offset, piece);
    sha256.update({piece.data(), piece.size()});
  }
  return sha256.hex_digest();
}

std::string write_safetensors(const std::filesystem::path& path, Metadata metadata,
                              const std::vector<TensorEntry>& entries) {
  SafetensorsWriter writer(path, std::move(metadata), entries);
  for (std::size_t i = 0; i < entries.size(); ++i) writer.write(i, entries[i].data);
  return writer.finish();
}

}  // namespace glow::io
