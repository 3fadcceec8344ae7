#pragma once

#include <cstdint>

#include <glow/enum_names.h>

#pragma GCC visibility push(default)

namespace glow::ops {

/// How a coupling transforms the second half x2 of the channels, given its network's output h (Glow, section 3.3).
enum class CouplingKind {
  /// y2 = x2 + h (NICE)
  kAdditive,
  /// [shift | r] = h, y2 = (x2 + shift) * sigmoid(r + 2) (Glow's published code)
  kAffine,
  /// [shift | log_scale] = h, y2 = x2 * exp(log_scale) + shift (RealNVP, section 3.2)
  kAffineExp,
};

/// "additive", "affine"; kAffineExp belongs to RealNVP and cannot be chosen.
constexpr EnumNames<CouplingKind, 2> enum_names(CouplingKind) {
  return {"coupling", {{{"additive", CouplingKind::kAdditive}, {"affine", CouplingKind::kAffine}}}};
}

/// Channels of h for a flow variable of `channels` channels.
constexpr std::int64_t coupling_outputs(CouplingKind kind, std::int64_t channels) {
  return kind == CouplingKind::kAdditive ? channels / 2 : channels;
}

}  // namespace glow::ops

#pragma GCC visibility pop
