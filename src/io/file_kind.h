#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <glow/io/file.h>

#include "io/regular_file.h"

namespace glow::io {

/// A pickled number, which PyTorch's files of before version 1.6 begin with (torch/serialization.py).
inline constexpr std::string_view kOldTorchMagic = "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// What a file is, as far as its beginning tells.
struct FileKind {
  /// With its article: "a zip file". Empty when it is not known.
  std::string name = {};
  /// What to do to get at the content that somebody may have expected: "unpack it first". May be empty.
  std::string remedy = {};
  /// A picture in a format that is not supported by io/image.h.
  bool is_unsupported_image = false;
  /// A text that is neither markup nor JSON nor a pointer.
  bool is_plain_text = false;
};

/// Recognises files that users give in place of others: pointers of Git LFS and git-annex, archives and compressed
/// files, arrays and pickles of Python, files of PyTorch, pictures, web pages and other texts, and the formats that
/// this library reads. `start`: the file's first bytes; 4 KiB suffice for all kinds. The signatures are those of the
/// formats' specifications, or of libmagic's database where a format has none.
FileKind identify_file(std::string_view start);

/// The file with this value of the metadata key "format" in a safetensors file of this library: "a model of Glow"; null
/// for another value.
const char* name_of_format(std::string_view format);

/// As many bytes from the beginning of a file as identify_file needs, or all if it has fewer. Throws IoError.
std::string file_start(const RegularFile& file);

/// Throws other_kind for content of a known kind, so that a more precise error can follow for other content.
void refuse_known_kind(const std::filesystem::path& path, std::string_view expected, std::string_view start);

// Whether bytes begin as a file of a format does.

/// The length of the header, and a brace.
bool begins_as_safetensors(std::string_view start);
bool begins_as_npy(std::string_view start);
/// PyTorch's format of before version 1.6.
bool begins_as_old_torch(std::string_view start);
/// A member, or the end of an empty zip.
bool begins_as_zip(std::string_view start);
/// The header of a member of a tar of any variant: its checksum is right (POSIX.1-2001, "ustar Interchange Format").
bool begins_as_tar(std::string_view start);
/// A length and its checksum (https://www.tensorflow.org/tutorials/load_data/tfrecord).
bool begins_as_tfrecord(std::string_view start);
/// The magic number of LMDB's first meta page (data version 1, 64 bits, little-endian).
bool begins_as_lmdb(std::string_view start);

/// The compression of a file that starts with these bytes ("gzip", "xz", ...), or null.
const char* compression_of(std::string_view start);

}  // namespace glow::io
