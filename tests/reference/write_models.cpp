// Writes model files that together contain every kind of tensor and metadata: write_models FOLDER
#include <filesystem>

#include <glow/nn/model_file.h>

#include "support/model_cases.h"
#include "support/random_weights.h"

using glow::nn::CouplingKind;
using glow::nn::PermutationKind;

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  const auto write = [&](const char* name, const glow::nn::GlowOptions& options,
                         std::vector<std::string> classes = {}) {
    auto model = glow::testing::random_model(options);
    model->set_class_names(std::move(classes));
    glow::nn::save_model(model, folder / name);
  };
  write("lu_classes.safetensors",
        {.height = 8,
         .width = 12,
         .levels = 2,
         .depth = 2,
         .hidden_width = 6,
         .permutation = PermutationKind::kLU,
         .num_classes = 2},
        {"cat", "chat à neuf queues"});
  write("shuffle_additive.safetensors", {.channels = 1,
                                         .height = 8,
                                         .width = 8,
                                         .levels = 1,
                                         .depth = 2,
                                         .hidden_width = 6,
                                         .permutation = PermutationKind::kShuffle,
                                         .coupling = CouplingKind::kAdditive,
                                         .edge_bias = false});
  write("reverse_fixed_top.safetensors", {.channels = 5,
                                          .height = 4,
                                          .width = 4,
                                          .levels = 2,
                                          .depth = 1,
                                          .hidden_width = 3,
                                          .permutation = PermutationKind::kReverse,
                                          .learn_top = false});
  for (const auto& options : glow::testing::other_families()) {
    write((glow::testing::case_name(options) + ".safetensors").c_str(), options);
  }
}
