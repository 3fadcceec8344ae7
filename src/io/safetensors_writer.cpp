#include <set>
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

void check_entries(const std::filesystem::path& path, const std::vector<TensorEntry>& entries) {
  std::set<std::string_view> names = {kMetadataKey};
  for (const TensorEntry& entry : entries) {
    if (!names.insert(entry.name).second) {
      throw format_error(path, "cannot write " + tensor_text(entry.name) + ": the name is taken");
    }
    const std::uint64_t element_size = dtype_size(entry.dtype);
    if (element_size == 0 || array_bytes(entry.shape, element_size) != entry.data.size()) {
      throw format_error(path, "cannot write " + tensor_text(entry.name) + ": " + std::to_string(entry.data.size()) +
                                   " bytes as " + in_quotes(entry.dtype) + " " + to_text(entry.shape));
    }
  }
}

/// The JSON, padded with spaces so that the data that follow are aligned to 8 bytes.
std::string make_json(const std::filesystem::path& path, const Metadata& metadata,
                      const std::vector<TensorEntry>& entries) {
  nlohmann::ordered_json json;
  json[kMetadataKey] = metadata;
  std::uint64_t end = 0;
  for (const TensorEntry& entry : entries) {
    const std::uint64_t begin = std::exchange(end, end + entry.data.size());
    json[entry.name] = {{"dtype", entry.dtype}, {"shape", entry.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text;
  try {
    text = json.dump();
  } catch (const nlohmann::json::type_error&) {
    throw format_error(path, "cannot write a name or metadata that is not UTF-8");
  }
  constexpr std::size_t kAlignment = 8;
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  if (text.size() > kMaxHeaderSize) {
    throw format_error(path, "cannot write a header of " + std::to_string(text.size()) + " bytes");
  }
  return text;
}

/// Where the checksum's digits stand. The quotes make it certain: inside another string they are escaped.
std::size_t digits_position(const std::string& json) {
  const std::string before = std::string("\"") + kChecksumKey + "\":\"";
  return json.find(before) + before.size();
}

}  // namespace

std::string write_safetensors(const std::filesystem::path& path, Metadata metadata,
                              const std::vector<TensorEntry>& entries) {
  check_entries(path, entries);
  metadata[kChecksumKey] = std::string(kChecksumSize, '0');
  std::string json = make_json(path, metadata, entries);
  const std::uint64_t json_size = json.size();
  const std::string_view length(reinterpret_cast<const char*>(&json_size), sizeof json_size);

  Sha256 sha256;
  sha256.update(length);
  sha256.update(json);
  for (const TensorEntry& entry : entries) {
    sha256.update(entry.data);
  }
  const std::string checksum = sha256.hex_digest();
  json.replace(digits_position(json), kChecksumSize, checksum);

  AtomicFile file(path);
  file.write(length);
  file.write(json);
  for (const TensorEntry& entry : entries) {
    file.write(entry.data);
  }
  file.commit();
  return checksum;
}

}  // namespace glow::io
