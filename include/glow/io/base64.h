#pragma once

#include <string>
#include <string_view>

#pragma GCC visibility push(default)

namespace glow::io {

/// Base64 (RFC 4648, section 4) of bytes: one line, padded. Throws Error above 1 GiB.
std::string base64(std::string_view bytes);

}  // namespace glow::io

#pragma GCC visibility pop
