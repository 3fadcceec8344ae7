#include "import/checkpoint.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include <ATen/ATen.h>

#include <glow/error.h>

#include "io/errors.h"
#include "ops/all_finite.h"

namespace glow::importing {
namespace {

/// The dtype of a tensor that has numbers; nothing for others.
std::optional<torch::Dtype> number_dtype(const std::string& dtype) {
  static const std::map<std::string, torch::Dtype> dtypes{
      {"F64", torch::kDouble}, {"F32", torch::kFloat}, {"F16", torch::kHalf},  {"BF16", torch::kBFloat16},
      {"I64", torch::kLong},   {"I32", torch::kInt},   {"I16", torch::kShort}, {"I8", torch::kChar},
      {"U8", torch::kByte},    {"BOOL", torch::kByte}};
  const auto found = dtypes.find(dtype);
  return found == dtypes.end() ? std::nullopt : std::optional(found->second);
}

FormatError no_numbers(const std::filesystem::path& path, const io::StoredTensor& tensor) {
  return {path, "tensor " + io::in_quotes(tensor.name) + " has no numbers that weights have" +
                    (tensor.dtype.empty() ? "" : " but " + tensor.dtype)};
}

}  // namespace

Checkpoint::Checkpoint(std::filesystem::path path, const std::vector<io::StoredTensor>& tensors, Release release)
    : path_(std::move(path)), release_(std::move(release)) {
  for (const auto& tensor : tensors) tensors_.emplace(tensor.name, Entry{tensor});
}

bool Checkpoint::has_any(const IsWanted& is_wanted) const {
  return std::any_of(tensors_.begin(), tensors_.end(), [&](const auto& entry) { return is_wanted(entry.first); });
}

const Checkpoint::Entry& Checkpoint::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw FormatError(path_, "missing tensor " + io::in_quotes(name));
  return found->second;
}

std::int64_t Checkpoint::size(const std::string& name, int axis) const {
  const auto& tensor = find(name).tensor;
  if (!number_dtype(tensor.dtype)) throw no_numbers(path_, tensor);
  const auto& shape = tensor.shape;
  const auto index = static_cast<std::size_t>(axis < 0 ? axis + static_cast<int>(shape.size()) : axis);
  if (index >= shape.size()) {
    throw FormatError(path_,
                      "tensor " + io::in_quotes(name) + ": expected more axes than " + std::to_string(shape.size()));
  }
  return shape[index];
}

torch::Tensor Checkpoint::take(const std::string& name) {
  const auto& tensor = find(name).tensor;
  tensors_.at(name).is_used = true;
  const auto dtype = number_dtype(tensor.dtype);
  const auto& summed = tensor.checksum.bytes;
  if (verified_.emplace(summed.data(), summed.size()).second) io::verify(tensor, path_);
  if (!dtype) throw no_numbers(path_, tensor);
  // A copy first, because the bytes in the file are not aligned for their type.
  std::int64_t elements = tensor.data.empty() ? 0 : 1;
  for (std::size_t i = 0; i < tensor.shape.size() && elements > 0; ++i) {
    elements = tensor.shape[i] == 0 ? 0 : elements + (tensor.shape[i] - 1) * tensor.strides[i];
  }
  auto storage = at::empty({elements}, *dtype);
  if (storage.nbytes() > tensor.data.size()) {
    throw FormatError(path_, "tensor " + io::in_quotes(name) + " has fewer numbers than its shape");
  }
  std::copy_n(tensor.data.data(), storage.nbytes(), static_cast<char*>(storage.data_ptr()));
  if (release_) release_(tensor.data);
  const auto value = at::as_strided(storage, tensor.shape, tensor.strides).to(torch::kDouble).contiguous();
  if (!ops::all_finite(value)) {
    throw FormatError(path_, "tensor " + io::in_quotes(name) + " is not finite");
  }
  return value;
}

void Checkpoint::drop(const IsWanted& is_wanted, const std::string& what) {
  std::int64_t count = 0;
  for (auto& [name, entry] : tensors_) {
    if (entry.is_dropped || !is_wanted(name)) continue;
    entry.is_used = entry.is_dropped = true;
    ++count;
  }
  if (count > 0) dropped_.push_back(std::to_string(count) + (count == 1 ? " tensor " : " tensors ") + what);
}

void Checkpoint::rename(const std::function<std::string(const std::string&)>& renamed) {
  std::map<std::string, Entry> tensors;
  for (auto& [name, entry] : tensors_) {
    if (const auto new_name = renamed(name); !tensors.emplace(new_name, std::move(entry)).second) {
      throw FormatError(path_, "has two tensors " + io::in_quotes(new_name));
    }
  }
  tensors_ = std::move(tensors);
}

const std::string& Checkpoint::option_file(const std::string& name) const {
  static const std::string none;
  const auto found = option_files_.find(name);
  return found == option_files_.end() ? none : found->second;
}

void Checkpoint::add_option_file(const std::string& name, std::string content) {
  option_files_.emplace(name, std::move(content));
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : tensors_) names.push_back(name);
  return names;
}

std::int64_t Checkpoint::bytes() const {
  std::vector<std::string_view> parts;
  for (const auto& [name, entry] : tensors_) parts.push_back(entry.tensor.data);
  std::ranges::sort(parts, std::less<>(), [](std::string_view part) { return part.data(); });
  std::int64_t sum = 0;
  const char* end = nullptr;
  for (const auto part : parts) {
    const char* const part_end = part.data() + part.size();
    if (!std::less<>()(end, part_end)) continue;
    sum += part_end - std::max(part.data(), end, std::less<>());
    end = part_end;
  }
  return sum;
}

std::vector<std::string> Checkpoint::unused() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : tensors_) {
    if (!entry.is_used) names.push_back(name);
  }
  return names;
}

}  // namespace glow::importing
