#pragma once

#include <array>
#include <string>
#include <vector>

#include <glow/nn/options.h>

namespace glow::testing {

/// A small model with a split (two levels) and an image that is not square.
inline nn::GlowOptions small_options(std::int64_t channels = 1) {
  return {.channels = channels, .height = 4, .width = 8, .levels = 2, .depth = 2, .hidden_width = 6};
}

/// `base` with every combination of permutation, coupling, edge bias and 1, 2, 3 or 5 image channels. Under the address
/// sanitizer, where each case is many times slower, every combination of the first three has a single number of
/// channels.
inline std::vector<nn::GlowOptions> every_combination(const nn::GlowOptions& base) {
  using nn::CouplingKind;
  using nn::PermutationKind;
  std::vector<nn::GlowOptions> all;
  for (const auto permutation :
       {PermutationKind::kReverse, PermutationKind::kShuffle, PermutationKind::kConv1x1, PermutationKind::kLU}) {
    for (const auto coupling : {CouplingKind::kAdditive, CouplingKind::kAffine}) {
      for (const bool edge_bias : {false, true}) {
        for (const std::int64_t channels : {1, 2, 3, 5}) {
#ifdef __SANITIZE_ADDRESS__
          constexpr std::array<std::int64_t, 4> kChannels{1, 2, 3, 5};
          if (channels != kChannels[(all.size() + all.size() / 4) % 4]) continue;
#endif
          all.push_back(base);
          all.back().permutation = permutation;
          all.back().coupling = coupling;
          all.back().edge_bias = edge_bias;
          all.back().channels = channels;
        }
      }
    }
  }
  return all;
}

/// Models that vary the options that every_combination does not vary.
inline std::vector<nn::GlowOptions> other_shapes() {
  using nn::CouplingKind;
  using nn::PermutationKind;
  const auto additive = CouplingKind::kAdditive;
  const auto lu = PermutationKind::kLU;
  return {
      // The smallest model, and one whose top level has a single pixel.
      {.channels = 1, .height = 2, .width = 2, .levels = 1, .depth = 1, .hidden_width = 1},
      {.channels = 1, .height = 8, .width = 8, .levels = 3, .depth = 1, .hidden_width = 5},
      {.channels = 2, .height = 2, .width = 10, .levels = 1, .depth = 3, .hidden_width = 4, .learn_top = false},
      {.channels = 1, .height = 8, .width = 4, .levels = 2, .depth = 1, .hidden_width = 4, .num_classes = 3},
      {.channels = 1,
       .height = 4,
       .width = 4,
       .levels = 2,
       .depth = 1,
       .hidden_width = 4,
       .permutation = lu,
       .coupling = additive,
       .edge_bias = false,
       .learn_top = false,
       .num_classes = 2},
  };
}

/// Small models of RealNVP and NICE, some of them conditional.
inline std::vector<nn::GlowOptions> other_families() {
  auto realnvp = nn::GlowOptions::of_family(nn::Family::kRealNVP);
  realnvp.channels = 1;
  realnvp.height = 4;
  realnvp.width = 8;
  realnvp.levels = 2;
  realnvp.hidden_width = 3;
  realnvp.residual_blocks = 2;
  auto realnvp_classes = realnvp;
  realnvp_classes.channels = 3;
  realnvp_classes.levels = 1;
  realnvp_classes.residual_blocks = 1;
  realnvp_classes.num_classes = 2;
  auto nice = nn::GlowOptions::of_family(nn::Family::kNICE);
  nice.channels = 1;
  nice.height = 6;
  nice.width = 4;
  nice.depth = 3;
  nice.hidden_width = 5;
  auto logistic = nice;
  logistic.channels = 3;
  logistic.prior = nn::PriorKind::kLogistic;
  logistic.num_classes = 3;
  auto dense = nice;
  dense.network = nn::NetworkKind::kDense;
  dense.hidden_layers = 2;
  auto dense_logistic = dense;
  dense_logistic.channels = 2;
  dense_logistic.hidden_layers = 1;
  dense_logistic.prior = nn::PriorKind::kLogistic;
  return {realnvp, realnvp_classes, nice, logistic, dense, dense_logistic};
}

/// The name of a test of a model of another family.
inline std::string family_case_name(const nn::GlowOptions& options) {
  auto name = to_string(options.family);
  const auto add = [&name](const char* before, const std::string& text) { name.append(before).append(text); };
  if (options.family == nn::Family::kNICE) {
    add("_", to_string(options.network));
    add("_", to_string(options.prior));
  }
  add("_", std::to_string(options.channels));
  add("x", std::to_string(options.height));
  add("x", std::to_string(options.width));
  add("_L", std::to_string(options.levels));
  if (options.num_classes > 0) add("_", "classes");
  return name;
}

/// A name for a test of a model with these options: letters, digits and underscores.
inline std::string case_name(const nn::GlowOptions& options) {
  if (options.family != nn::Family::kGlow) return family_case_name(options);
  return to_string(options.permutation) + "_" + to_string(options.coupling) +
         (options.edge_bias ? "_edge_" : "_plain_") + std::to_string(options.channels) + "x" +
         std::to_string(options.height) + "x" + std::to_string(options.width) + "_L" + std::to_string(options.levels) +
         "_K" + std::to_string(options.depth) + (options.learn_top ? "" : "_fixed_top") +
         (options.num_classes > 0 ? "_classes" : "");
}

/// The name generator of INSTANTIATE_TEST_SUITE_P over GlowOptions.
inline constexpr auto kCaseName = [](const auto& test) { return case_name(test.param); };

/// For a conditional model the labels 0, 1, ..., num_classes - 1, repeated: int64 [count]. Else undefined.
inline torch::Tensor some_labels(const nn::GlowOptions& options, std::int64_t count) {
  if (options.num_classes == 0) return {};
  return torch::arange(count, torch::kLong).remainder(options.num_classes);
}

}  // namespace glow::testing
