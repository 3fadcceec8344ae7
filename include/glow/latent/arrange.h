#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include <glow/nn/latents.h>

#pragma GCC visibility push(default)

namespace glow::latent {

/// The number of images. Throws ShapeError when there is no level or the levels have different numbers.
std::int64_t count(const nn::Latents& latents);

/// Images first ... first + count - 1, as views. Throws ShapeError when there are fewer.
nn::Latents narrow(const nn::Latents& latents, std::int64_t first, std::int64_t count);

/// The images of all parts, concatenated. Throws ShapeError when there is no part or the levels differ.
nn::Latents concatenate(const std::vector<nn::Latents>& parts);

/// eps times the temperature, which may differ by level. Throws ConfigError (Temperature::at).
nn::Latents scale(const nn::Latents& latents, const nn::Temperature& temperature);

}  // namespace glow::latent

#pragma GCC visibility pop
