#pragma once

#include <filesystem>
#include <map>
#include <string>

#include <torch/types.h>

#include <glow/io/safetensors.h>

#include "nn/tensor_bytes.h"

namespace glow::testing {

/// A file of tests/reference/fixtures.
inline std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(GLOW_TEST_FIXTURES) / name;
}

/// Every tensor of a safetensors file, by name.
inline std::map<std::string, torch::Tensor> read_tensors(const std::filesystem::path& path) {
  const io::SafetensorsReader file(path);
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& entry : file.entries()) tensors.emplace(entry.name, nn::to_tensor(entry));
  return tensors;
}

/// The reference's results: the tensors of NAME.expected.safetensors.
inline std::map<std::string, torch::Tensor> expected_tensors(const std::string& name) {
  return read_tensors(fixture(name + ".expected.safetensors"));
}

}  // namespace glow::testing
