#include <glow/io/safetensors.h>

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "io/array_bytes.h"
#include "io/digest.h"
#include "io/errors.h"
#include "io/safetensors_header.h"

namespace glow::io {
namespace {

constexpr std::size_t kLengthSize = sizeof(std::uint64_t);

/// The length of the JSON, from the first eight bytes. Throws FormatError when the file is shorter.
std::size_t json_size(const std::filesystem::path& path, std::string_view bytes) {
  if (bytes.size() < kLengthSize) {
    throw FormatError(path, "not a safetensors file: it has only " + std::to_string(bytes.size()) + " bytes");
  }
  const auto size = read_little_endian<std::uint64_t>(bytes);
  if (size > kMaxHeaderSize) {
    throw FormatError(path, "a safetensors header of " + std::to_string(size) + " bytes, more than the " +
                                std::to_string(kMaxHeaderSize) + " accepted");
  }
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

}  // namespace

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
    throw FormatError(path_, "the metadata lack " + in_quotes(key));
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
  const std::string seen = sha256.hex_digest();
  if (seen != expected) {
    throw FormatError(path_, "damaged: its checksum is " + expected + ", that of its content " + seen);
  }
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
