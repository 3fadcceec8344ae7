#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/pickle_machine.h"

namespace glow::io {

/// What pickles of torch.save may contain: OrderedDict, whose attributes (`_metadata` of a state_dict) are ignored,
/// torch.Size, parameters, and tensors in storages of the types that Glows have. Names are those of PyTorch 0.1 to 2.11
/// (torch/_utils.py, torch/serialization.py). Every other name is refused, before anything is built for it.
const PickleDialect& torch_dialect();

/// A storage that a pickle refers to. Its numbers are not in the pickle.
struct PickledStorage {
  /// As in safetensors: "F32".
  std::string dtype;
  std::uint64_t elements = 0;
};

/// A tensor that is a part of a storage.
struct PickledTensor {
  /// The keys of the dictionaries, and the indices in the lists, that lead to it, joined by '/'.
  std::string name;
  /// The key of the storage.
  std::string_view storage;
  std::vector<std::int64_t> shape;
  /// In elements, not negative.
  std::vector<std::int64_t> strides;
  /// The elements before the tensor's first one, and as many as lie between its first and its last one, both included.
  std::uint64_t offset = 0;
  std::uint64_t span = 0;
};

/// What a pickle of torch.save contains.
struct TorchPickle {
  /// By their keys, which are views into the pickle.
  std::map<std::string_view, PickledStorage> storages;
  /// In the order of the pickle, with different names.
  std::vector<PickledTensor> tensors;
  /// The bytes of the pickle.
  std::size_t size = 0;
};

/// Reads the pickle that `bytes`, which must outlive the result, begin with. `path` names them in messages.
///
/// Every tensor lies in its storage and has at most as many elements, so that an expanded tensor (stride 0) that is
/// larger than what it repeats is refused. A tensor of two names is there twice.
///
/// Throws FormatError as PickleMachine, for other names (naming them, and what to do about a whole module), invalid
/// tensors, two tensors of a name, a storage that is described in two ways, and objects that contain themselves or
/// are nested more than 64 levels deep.
TorchPickle read_torch_pickle(std::string_view bytes, const std::filesystem::path& path);

}  // namespace glow::io
