#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "io/stored_tensor.h"

namespace glow::io {

/// Reads what PyTorch 0.1.10 to 2.11 write by torch.save (torch/serialization.py): tensors, numbers and strings in
/// dictionaries and lists, as state_dict() returns them. Runs no code: see torch_pickle.h for what the pickle may
/// contain. There are two formats, in both of which the numbers of the tensors follow a pickle without compression:
///
/// - since version 1.6 a zip with NAME/data.pkl, NAME/data/KEY for each storage, and NAME/byteorder;
/// - before, pickles of a magic number, of the protocol's version 1001, of facts about the machine, of the object and
///   of the list of its storages' keys; then, for each of these storages, int64 elements and the numbers.
///
/// `bytes` must outlive the result; `path` names them in messages. The tensors are in the order of the file. Their
/// names, which differ, are the keys of the dictionaries, and the indices in the lists, that lead to them:
/// "graph/flow.layers.0.actnorm.bias". Numbers and strings are left out. Every tensor lies in its storage and has at
/// most as many elements, storages lie in the file and do not overlap: a tensor is never larger than the file. The
/// CRC-32 of data.pkl is checked, those of the storages are not (verify). The older format has none, nor has the zip if
/// torch.serialization.set_crc32_options(False) was called.
///
/// Throws FormatError, naming the tensor or storage where there is one, for a file of another kind, one that is damaged
/// or ends early, big-endian numbers, compressed members, other content (naming it), and two tensors of a name.
std::vector<StoredTensor> read_torch(std::string_view bytes, const std::filesystem::path& path);

}  // namespace glow::io
