#pragma once

#include <string>

namespace glow::io {

/// Whether the text is valid UTF-8, which JSON and the metadata of a safetensors file require.
bool is_utf8(const std::string& text);

/// The text with U+FFFD in place of invalid bytes.
std::string to_utf8(const std::string& text);

}  // namespace glow::io
