#pragma once

#include <cstdint>
#include <string>

#include <glow/nn/glow.h>

namespace glow::tools {

/// The index of a class of the model, given by name or index; -1 for an empty text. Throws ConfigError of `class` when
/// the model does not have it.
std::int64_t find_class(const std::string& wanted, const nn::Glow& model);

}  // namespace glow::tools
