#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <glow/io/file.h>

#include "io/torch_pickle.h"

namespace glow::io {

/// A tensor in a file of torch.save, as it lies there.
struct TorchTensor {
  /// The keys of the dictionaries, and the indices in the lists, that lead to it: "graph/flow.layers.0.actnorm.bias".
  std::string name;
  /// As in safetensors: "F32".
  std::string dtype;
  std::vector<std::int64_t> shape;
  /// In elements, not negative. Element [i, j, ...] is i * strides[0] + j * strides[1] + ... elements after the first.
  std::vector<std::int64_t> strides;
  /// From its first element to its last, little-endian, not aligned; empty if it has none. A part of the file, which
  /// several tensors may share.
  std::string_view data;
};

/// Whether the elements of the tensor lie in C order without gaps, so that `data` is what safetensors stores.
bool is_contiguous(const TorchTensor& tensor);

/// What a file of torch.save contains.
struct TorchContent {
  /// In the order of the file, with different names.
  std::vector<TorchTensor> tensors;
  /// Numbers and strings in dictionaries, by their names. Strings are parts of the file.
  std::map<std::string, TorchScalar> scalars;
};

/// Reads what PyTorch 0.1.10 to 2.11 write by torch.save (torch/serialization.py): tensors, numbers and strings in
/// dictionaries and lists, as state_dict() returns them. Runs no code: see torch_pickle.h for what the pickle may
/// contain. There are two formats, in both of which the numbers of the tensors follow a pickle without compression:
///
/// - since version 1.6 a zip with NAME/data.pkl, NAME/data/KEY for each storage, and NAME/byteorder;
/// - before, pickles of a magic number, of the protocol's version 1001, of facts about the machine, of the object and
///   of the list of its storages' keys; then, for each of these storages, int64 elements and the numbers.
///
/// `bytes` must outlive the result; `path` names them in messages. Every tensor lies in its storage and has at most as
/// many elements, storages lie in the file and do not overlap: a tensor is never larger than the file. The CRC-32 of
/// data.pkl is checked, those of the numbers are not (verify_torch).
///
/// Throws FormatError, naming the tensor or storage where there is one, for a file of another kind, one that is damaged
/// or ends early, big-endian numbers, compressed members, other content (naming it), and two tensors of a name.
TorchContent read_torch(std::string_view bytes, const std::filesystem::path& path);

/// Compares the CRC-32 of each storage in the zip format with the zip's directory. The older format has none, and the
/// zip has zeros if torch.serialization.set_crc32_options(False) was called. Throws FormatError as read_torch, and for
/// a storage whose CRC-32 differs.
void verify_torch(std::string_view bytes, const std::filesystem::path& path);

/// A file of torch.save that is mapped into memory.
class TorchFile {
 public:
  /// Throws IoError; FormatError as read_torch.
  explicit TorchFile(const std::filesystem::path& path)
      : path_(path), file_(path), content_(read_torch(file_.bytes(), path)) {}

  /// See verify_torch.
  void verify() const { verify_torch(file_.bytes(), path_); }

  const std::vector<TorchTensor>& tensors() const { return content_.tensors; }
  const std::map<std::string, TorchScalar>& scalars() const { return content_.scalars; }

 private:
  std::filesystem::path path_;
  MappedFile file_;
  TorchContent content_;
};

}  // namespace glow::io
