#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include <glow/io/safetensors.h>

namespace glow::nn {

/// Collects tensors for a safetensors file and keeps their bytes alive until it is written.
class TensorBytes {
 public:
  /// Adds a copy on the CPU in C order. Throws FormatError for a dtype the library does not write.
  void add(const std::string& name, const torch::Tensor& tensor);

  /// In the order in which they were added, 8-byte types first, so that every tensor is aligned.
  std::vector<io::TensorEntry> entries() const;

 private:
  std::vector<torch::Tensor> tensors_;
  std::vector<io::TensorEntry> entries_;
};

/// A copy of the entry as a tensor: F32, F64, I64 or U8. Throws FormatError naming it for another dtype.
torch::Tensor to_tensor(const io::TensorEntry& entry);

}  // namespace glow::nn
