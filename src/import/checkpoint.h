#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

namespace glow::importing {

/// A tensor as a checkpoint stores it.
struct StoredTensor {
  /// As safetensors name it, "F32".
  std::string dtype;
  std::vector<std::int64_t> shape;
  /// In elements.
  std::vector<std::int64_t> strides;
  /// From the first element on; borrowed. Not less than the shape and strides need.
  std::string_view data;
  /// Throws FormatError if the data do not have the checksum of the file; may be null.
  std::function<void()> verify = nullptr;
};

/// The tensors of a checkpoint by name, and which of them have been used.
class Checkpoint {
 public:
  using IsWanted = std::function<bool(const std::string& name)>;

  /// `owner` keeps the bytes of the tensors alive.
  Checkpoint(std::filesystem::path path, std::map<std::string, StoredTensor> tensors, std::shared_ptr<void> owner);

  const std::filesystem::path& path() const { return path_; }
  bool has(const std::string& name) const { return tensors_.contains(name); }
  /// Whether a name matches.
  bool has_any(const IsWanted& is_wanted) const;
  /// The length of an axis of a tensor; negative: from the last one. Throws FormatError naming a tensor that is missing
  /// or has no such axis.
  std::int64_t size(const std::string& name, int axis) const;
  /// The tensor in float64, contiguous; it counts as used. Throws FormatError naming a tensor that is missing, has no
  /// numbers, or numbers that are not finite.
  torch::Tensor take(const std::string& name);
  /// Counts the matching tensors as dropped, unless they are so already. `what` completes "76 tensors".
  void drop(const IsWanted& is_wanted, const std::string& what);
  /// Replaces every name by what `renamed` returns. Throws FormatError when two become the same.
  void rename(const std::function<std::string(const std::string&)>& renamed);

  /// The content of a file of options ("hparams.json") that lies beside the checkpoint; empty without.
  const std::string& option_file(const std::string& name) const;
  /// Does nothing if there is one of the name already.
  void add_option_file(const std::string& name, std::string content);

  /// "76 tensors of the optimiser", for each call of `drop` that matched.
  const std::vector<std::string>& dropped() const { return dropped_; }
  std::vector<std::string> names() const;
  /// Of all tensors.
  std::int64_t elements() const;
  /// The names of tensors that are neither used nor dropped.
  std::vector<std::string> unused() const;

 private:
  struct Entry {
    StoredTensor tensor;
    bool is_used = false, is_dropped = false;
  };
  const Entry& find(const std::string& name) const;

  std::filesystem::path path_;
  std::map<std::string, Entry> tensors_;
  std::shared_ptr<void> owner_;
  std::vector<std::string> dropped_;
  std::map<std::string, std::string> option_files_;
};

/// Opens the index, prefix or folder of a TensorFlow checkpoint, a file of torch.save, or an archive of one of these.
/// Names in nested dictionaries are joined by '/'. Throws IoError, FormatError.
Checkpoint open_checkpoint(const std::filesystem::path& path);

}  // namespace glow::importing
