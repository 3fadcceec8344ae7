// Runs the threads of CUDA kernels in a loop, to test their arithmetic without a GPU.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "ops/coupling.h"
#include "ops/coupling_elements.h"
#include "ops/divisor.h"
#include "ops/fold_elements.h"
#include "ops/fold_network.h"
#include "ops/map_gradient_elements.h"
#include "ops/matrix_inverse.h"
#include "ops/packed.h"
#include "ops/patches.h"
#include "ops/patches_elements.h"
#include "ops/pixel_product.h"
#include "ops/random_elements.h"
#include "ops/relu_elements.h"
#include "support/tensors.h"

namespace glow::ops::cuda_elements_test {
namespace {

using glow::testing::close;
using glow::testing::random_normal;

template <class Element>
void for_each(std::int64_t count, const Element& element) {
  for (std::int64_t index = 0; index < count; ++index) element(static_cast<std::uint32_t>(index));
}

torch::Tensor channels_last(torch::IntArrayRef shape, std::uint64_t seed) {
  return random_normal(shape, seed).to(torch::kFloat).contiguous(at::MemoryFormat::ChannelsLast);
}

torch::Tensor poisoned(torch::IntArrayRef shape) {
  return torch::full(shape, NAN).contiguous(at::MemoryFormat::ChannelsLast);
}

class CudaElements : public ::testing::Test {
 protected:
  // A range of channels of a wider tensor, like the input of a coupling network.
  torch::Tensor z = channels_last({2, 6, 3, 4}, 1);
  torch::Tensor x = z.narrow(1, 0, 3);
  torch::Tensor h = channels_last({2, 6, 3, 4}, 2);
};

template <class T, class Part, int kCount>
torch::Tensor extract_by_threads(const torch::Tensor& from, bool edge, std::int64_t channels) {
  const auto like = extract_patches(from, edge, c10::CppTypeToScalarType<Part>::value, channels);
  auto patches = torch::full_like(like, NAN);
  for_each(patches.numel() / kCount, ExtractPatch<T, Part, kCount>(from, patches));
  return patches;
}

TEST_F(CudaElements, ExtractPatchMatchesCpu) {
  const auto outermost = channels_last({2, 1, 1, 1}, 3), wide = channels_last({2, 13, 5, 3}, 4);
  for (const auto& from : {x, h, outermost, wide, wide.narrow(1, 5, 7)}) {
    for (const bool edge : {false, true}) {
      const auto parts = 9 * (from.size(1) + (edge ? 1 : 0)), padded = (parts + 7) / 8 * 8;
      EXPECT_TRUE((extract_by_threads<float, float, 1>(from, edge, 0).equal(extract_patches(from, edge))));
      const auto expected = extract_patches(from, edge, c10::nullopt, padded);
      EXPECT_TRUE((extract_by_threads<float, float, 1>(from, edge, padded).equal(expected)));
      EXPECT_TRUE((extract_by_threads<float, float, 4>(from, edge, padded).equal(expected)));
      const auto exact = from.to(torch::kDouble);
      EXPECT_TRUE((extract_by_threads<double, double, 2>(exact, edge, padded).equal(expected.to(torch::kDouble))));
      const auto rounded = expected.to(torch::kBFloat16);
      EXPECT_TRUE((extract_by_threads<float, c10::BFloat16, 1>(from, edge, padded).equal(rounded)));
      EXPECT_TRUE((extract_by_threads<float, c10::BFloat16, 8>(from, edge, padded).equal(rounded)));
    }
  }
  x[1][2][1][3] = NAN;
  const auto with_nan = extract_by_threads<float, c10::BFloat16, 8>(x, true, 40);
  EXPECT_TRUE(with_nan.isnan().equal(extract_patches(x, true, c10::nullopt, 40).isnan()));
}

TEST_F(CudaElements, SumPatchesMatchesCpu) {
  const auto patches = channels_last({2, 45, 3, 4}, 3);
  const auto bias = random_normal({5}, 4).to(torch::kFloat), outside = random_normal({9, 5}, 5).to(torch::kFloat);
  const auto expected = sum_patches(patches, bias, outside);
  const auto sum_by_threads = [&]<class Part>(Part, const torch::Tensor& of) {
    auto sum = poisoned({2, 5, 3, 4});
    for_each(sum.numel(), SumPatches<float, Part>(of, bias, outside, sum));
    return sum;
  };
  EXPECT_TRUE(close(sum_by_threads(0.F, patches), expected, 1e-6));
  const auto rounded = patches.to(torch::kBFloat16);
  EXPECT_TRUE(close(sum_by_threads(c10::BFloat16(), rounded), sum_patches(rounded, bias, outside), 1e-6));
  const auto filled_up =
      at::constant_pad_nd(patches, {0, 0, 0, 0, 0, 3}, NAN).contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(close(sum_by_threads(0.F, filled_up), expected, 1e-6));
  const auto range = at::cat({torch::full_like(patches, NAN), patches}, 1).contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(close(sum_by_threads(0.F, range.narrow(1, 45, 45)), expected, 1e-6));
}

TEST_F(CudaElements, SumPatchesUsesNoNumberOfAnotherPixel) {
  // A NaN reaches the neighbours of its pixel only; a pixel at the edge must not take its own in place of those
  // outside.
  auto patches = channels_last({1, 9, 4, 4}, 3);
  patches.select(2, 3).select(2, 3).fill_(NAN);
  const auto bias = torch::zeros({1}), outside = torch::zeros({9, 1});
  patches[0][4][3][3] = 1;  // of the pixel itself
  auto sum = poisoned({1, 1, 4, 4}), added = torch::zeros_like(sum);
  for_each(16, SumPatches<float, float>(patches, bias, outside, sum));
  for_each(16, AddPatches<float, float>(patches, added));
  for (const auto& result : {sum, added}) {
    EXPECT_EQ(result.isnan().sum().item<std::int64_t>(), 3);
    EXPECT_FALSE(result[0][0][3][3].isnan().item<bool>());
  }
}

TEST_F(CudaElements, AddPatchesMatchesCpu) {
  const auto patches = channels_last({2, 36, 3, 4}, 3);
  auto expected = z.clone(), actual = z.clone();
  add_patches_(expected.narrow(1, 0, 3), patches);
  const auto half = actual.narrow(1, 0, 3);
  for_each(half.numel(), AddPatches<float, float>(patches, half));
  EXPECT_TRUE(close(actual, expected, 1e-6));
  const auto filled_up =
      at::constant_pad_nd(patches, {0, 0, 0, 0, 0, 4}, NAN).contiguous(at::MemoryFormat::ChannelsLast);
  half.copy_(x);
  for_each(half.numel(), AddPatches<float, float>(filled_up, half));
  EXPECT_TRUE(close(actual, expected, 1e-6));
  const auto rounded = patches.to(torch::kBFloat16);
  auto expected_of_rounded = z.clone();
  add_patches_(expected_of_rounded.narrow(1, 0, 3), rounded);
  half.copy_(x);
  for_each(half.numel(), AddPatches<float, c10::BFloat16>(rounded, half));
  EXPECT_TRUE(close(actual, expected_of_rounded, 1e-6));
}

TEST(Pixels32, RefusesAnImageOf31Bits) {
  // Without memory of that size: rows that overlap.
  const auto numbers = torch::zeros({8});
  EXPECT_NO_THROW(Pixels32<float>(numbers.as_strided({1, 2, 1, 2}, {8, 1, std::int64_t{1} << 40, 2})));
  const auto meta = torch::empty({1, 1, 1 << 16, 1 << 16}, torch::kMeta);
  EXPECT_THROW(Pixels32<float>(meta.to(torch::kFloat)), c10::Error);
}

TEST(Divisor, DividesAllNumbersBelow31Bits) {
  constexpr std::uint32_t kEnd = std::uint32_t{1} << 31;
  for (const std::int64_t divisor : {1, 2, 3, 5, 7, 12, 64, 65, 641, 10007, (1 << 30) - 1, 1 << 30, (1 << 30) + 1,
                                     std::numeric_limits<std::int32_t>::max()}) {
    const Divisor by(divisor);
    const auto d = static_cast<std::uint32_t>(divisor);
    // The numbers around multiples, where a quotient changes.
    for (std::uint32_t multiple = 0; multiple < kEnd - d; multiple += std::max(d, (kEnd / 5000) / d * d)) {
      for (const auto n : {multiple, multiple + 1, multiple + d - 1}) ASSERT_EQ(by.quotient(n), n / d) << n << '/' << d;
    }
    EXPECT_EQ(by.quotient(kEnd - 1), (kEnd - 1) / d);
  }
}

TEST_F(CudaElements, CoupleAndUncoupleMatchCpu) {
  auto expected = z.clone(), actual = z.clone();
  const auto log_det = couple_(CouplingKind::kAffine, expected, h);
  auto sums = torch::zeros({2});
  for (std::uint32_t index = 0; index < 72; ++index) {
    sums[index / 36] += Couple<float>{Pixels<float>(actual), Pixels<const float>(h)}(index);
  }
  EXPECT_TRUE(close(actual, expected, 1e-6));
  EXPECT_TRUE(close(sums, log_det, 1e-5));
  for_each(72, Uncouple<float>{Pixels<float>(actual), Pixels<const float>(h)});
  EXPECT_TRUE(close(actual, z, 1e-5));
}

TEST_F(CudaElements, CoupleBackwardMatchesCpu) {
  const auto log_det_gradient = random_normal({2}, 6).to(torch::kFloat);
  auto expected = channels_last(z.sizes(), 7), actual = expected.clone();
  const auto of_h = couple_backward_(CouplingKind::kAffine, z, h, expected, log_det_gradient);
  auto own = poisoned(h.sizes());
  for_each(72, CoupleBackward<float>{Pixels<const float>(z), Pixels<const float>(h), log_det_gradient.data_ptr<float>(),
                                     Pixels<float>(actual), Pixels<float>(own)});
  EXPECT_TRUE(close(actual, expected, 1e-6));
  EXPECT_TRUE(close(own, of_h, 1e-6));
}

TEST_F(CudaElements, RandomBlocksEqualTheRowOfTheCpu) {
  const RandomKey key{7, Stream::kSample, 3};
  const auto options = torch::TensorOptions().dtype(torch::kFloat);
  for (const std::int64_t count : {1, 4, 6, 11}) {
    const auto fill = [&](auto block_fill) {
      auto row = torch::full({1, count}, NAN);
      for (std::int64_t block = 0; block < (count + 3) / 4; ++block) {
        auto engine = philox_engine(philox_row(key, 5), static_cast<std::uint64_t>(block));
        block_fill(engine, row.data_ptr<float>() + 4 * block, count - 4 * block);
      }
      return row;
    };
    EXPECT_TRUE(fill(UniformBlock{}).equal(uniform(key, {5}, count, options)));
    EXPECT_TRUE(fill(NormalBlock{}).equal(normal(key, {5}, count, options)));
  }
}

class CudaFoldElements : public ::testing::TestWithParam<NetworkShape> {
 protected:
  const NetworkShape shape = GetParam();
  // Rows that are apart in memory.
  const torch::Tensor parameters =
      (random_normal({3, shape.numbers() + 5}, 1) * 0.3).to(torch::kFloat).narrow(1, 2, shape.numbers());

  template <class H>
  FoldedNets fold(const torch::Tensor& broken) const {
    const auto* from = parameters.data_ptr<float>();
    const auto hidden = std::is_same_v<H, float> ? torch::kFloat : torch::kBFloat16;
    FoldedNets folded = fold_networks(parameters, shape, FoldedLayout::kRows, hidden);
    folded.hidden.fill_(NAN);
    folded.exact.fill_(NAN);
    for_each(folded.hidden.numel(),
             FoldHidden<float, H>{shape, from, parameters.stride(0), folded.hidden.data_ptr<H>()});
    for_each(folded.exact.numel(), FoldExact<float>{shape, from, parameters.stride(0), broken.data_ptr<float>(),
                                                    folded.exact.data_ptr<float>()});
    return folded;
  }
};

TEST_P(CudaFoldElements, FoldMatchesCpu) {
  const auto in_float = fold_networks(parameters, shape, FoldedLayout::kRows, torch::kFloat);
  const auto rounded = fold_networks(parameters, shape, FoldedLayout::kRows, torch::kBFloat16);
  const auto sound = torch::zeros({3});
  EXPECT_TRUE(close(fold<float>(sound).hidden, in_float.hidden, 1e-6));
  EXPECT_TRUE(close(fold<float>(sound).exact, in_float.exact, 1e-6));
  EXPECT_TRUE(close(fold<c10::BFloat16>(sound).hidden, rounded.hidden, 0x1p-7));
  EXPECT_TRUE(close(fold<c10::BFloat16>(sound).exact, rounded.exact, 1e-6));
}

TEST_P(CudaFoldElements, LastBiasOfABrokenNetworkIsNaN) {
  const auto folded = fold<float>(torch::tensor({0.F, NAN, 0.F}));
  for (const std::int64_t network : {0, 1, 2}) {
    const auto net = folded.at(network);
    EXPECT_EQ(net.bias3.isnan().all().item<bool>(), network == 1);
    EXPECT_EQ(net.bias3.isnan().any().item<bool>(), network == 1);
    EXPECT_TRUE(net.exact_bias2.isfinite().all().item<bool>());
    EXPECT_TRUE(net.outside.isfinite().all().item<bool>());
  }
}

template <class G>
void run_unfold(const NetworkShape& shape, const torch::Tensor& row, const FoldedNetGradient& of_folded,
                const torch::Tensor& gradient, bool accumulate, std::int64_t lanes) {
  const auto numbers = [](const torch::Tensor& tensor) { return tensor.data_ptr<float>(); };
  const UnfoldOutput<float, G> output{shape,
                                      numbers(row),
                                      of_folded.weight1.data_ptr<G>(),
                                      of_folded.weight2.data_ptr<G>(),
                                      of_folded.weight3.data_ptr<G>(),
                                      numbers(of_folded.bias1),
                                      numbers(of_folded.bias2),
                                      numbers(of_folded.bias3),
                                      numbers(of_folded.outside),
                                      numbers(gradient),
                                      accumulate};
  for (std::int64_t each = 0; each < output.outputs(); ++each) {
    float sum = 0;
    for (std::int64_t lane = 0; lane < lanes; ++lane) sum += output.spread(each, lane, lanes);
    output.finish(each, sum);
  }
}

TEST_P(CudaFoldElements, UnfoldMatchesCpu) {
  const auto row = parameters[1];
  const auto random = [](torch::IntArrayRef sizes, std::uint64_t seed) {
    return random_normal(sizes, seed).to(torch::kFloat);
  };
  FoldedNetGradient of_folded{.weight1 = random({shape.width, shape.gathered()}, 2),
                              .weight2 = random({shape.width, shape.width}, 3),
                              .weight3 = random({shape.summed(), shape.width}, 4),
                              .bias1 = random({shape.width}, 5),
                              .bias2 = random({shape.width}, 6),
                              .bias3 = random({shape.outputs}, 7),
                              .outside = random({9, shape.outputs}, 8)};
  auto rounded = of_folded;
  for (auto weight : {&FoldedNetGradient::weight1, &FoldedNetGradient::weight2, &FoldedNetGradient::weight3}) {
    rounded.*weight = (rounded.*weight).to(torch::kBFloat16);
  }
  for (const std::int64_t lanes : {1, 32}) {
    for (const bool accumulate : {false, true}) {
      const auto expected = accumulate ? random(row.sizes(), 9) : torch::full_like(row, NAN);
      const auto actual = expected.clone(), of_rounded = expected.clone(), expected_of_rounded = expected.clone();
      unfold_gradient(row, shape, of_folded, expected, accumulate);
      run_unfold<float>(shape, row, of_folded, actual, accumulate, lanes);
      EXPECT_TRUE(close(actual, expected, 2e-5)) << lanes << accumulate;
      unfold_gradient(row, shape, rounded, expected_of_rounded, accumulate);
      run_unfold<c10::BFloat16>(shape, row, rounded, of_rounded, accumulate, lanes);
      EXPECT_TRUE(close(of_rounded, expected_of_rounded, 2e-5)) << lanes << accumulate;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaFoldElements,
                         ::testing::Values(NetworkShape{1, false, 1, 1}, NetworkShape{2, true, 5, 3},
                                           NetworkShape{6, true, 48, 12}, NetworkShape{1, false, 48, 2}));

/// relu_backward_ by the blocks of a GPU with 3 processors.
template <class T, int kCount>
torch::Tensor run_relu_backward(const torch::Tensor& gradient, const torch::Tensor& y) {
  using Work = ReluBackward<T, kCount>;
  constexpr std::uint32_t kThreads = 256;
  const auto channels = y.size(1), pixels = y.numel() / channels;
  const ReluBackwardGrid grid(pixels, channels / kCount, kThreads, 3);
  const torch::Tensor sums =
      torch::full({grid.parts, channels}, NAN, c10::CppTypeToScalarType<typename Work::Sum>::value);
  const Work work{gradient.data_ptr<T>(),
                  y.data_ptr<T>(),
                  static_cast<std::uint32_t>(pixels),
                  static_cast<std::uint32_t>(channels),
                  grid,
                  sums.data_ptr<typename Work::Sum>()};
  for (std::uint32_t block = 0; block < grid.blocks; ++block) {
    for (std::uint32_t part = 0; part < grid.parts; ++part) {
      std::vector<typename Work::Sum> thread_sums(kThreads * kCount, NAN);
      for (std::uint32_t thread = 0; thread < kThreads; ++thread) work.mask(block, part, thread, thread_sums.data());
      for (std::uint32_t thread = 0; thread < kThreads; ++thread) work.finish(block, part, thread, thread_sums.data());
    }
  }
  return sums.sum(0);
}

template <class T>
class CudaReluBackward : public ::testing::Test {};

using ReluTypes = ::testing::Types<float, double, c10::BFloat16>;
TYPED_TEST_SUITE(CudaReluBackward, ReluTypes);

TYPED_TEST(CudaReluBackward, MatchesCpu) {
  constexpr int kWide = 16 / sizeof(TypeParam);
  const auto random = [](std::int64_t channels, std::int64_t height, std::uint64_t seed) {
    return random_normal({3, channels, height, 7}, seed)
        .to(c10::CppTypeToScalarType<TypeParam>::value)
        .contiguous(at::MemoryFormat::ChannelsLast);
  };
  for (const std::int64_t channels : {1, 3, 8, 24, 512, 520}) {
    for (const std::int64_t height : {1, 5, 70}) {
      auto y = random(channels, height, 1).relu();
      y[2][0][0][3] = NAN;
      const auto gradient = random(channels, height, 2);
      auto expected = gradient.clone(), actual = gradient.clone(), wide = gradient.clone();
      const auto expected_sum = relu_backward_(expected, y);
      EXPECT_TRUE(close(run_relu_backward<TypeParam, 1>(actual, y), expected_sum, 1e-4)) << channels << ' ' << height;
      EXPECT_TRUE(actual.equal(expected)) << channels << ' ' << height;
      if (channels % kWide != 0) continue;
      EXPECT_TRUE(close(run_relu_backward<TypeParam, kWide>(wide, y), expected_sum, 1e-4)) << channels << ' ' << height;
      EXPECT_TRUE(wide.equal(expected)) << channels << ' ' << height;
    }
  }
}

template <class T, int kSums>
torch::Tensor map_gradient_by_blocks(const torch::Tensor& gradient, const torch::Tensor& x) {
  using Work = MapGradient<T, kSums>;
  const Work work(gradient, x, 3);
  const torch::Tensor sums = torch::full({work.parts, gradient.size(1), x.size(1) + 1}, NAN, x.options());
  for (std::uint32_t part = 0; part < work.parts; ++part) {
    std::vector<typename Work::Sums> of_threads;
    for (std::uint32_t thread = 0; thread < Work::kThreads; ++thread) of_threads.emplace_back(work, thread);
    for (auto first = work.begin(part); first < work.end(part); first += Work::kTilePixels) {
      const auto count = std::min(std::uint32_t{Work::kTilePixels}, work.end(part) - first);
      std::vector<T> tile(Work::kTile, NAN);
      for (std::uint32_t thread = 0; thread < Work::kThreads; ++thread) work.load(first, count, thread, tile.data());
      for (auto& of_thread : of_threads) of_thread.add(tile.data(), count);
    }
    for (std::uint32_t thread = 0; thread < Work::kThreads; ++thread) {
      work.store(part, thread, of_threads[thread], sums.data_ptr<T>());
    }
  }
  return sums.sum(0);
}

TEST(CudaMapGradient, MatchesProducts) {
  for (const auto& [outputs, inputs] : {std::pair{1, 1}, {12, 12}, {5, 48}, {24, 24}, {47, 13}, {48, 48}}) {
    for (const std::int64_t size : {1, 7, 16, 41}) {
      const auto gradient = random_normal({2, outputs, size, size}, 1).contiguous(at::MemoryFormat::ChannelsLast);
      const auto x = random_normal({2, inputs, size, size}, 2).contiguous(at::MemoryFormat::ChannelsLast);
      const auto [weight, bias] = pixel_product_parameter_gradients(gradient, x);
      EXPECT_TRUE(close(weight, at::einsum("nohw,nihw->oi", {gradient, x}), 1e-12));
      const auto expected = at::cat({weight, bias.unsqueeze(1)}, 1);
      dispatch_map_gradient(outputs, inputs, [&, outputs = outputs, inputs = inputs](auto sums) {
        EXPECT_TRUE(close(map_gradient_by_blocks<double, sums>(gradient, x), expected, 1e-12))
            << outputs << ' ' << inputs << ' ' << size;
        const auto rounded = map_gradient_by_blocks<float, sums>(gradient.to(torch::kFloat), x.to(torch::kFloat));
        EXPECT_TRUE(close(rounded, expected, 1e-4)) << outputs << ' ' << inputs << ' ' << size;
      });
    }
  }
}

TEST(ReluBackwardGrid, HasAboutFourBlocksPerProcessor) {
  const ReluBackwardGrid large(131072, 64, 256, 132), small(1024, 64, 256, 132), narrow(100000, 3, 256, 132);
  EXPECT_EQ(large.blocks * large.parts, 2 * 264);
  EXPECT_EQ(small.part, 16);
  EXPECT_EQ(narrow.lanes * narrow.rows, 256);
  EXPECT_EQ(narrow.lanes, 4);
  EXPECT_EQ(ReluBackwardGrid(10'000'000, 64, 256, 132).part, 512);
}

TEST(Packed, IsUsedWhereAllAddressesAndCountsFit) {
  const auto numbers = torch::zeros({64}, torch::kFloat);
  const auto* first = numbers.data_ptr<float>();
  const auto count_for = [&](const float* begin, std::int64_t channels) {
    int result = 0;
    dispatch_packed<float>([&](int count) { return channels % count == 0 && is_aligned(first, begin); },
                           [&](auto count) { result = count; });
    return result;
  };
  EXPECT_EQ(count_for(first, 8), 4);
  EXPECT_EQ(count_for(first + 4, 12), 4);
  EXPECT_EQ(count_for(first + 2, 8), 1);
  EXPECT_EQ(count_for(first, 6), 1);
}

TEST(Tf32Guard, SetsWhatIsWantedAndRestoresThePreviousSetting) {
  const auto allowed = [] { return at::globalContext().allowTF32CuBLAS(); };
  for (const bool before : {false, true}) {
    at::globalContext().setAllowTF32CuBLAS(before);
    {
      const Tf32Guard refuses(false, torch::kCUDA), without_effect(true, torch::kCPU);
      EXPECT_FALSE(allowed());
      {
        const Tf32Guard allows(true, torch::kCUDA), inner(true, torch::kCUDA);
        EXPECT_TRUE(allowed());
      }
      EXPECT_FALSE(allowed());
    }
    EXPECT_EQ(allowed(), before);
    {
      const Tf32Guard allows(true, torch::kCUDA);
      EXPECT_TRUE(allowed());
    }
    EXPECT_EQ(allowed(), before);
  }
  at::globalContext().setAllowTF32CuBLAS(false);
}

/// A team of one thread. It visits elements in ascending or descending order: the order must not matter.
template <bool kBackwards>
struct OneMember {
  template <class Element>
  void for_each(std::uint32_t count, const Element& element) const {
    for (std::uint32_t i = 0; i < count; ++i) element(kBackwards ? count - 1 - i : i);
  }
  template <class Element>
  void for_each_pair(std::uint32_t rows, std::uint32_t columns, const Element& element) const {
    for_each(rows, [&](std::uint32_t row) { for_each(columns, [&](std::uint32_t column) { element(row, column); }); });
  }
  template <class Value>
  std::uint32_t largest(std::uint32_t first, std::uint32_t end, const Value& value) const {
    auto best = first;
    for (auto index = first; index < end; ++index) {
      if (std::fabs(value(index)) > std::fabs(value(best))) best = index;
    }
    return best;
  }
};

struct Inverted {
  torch::Tensor inverse;
  double log_abs_det;
};

/// With panels of the width that a GPU uses, or of `width` columns.
template <bool kBackwards>
Inverted invert(const torch::Tensor& matrix, std::uint32_t width = 0) {
  using Inverse = MatrixInverse<OneMember<kBackwards>>;
  const auto size = static_cast<std::uint32_t>(matrix.size(0));
  const auto eliminated = matrix.clone(), inverse = torch::full_like(matrix, NAN);
  std::vector<Packed<double, 2>> workspace(Inverse::workspace_numbers(size) / 2, {NAN, NAN});
  const double log_abs_det = Inverse(eliminated.data_ptr<double>(), inverse.data_ptr<double>(), workspace[0].values,
                                     size, width > 0 ? width : Inverse::panel_width(size))
                                 .run({});
  return {inverse, log_abs_det};
}

TEST(CudaMatrixInverse, MatchesLapack) {
  for (const std::int64_t size : {1, 2, 3, 12, 48, 64, 65, 79, 80, 81, 96, 200}) {
    const auto matrix = random_normal({size, size}, size);
    const auto [inverse, log_abs_det] = invert<false>(matrix);
    EXPECT_NEAR(log_abs_det, std::get<1>(at::linalg_slogdet(matrix)).item<double>(), 1e-10) << size;
    EXPECT_TRUE(close(inverse, at::linalg_inv(matrix), 1e-8)) << size;
    EXPECT_TRUE(invert<true>(matrix).inverse.equal(inverse)) << size;
  }
}

TEST(CudaMatrixInverse, PanelsGiveWhatASinglePanelGives) {
  for (const std::int64_t size : {20, 33, 48}) {
    const auto matrix = random_normal({size, size}, size);
    const auto whole = invert<false>(matrix), panels = invert<false>(matrix, MatrixInverse<OneMember<false>>::kPanel);
    EXPECT_TRUE(close(panels.inverse, whole.inverse, 1e-10)) << size;
    EXPECT_NEAR(panels.log_abs_det, whole.log_abs_det, 1e-12) << size;
  }
}

TEST(CudaMatrixInverse, PivotsRows) {
  // Exchanges within a panel and with rows of later ones; every pivot is a 0 without them.
  for (const std::int64_t size : {4, 60, 90}) {
    const auto order = (at::arange(size, torch::kLong) * 7 + 2).remainder(size);
    const auto matrix = at::one_hot(order, size).to(torch::kDouble) * 4;
    const auto [inverse, log_abs_det] = invert<false>(matrix);
    EXPECT_EQ(log_abs_det, static_cast<double>(size) * 2 * std::log(2.0)) << size;
    EXPECT_TRUE(inverse.equal(matrix.t() / 16)) << size;
  }
}

TEST(CudaMatrixInverse, DeterminantsBeyondTheRangeOfFloat64) {
  for (const double scale : {1e-200, 1e200}) {
    const auto [inverse, log_abs_det] = invert<false>(at::eye(70, torch::kDouble) * -scale);
    EXPECT_NEAR(log_abs_det, 70 * std::log(scale), 1e-9);
    EXPECT_TRUE(close(inverse * scale, -at::eye(70, torch::kDouble), 1e-14));
  }
}

TEST(CudaMatrixInverse, IsNonFiniteForASingularMatrix) {
  for (const std::int64_t size : {3, 70}) {
    auto singular_late = at::eye(size, torch::kDouble);
    singular_late[size - 1][size - 1] = 0;
    auto with_nan = random_normal({size, size}, 1);
    with_nan[size / 2][size - 1] = NAN;
    for (const auto& matrix : {torch::ones({size, size}, torch::kDouble), singular_late, with_nan}) {
      const auto [inverse, log_abs_det] = invert<false>(matrix);
      EXPECT_FALSE(std::isfinite(log_abs_det)) << size;
      EXPECT_FALSE(inverse.isfinite().all().item<bool>()) << size;
    }
  }
}

}  // namespace
}  // namespace glow::ops::cuda_elements_test
