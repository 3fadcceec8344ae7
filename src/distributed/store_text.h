#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace glow::distributed {

// What a store keeps, which to it is bytes.

inline std::vector<std::uint8_t> to_bytes(const std::string& text) { return {text.begin(), text.end()}; }
inline std::string to_text(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace glow::distributed
