#include <algorithm>
#include <utility>

#include <glow/io/safetensors.h>
#include <glow/io/sha256.h>

#include "io/array_bytes.h"
#include "io/errors.h"
#include "io/safetensors_header.h"

namespace glow::io {
namespace {

constexpr std::size_t kLengthSize = sizeof(std::uint64_t);

/// The length of the JSON. Throws FormatError when it is not inside the file.
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

/// Gives each tensor its part of `data`, all of which must be theirs.
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

/// Where the checksum's digits stand in `header`. Throws FormatError when that cannot be told.
std::size_t find_digits(const std::filesystem::path& path, std::string_view header, const std::string& digits) {
  const bool well_formed = digits.size() == 64 && digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!well_formed) {
    throw FormatError(path, std::string(kChecksumKey) + " is not 64 lower-case hexadecimal digits");
  }
  const std::size_t position = header.find(digits);
  if (position == std::string_view::npos || header.find(digits, position + 1) != std::string_view::npos) {
    throw FormatError(path, std::string(kChecksumKey) + " does not stand in the header once, as plain digits");
  }
  return position;
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
    throw FormatError(path_, "damaged: its checksum says " + expected + ", its content " + seen);
  }
}

}  // namespace glow::io
