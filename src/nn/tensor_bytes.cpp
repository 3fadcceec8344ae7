#include "nn/tensor_bytes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <glow/error.h>

#include "io/errors.h"

namespace glow::nn {
namespace {

constexpr std::array<std::pair<const char*, torch::ScalarType>, 4> kDtypes{{
    {"F32", torch::kFloat},
    {"F64", torch::kDouble},
    {"I64", torch::kLong},
    {"U8", torch::kByte},
}};

}  // namespace

void TensorBytes::add(const std::string& name, const torch::Tensor& tensor) {
  const auto plain = tensor.detach().to(torch::kCPU).contiguous();
  for (const auto& [dtype, type] : kDtypes) {
    if (type != plain.scalar_type()) continue;
    entries_.push_back({name,
                        dtype,
                        plain.sizes().vec(),
                        {static_cast<const char*>(plain.data_ptr()), static_cast<std::size_t>(plain.nbytes())}});
    tensors_.push_back(plain);
    return;
  }
  throw FormatError(name + ": no safetensors dtype for " + c10::toString(plain.scalar_type()));
}

std::vector<io::TensorEntry> TensorBytes::entries() const {
  auto ordered = entries_;
  std::stable_partition(ordered.begin(), ordered.end(),
                        [](const io::TensorEntry& entry) { return io::dtype_size(entry.dtype) == 8; });
  return ordered;
}

torch::Tensor to_tensor(const io::TensorEntry& entry) {
  for (const auto& [dtype, type] : kDtypes) {
    if (entry.dtype != dtype) continue;
    const auto tensor = torch::empty(entry.shape, type);
    if (!entry.data.empty()) std::memcpy(tensor.data_ptr(), entry.data.data(), entry.data.size());
    return tensor;
  }
  throw FormatError("tensor " + io::in_quotes(entry.name) + ": dtype " + entry.dtype + " is not one this library uses");
}

}  // namespace glow::nn
