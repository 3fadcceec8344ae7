#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include <glow/error.h>

namespace glow::latent {

// What a .safetensors file of latents calls its parts (docs/formats.md).

inline constexpr const char* kLatentsFormat = "glow-latents";
inline constexpr const char* kLabelsName = "labels";
inline std::string eps_name(std::size_t level) { return "eps." + std::to_string(level); }

inline ConfigError unknown_extension(const std::filesystem::path& path) {
  return ConfigError("latents", "expected FILE.npy or FILE.safetensors, got " + path.string());
}

}  // namespace glow::latent
