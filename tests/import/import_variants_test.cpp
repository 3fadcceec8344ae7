// Forms of a code base's model that no fixture has. A fixture is rewritten to an equal model in the other form, or to
// both forms of a third model: the imported densities must be equal.
#include <cmath>
#include <functional>
#include <string>
#include <tuple>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "import/checkpoints.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::import_variants_test {
namespace {

using namespace glow::testing;

torch::Tensor density(const ImportedModel& imported) {
  const torch::NoGradGuard no_grad;
  const auto& model = imported.model;
  return model->log_prob(random_images(model->options(), 3, 7).to(torch::kFloat));
}

/// The density of a fixture's changed copy is that of `expected`.
void expect_density(const TensorMap& tensors, const std::string& file, const torch::Tensor& expected,
                    const std::function<void(const nn::GlowOptions&)>& check) {
  const auto imported = import_tensors(tensors, import_case(file));
  check(imported.model->options());
  EXPECT_TRUE(close(density(imported), expected, 2e-6));
}

/// The tensors with names that contain `part`.
std::vector<std::string> names_with(const TensorMap& tensors, const std::string& part) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) {
    if (name.find(part) != std::string::npos) names.push_back(name);
  }
  return names;
}

/// P (L + I) (U + diag(sign exp(log_s))).
torch::Tensor product(const torch::Tensor& p, const torch::Tensor& lower, const torch::Tensor& upper,
                      const torch::Tensor& log_s, const torch::Tensor& sign) {
  return p.mm(lower.tril(-1) + at::eye(p.size(0), p.options())).mm(upper.triu(1) + (sign * log_s.exp()).diag());
}

constexpr auto kConv1x1 = nn::PermutationKind::kConv1x1;
constexpr auto kLU = nn::PermutationKind::kLU;

TEST(RosinalityVariants, WithoutLUKeepsTheLastBlockInThisForm) {
  auto tensors = fixture_tensors(import_case(kRosinality));
  const auto expected = density(import_tensors(tensors, import_case(kRosinality)));
  for (const auto& name : names_with(tensors, "blocks.0.")) {
    if (!name.ends_with("invconv.w_p")) continue;
    const auto map = name.substr(0, name.size() - 3);
    const auto part = [&](const std::string& end) { return tensors.at(map + end); };
    tensors[map + "weight"] =
        product(part("w_p"), part("w_l"), part("w_u"), part("w_s"), part("s_sign")).unsqueeze(2).unsqueeze(3);
    for (const char* end : {"w_p", "w_l", "w_u", "w_s", "s_sign", "u_mask", "l_mask", "l_eye"})
      tensors.erase(map + end);
  }
  expect_density(tensors, kRosinality, expected,
                 [](const nn::GlowOptions& options) { EXPECT_EQ(options.permutation, kConv1x1); });
}

TEST(NormflowsVariants, PlainWeightsOfTheMaps) {
  auto tensors = fixture_tensors(import_case(kNormflows));
  const auto expected = density(import_tensors(tensors, import_case(kNormflows)));
  for (const auto& name : names_with(tensors, ".1.sign_S")) {
    const auto map = name.substr(0, name.size() - 6);
    const auto part = [&](const std::string& end) { return tensors.at(map + end); };
    tensors[map + "W"] = product(part("P"), part("L"), part("U"), part("log_S"), part("sign_S"));
    for (const char* end : {"P", "L", "U", "log_S", "sign_S", "eye"}) tensors.erase(map + end);
  }
  expect_density(tensors, kNormflows, expected,
                 [](const nn::GlowOptions& options) { EXPECT_EQ(options.permutation, kConv1x1); });
}

TEST(NormflowsVariants, ActnormsInTheNetworks) {
  const auto tensors = fixture_tensors(import_case(kNormflows));
  const auto expected = density(import_tensors(tensors, import_case(kNormflows)));
  // Layers 0, 2 and 4 become 0, 3 and 6. Behind the first two is x exp(s) + t with t = bias and x = conv(input)
  // exp(-s).
  TensorMap with_actnorm;
  std::uint64_t seed = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto at = name.find("param_map.net.");
    if (at == std::string::npos) {
      with_actnorm[name] = tensor;
      continue;
    }
    const auto net = name.substr(0, name.find(".net.") + 5), layer = name.substr(net.size(), 1),
               end = name.substr(net.size() + 2);
    if (layer == "4") {
      with_actnorm[net + "6." + end] = tensor;
    } else if (end == "weight") {
      const std::string index = layer == "0" ? "0" : "3", actnorm = net + (layer == "0" ? "1" : "4") + ".actNorm.";
      const auto s = random_normal({1, tensor.size(0), 1, 1}, ++seed) * 0.3;
      with_actnorm[net + index + ".weight"] = tensor * s.view({-1, 1, 1, 1}).neg().exp();
      with_actnorm[actnorm + "s"] = s;
      with_actnorm[actnorm + "t"] = tensors.at(net + layer + ".bias").view({1, -1, 1, 1});
      with_actnorm[actnorm + "data_dep_init_done"] = torch::ones({});
    }
  }
  ASSERT_GT(seed, 0u);
  expect_density(with_actnorm, kNormflows, expected, [](const nn::GlowOptions&) {});
}

TEST(NormflowsVariants, BasesWithScaledParameters) {
  auto tensors = fixture_tensors(import_case(kNormflows));
  const auto expected = density(import_tensors(tensors, import_case(kNormflows)));
  std::uint64_t seed = 0;
  for (const auto& name : names_with(tensors, "q0.")) {
    if (name.ends_with("_logs")) continue;
    const auto logs = random_normal(tensors.at(name).sizes(), ++seed) * 0.1;
    const auto before = tensors.count(name + "_logs") ? tensors.at(name + "_logs") : torch::zeros_like(logs);
    tensors[name] = tensors.at(name) * (3 * (before - logs)).exp();
    tensors[name + "_logs"] = logs;
  }
  ASSERT_GT(seed, 0u);
  expect_density(tensors, kNormflows, expected, [](const nn::GlowOptions&) {});
}

TEST(ChaiyujinVariants, MapsInLUForm) {
  auto tensors = fixture_tensors(import_case(kChaiyujin));
  const auto expected = density(import_tensors(tensors, import_case(kChaiyujin)));
  for (const auto& name : names_with(tensors, "invconv.weight")) {
    const auto map = name.substr(0, name.size() - 6);
    const auto [p, lower, upper] = at::linalg_lu(tensors.at(name));
    const auto diagonal = upper.diagonal();
    tensors[map + "p"] = p;
    tensors[map + "l"] = lower;
    tensors[map + "u"] = upper.triu(1);
    tensors[map + "log_s"] = diagonal.abs().log();
    tensors[map + "sign_s"] = diagonal.sign();
    tensors.erase(name);
  }
  expect_density(tensors, kChaiyujin, expected,
                 [](const nn::GlowOptions& options) { EXPECT_EQ(options.permutation, kLU); });
}

TEST(ChaiyujinVariants, ALearnedTop) {
  auto tensors = fixture_tensors(import_case(kChaiyujin));
  const auto expected = density(import_tensors(tensors, import_case(kChaiyujin)));
  const auto outputs = 2 * import_case(kChaiyujin).options.channels * 4 * 4;  // after three levels: 3 * 2^4 channels
  tensors["learn_top.weight"] = random_normal({outputs / 1, outputs, 3, 3}, 1);
  tensors["learn_top.bias"] = torch::zeros({outputs});
  tensors["learn_top.logs"] = random_normal({outputs, 1, 1}, 2);
  expect_density(tensors, kChaiyujin, expected, [](const nn::GlowOptions& options) { EXPECT_TRUE(options.learn_top); });
  tensors["learn_top.bias"] = torch::ones({outputs});
  EXPECT_FALSE(close(density(import_tensors(tensors, import_case(kChaiyujin))), expected, 1e-3));
}

/// How the last convolution of a code base's coupling networks orders shift and scale.
struct CouplingCase {
  std::string file;
  /// Ends of the names of the last convolution's tensors.
  std::string weight, bias, log_scale;
  /// Rows of the scale r: every other one from 1 on; else the first half.
  bool is_interleaved;
};

class AdditiveVariants : public ::testing::TestWithParam<CouplingCase> {};

/// An affine coupling whose scale is sigmoid(40 + 2) = 1 is an additive one.
TEST_P(AdditiveVariants, AreAffineOnesOfScaleOne) {
  const auto& each = GetParam();
  auto affine = fixture_tensors(import_case(each.file)), additive = affine;
  const auto scale_rows = [&](const torch::Tensor& x) {
    const auto rows = x.size(0);
    return each.is_interleaved ? x.slice(0, 1, rows, 2) : x.slice(0, 0, rows / 2);
  };
  const auto shift_rows = [&](const torch::Tensor& x) {
    const auto rows = x.size(0);
    return each.is_interleaved ? x.slice(0, 0, rows, 2) : x.slice(0, rows / 2, rows);
  };
  int networks = 0;
  for (const auto& name : names_with(affine, each.weight)) {
    const auto net = name.substr(0, name.size() - each.weight.size());
    if (!name.ends_with(each.weight)) continue;
    ++networks;
    scale_rows(affine.at(name)).zero_();
    scale_rows(affine.at(net + each.bias)).fill_(40);
    additive.at(name) = shift_rows(affine.at(name));
    additive.at(net + each.bias) = shift_rows(affine.at(net + each.bias));
    if (each.log_scale.empty()) continue;
    // [1, C, 1, 1] or [C, 1, 1]
    auto& logs = affine.at(net + each.log_scale);
    const auto rows = logs.view({-1, 1, 1});
    scale_rows(rows).zero_();
    additive.at(net + each.log_scale) = logs.dim() == 4 ? shift_rows(rows).unsqueeze(0) : shift_rows(rows).clone();
  }
  ASSERT_EQ(networks, import_case(each.file).options.levels * import_case(each.file).options.depth);
  const auto expected = density(import_tensors(affine, import_case(each.file)));
  expect_density(additive, each.file, expected,
                 [](const nn::GlowOptions& options) { EXPECT_EQ(options.coupling, nn::CouplingKind::kAdditive); });
}

INSTANTIATE_TEST_SUITE_P(
    CodeBases, AdditiveVariants,
    ::testing::Values(CouplingCase{kRosinality, ".net.4.conv.weight", ".net.4.conv.bias", ".net.4.scale", false},
                      CouplingCase{kY0ast, ".block.4.conv.weight", ".block.4.conv.bias", ".block.4.logs", true},
                      CouplingCase{kChaiyujin, ".f.4.weight", ".f.4.bias", ".f.4.logs", true},
                      CouplingCase{kNormflows, ".net.4.weight", ".net.4.bias", "", true}),
    [](const auto& test) { return to_string(import_case(test.param.file).code_base); });

TEST(ImportVariants, OneLevel) {
  // The first level of a fixture with the prior of its split as the top.
  auto tensors = fixture_tensors(import_case(kRosinality));
  for (const auto& name : names_with(tensors, "blocks.1.")) tensors.erase(name);
  tensors["blocks.0.prior.conv.weight"] = random_normal({24, 12, 3, 3}, 1) * 0.1;
  tensors["blocks.0.prior.conv.bias"] = random_normal({24}, 2) * 0.1;
  tensors["blocks.0.prior.scale"] = random_normal({1, 24, 1, 1}, 3) * 0.1;
  const auto imported = import_tensors(tensors, import_case(kRosinality));
  EXPECT_EQ(imported.model->options().levels, 1);
  EXPECT_TRUE(density(imported).isfinite().all().item<bool>());
}

}  // namespace
}  // namespace glow::import_variants_test
