#include "io/errors.h"

#include <algorithm>
#include <system_error>

#include <nlohmann/json.hpp>

namespace glow::io {
namespace {

std::string path_text(const std::filesystem::path& path) {
  std::string text = path.string();
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

std::string system_text(int error_number) { return std::generic_category().message(error_number); }

}  // namespace
}  // namespace glow::io

namespace glow {

ConfigError::ConfigError(std::string_view field, std::string_view text)
    : Error(field.empty() ? std::string(text) : std::string(field).append(": ").append(text)),
      field_size_(field.size()),
      text_begin_(field.empty() ? 0 : field.size() + 2) {}

FormatError::FormatError(const std::filesystem::path& path, std::string_view text)
    : Error(io::path_text(path).append(": ").append(text)),
      text_begin_(std::string_view(what()).size() - text.size()),
      path_(std::make_shared<const std::filesystem::path>(path)) {}

const std::filesystem::path& FormatError::path() const noexcept {
  static const std::filesystem::path none;
  return path_ ? *path_ : none;
}

}  // namespace glow

namespace glow::io {

IoError cannot_read(const std::filesystem::path& path, std::string_view reason) {
  return IoError("cannot read " + path_text(path) + ": " + std::string(reason));
}

IoError cannot_read(const std::filesystem::path& path, int error_number) {
  return cannot_read(path, system_text(error_number));
}

IoError cannot_write(const std::filesystem::path& path, std::string_view reason) {
  return IoError("cannot write " + path_text(path) + ": " + std::string(reason));
}

IoError cannot_write(const std::filesystem::path& path, int error_number) {
  return cannot_write(path, system_text(error_number));
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 120;
  const bool cut = text.size() > kLongest;
  const nlohmann::json value = std::string(text.substr(0, kLongest)) + (cut ? "..." : "");
  constexpr bool kEnsureAscii = true;
  return value.dump(-1, ' ', kEnsureAscii, nlohmann::json::error_handler_t::replace);
}

std::string listed(const std::vector<std::string>& lines) {
  constexpr std::size_t kMostLines = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(lines.size(), kMostLines); ++i) text += "\n  " + lines[i];
  if (lines.size() > kMostLines) text += "\n  and " + std::to_string(lines.size() - kMostLines) + " more";
  return text;
}

std::string to_text(const std::vector<std::int64_t>& shape) { return nlohmann::json(shape).dump(); }

}  // namespace glow::io
