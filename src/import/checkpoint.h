#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "io/stored_tensor.h"

namespace glow::importing {

/// The tensors of a checkpoint by name, and which of them have been used.
class Checkpoint {
 public:
  using IsWanted = std::function<bool(const std::string& name)>;

  /// Is told which bytes are not needed again; what it has captured keeps all bytes alive.
  using Release = std::function<void(std::string_view bytes)>;

  /// Tensors of different names. `release` may be null.
  Checkpoint(std::filesystem::path path, const std::vector<io::StoredTensor>& tensors, Release release);

  const std::filesystem::path& path() const { return path_; }
  bool has(const std::string& name) const { return tensors_.contains(name); }
  /// Whether a name matches.
  bool has_any(const IsWanted& is_wanted) const;
  /// The length of an axis of a tensor; negative: from the last one. Throws FormatError naming a tensor that is missing
  /// or has no such axis.
  std::int64_t size(const std::string& name, int axis) const;
  /// The tensor in float64, contiguous; it counts as used. Throws FormatError naming a tensor that is missing, damaged,
  /// has no numbers, or numbers that are not finite.
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
  /// Of the numbers of all tensors, those that several share once.
  std::int64_t bytes() const;
  /// The names of tensors that are neither used nor dropped.
  std::vector<std::string> unused() const;

 private:
  struct Entry {
    io::StoredTensor tensor;
    bool is_used = false, is_dropped = false;
  };
  const Entry& find(const std::string& name) const;

  std::filesystem::path path_;
  std::map<std::string, Entry> tensors_;
  Release release_;
  /// Where the bytes begin whose checksums were compared, and their number: tensors may share them.
  std::set<std::pair<const char*, std::size_t>> verified_;
  std::vector<std::string> dropped_;
  std::map<std::string, std::string> option_files_;
};

/// Opens the index, prefix or folder of a TensorFlow checkpoint, a file of torch.save, or an archive of one of these.
/// Names in nested dictionaries are joined by '/'. Throws IoError, FormatError.
Checkpoint open_checkpoint(const std::filesystem::path& path);

}  // namespace glow::importing
