#include <glow/evaluate/ood.h>

#include <cmath>
#include <limits>
#include <string>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <glow/checks.h>
#include <glow/error.h>
#include <glow/io/image.h>

#include "ops/check.h"

namespace glow::evaluate {
namespace {

constexpr double kBitsPerByte = 8;

torch::Tensor checked_scores(const torch::Tensor& scores, const char* which) {
  ops::check_shape(scores.dim() == 1 && scores.numel() > 0, "auroc: expected scores [N], N > 0", scores);
  const auto numbers = scores.to(torch::kCPU, torch::kDouble);
  if (numbers.isnan().any().item<bool>()) throw NumericalError(std::string("auroc: a score ") + which + " is NaN");
  return numbers;
}

/// For each number twice the count of `sorted` numbers below it, equal ones counting half: int64.
torch::Tensor twice_below(const torch::Tensor& sorted, const torch::Tensor& numbers) {
  return at::searchsorted(sorted, numbers, /*out_int32=*/false, /*right=*/false) +
         at::searchsorted(sorted, numbers, /*out_int32=*/false, /*right=*/true);
}

/// The images in a shape that PNG supports, channels last: uint8 [N, height, width, samples].
torch::Tensor as_pictures(const torch::Tensor& bytes) {
  constexpr std::int64_t kMostSamples = 4;
  if (bytes.size(1) <= kMostSamples) return bytes.permute({0, 2, 3, 1}).contiguous();
  return bytes.reshape({bytes.size(0), bytes.size(1) * bytes.size(2), bytes.size(3), 1}).contiguous();
}

}  // namespace

torch::Tensor png_bits_per_dim(const torch::Tensor& bytes, std::int64_t bits) {
  ops::check_shape(bytes.dim() == 4 && bytes.numel() > 0 && bytes.scalar_type() == torch::kByte,
                   "complexity: expected uint8 [N, C, H, W]", bytes);
  require_range("bits", bits, 1, 8);
  const auto bin_width = std::int64_t{1} << (8 - bits);
  const auto pictures = as_pictures(bytes.to(torch::kCPU)).div(bin_width, "floor").contiguous();
  const io::ImageShape shape{static_cast<int>(pictures.size(1)), static_cast<int>(pictures.size(2)),
                             static_cast<int>(pictures.size(3))};
  const auto dimensions = bytes.numel() / bytes.size(0);
  const auto result = at::empty({bytes.size(0)}, at::kDouble);
  const auto* first = pictures.data_ptr<std::uint8_t>();
  auto* numbers = result.data_ptr<double>();
  at::parallel_for(0, bytes.size(0), 1, [=](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) {
      const auto* pixels = first + i * dimensions;
      const auto size = io::encode_png({shape, {pixels, pixels + dimensions}}).size();
      numbers[i] = kBitsPerByte * static_cast<double>(size) / static_cast<double>(dimensions);
    }
  });
  return result;
}

Auroc auroc(const torch::Tensor& inside, const torch::Tensor& outside) {
  const auto in = checked_scores(inside, "inside"), out = checked_scores(outside, "outside");
  const auto sorted_in = std::get<0>(in.sort()), sorted_out = std::get<0>(out.sort());
  const auto in_count = static_cast<double>(in.numel()), out_count = static_cast<double>(out.numel());
  // Twice the number of pairs in the right order: an integer, although equal scores count half.
  const auto pairs = twice_below(sorted_in, out).sum().item<std::int64_t>();
  Auroc result{.value = static_cast<double>(pairs) / (2 * in_count * out_count),
               .standard_error = std::numeric_limits<double>::quiet_NaN()};
  if (in.numel() > 1 && out.numel() > 1) {
    // DeLong et al. 1988: Var(AUROC) = Var_out(P(in < x)) / M + Var_in(P(out < x)) / N.
    const auto of_out = twice_below(sorted_in, out).to(torch::kDouble) / (2 * in_count);
    const auto of_in = twice_below(sorted_out, in).to(torch::kDouble) / (2 * out_count);
    result.standard_error = std::sqrt(of_out.var().item<double>() / out_count + of_in.var().item<double>() / in_count);
  }
  return result;
}

}  // namespace glow::evaluate
