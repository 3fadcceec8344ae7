#pragma once

#include <string>
#include <vector>

namespace glow::latent {

/// What is wrong with the names of directions, "the name "a" stands twice" say; empty when nothing is. A name has 1 to
/// 256 bytes of UTF-8, no control characters, and stands once; there is at least one.
std::string problem_of(const std::vector<std::string>& names);

}  // namespace glow::latent
