#pragma once

namespace glow::ops {

/// An affine coupling scales by sigmoid(r + 2): a step that starts with r = 0 is close to the identity.
inline constexpr double kScaleOffset = 2.0;

}  // namespace glow::ops
