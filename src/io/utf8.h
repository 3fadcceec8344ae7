#pragma once

#include <string>

namespace glow::io {

/// Whether JSON, and so the metadata of a safetensors file, can hold the text.
bool is_utf8(const std::string& text);

/// The text, U+FFFD in the place of what is not UTF-8.
std::string to_utf8(const std::string& text);

}  // namespace glow::io
