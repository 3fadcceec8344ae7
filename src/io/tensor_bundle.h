#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <glow/io/file.h>

#include "io/stored_tensor.h"

namespace glow::io {

/// A checkpoint in TensorFlow's Saver V2 format: PREFIX.index and PREFIX.data-00000-of-0000N, ...
///
/// The index (tensorflow/core/lib/io/table_builder.cc, LevelDB's table format) is a table whose blocks have a masked
/// CRC-32C each; the value of the key "" is a BundleHeaderProto, those of the tensors' names are BundleEntryProtos
/// (tensorflow/core/protobuf/tensor_bundle.proto).
class TensorBundle {
 public:
  /// Maps the files of a checkpoint. `path` is the index, PREFIX, or a folder: with a file `checkpoint` that names the
  /// checkpoint, or with one index.
  ///
  /// Throws IoError; FormatError, naming the tensor where there is one, for a file of another kind, a wrong CRC-32C of
  /// a block, compressed blocks, names that are not in increasing order, an unknown version, big-endian numbers,
  /// entries outside of their shard, of another size than dtype and shape have, or that overlap, and for variables in
  /// slices.
  explicit TensorBundle(const std::filesystem::path& path);

  /// The same of bytes in memory, which must outlive the object: the index and all shards in their order. `path` names
  /// the index in messages. Also throws FormatError for another number of shards than the index has.
  TensorBundle(std::string_view index, const std::vector<std::string_view>& shards, const std::filesystem::path& path);

  /// Of the index, for messages.
  const std::filesystem::path& path() const { return path_; }
  /// In increasing order of their names, in C order.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  /// See MappedFile::release.
  void release(std::string_view bytes) const;

 private:
  std::filesystem::path path_;
  /// Without files if the bytes are the caller's.
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::vector<StoredTensor> tensors_;
};

/// The number of shards that an index has, to find their files or members. Throws FormatError as TensorBundle for the
/// index.
std::size_t count_bundle_shards(std::string_view index, const std::filesystem::path& path);

/// "model.ckpt.data-00000-of-00001" for the prefix "model.ckpt".
std::string bundle_shard_name(const std::string& prefix, std::size_t shard, std::size_t shards);

}  // namespace glow::io
