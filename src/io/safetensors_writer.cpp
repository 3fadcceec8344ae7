#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include <glow/io/safetensors.h>
#include <glow/io/sha256.h>

#include "io/array_bytes.h"
#include "io/errors.h"
#include "io/safetensors_header.h"

namespace glow::io {
namespace {

constexpr std::size_t kChecksumSize = 64;

/// Bytes of each tensor, in their order.
std::vector<std::uint64_t> tensor_sizes(const std::filesystem::path& path, const std::vector<TensorEntry>& tensors) {
  std::set<std::string_view> names = {kMetadataKey};
  std::vector<std::uint64_t> sizes;
  for (const TensorEntry& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      throw FormatError(path, "cannot write " + tensor_text(tensor.name) + ": the name is taken");
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

/// The length of the JSON, and the JSON, padded with spaces so that the data that follow are aligned to 8 bytes.
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

/// Where the checksum's digits stand. The quotes make it certain: inside another string they are escaped.
std::size_t digits_position(const std::string& start) {
  const std::string before = std::string("\"") + kChecksumKey + "\":\"";
  return start.find(before) + before.size();
}

}  // namespace

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

/// Of the file as it is now. What came in pieces is in order only there.
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
