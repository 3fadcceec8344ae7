#pragma once

#include <cstdint>
#include <string>

#include <glow/nn/glow.h>

namespace glow::tools {

/// The class of the model that a name or index means, -1 for an empty text. Throws ConfigError naming the field `class`
/// when the model has no such class.
std::int64_t find_class(const std::string& wanted, const nn::Glow& model);

}  // namespace glow::tools
