#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include <glow/nn/latents.h>
#include <glow/nn/sample_options.h>

namespace glow::latent {

/// How many images the latents are of. Throws ShapeError when there is no level, or the levels disagree.
std::int64_t count(const nn::Latents& latents);

/// Images first ... first + count - 1, as views. Throws ShapeError when they are not all there.
nn::Latents narrow(const nn::Latents& latents, std::int64_t first, std::int64_t count);

/// All images of all parts, one part after the other. Throws ShapeError when there is no part or the levels differ.
nn::Latents concatenate(const std::vector<nn::Latents>& parts);

/// Every image `times` times, its copies one after the other. Throws ConfigError when times is below 1.
nn::Latents repeat(const nn::Latents& latents, std::int64_t times);

/// eps times the temperature, which may be one a level. Throws ConfigError (Temperature::at).
nn::Latents scale(const nn::Latents& latents, const nn::Temperature& temperature);

}  // namespace glow::latent
