#include "ops/squeeze.h"

#include "ops/check.h"

namespace glow::ops {

// Both permute the NHWC view of a channels_last tensor, so that each is one copy and the result is channels_last.

torch::Tensor squeeze(const torch::Tensor& x) {
  check_shape(x.dim() == 4 && x.size(2) % 2 == 0 && x.size(3) % 2 == 0,
              "squeeze: expected [N, C, H, W] with even H and W", x);
  const auto n = x.size(0), c = x.size(1), h = x.size(2) / 2, w = x.size(3) / 2;
  return x.permute({0, 2, 3, 1})
      .reshape({n, h, 2, w, 2, c})
      .permute({0, 1, 3, 5, 2, 4})
      .reshape({n, h, w, c * 4})
      .permute({0, 3, 1, 2});
}

torch::Tensor unsqueeze(const torch::Tensor& x) {
  check_shape(x.dim() == 4 && x.size(1) % 4 == 0, "unsqueeze: expected [N, 4C, H, W]", x);
  const auto n = x.size(0), c = x.size(1) / 4, h = x.size(2), w = x.size(3);
  return x.permute({0, 2, 3, 1})
      .reshape({n, h, w, c, 2, 2})
      .permute({0, 1, 4, 2, 5, 3})
      .reshape({n, h * 2, w * 2, c})
      .permute({0, 3, 1, 2});
}

}  // namespace glow::ops
