#pragma once

#include <memory>
#include <string>
#include <vector>

#include <glow/images/source.h>

#pragma GCC visibility push(default)

namespace glow::images {

/// An encoded image in memory: the bytes of a PNG, JPEG, WebP or npy file, and its name in messages.
struct EncodedFile {
  /// The name in messages; need not be that of a file.
  std::string name;
  /// The content of the file.
  std::string bytes;
};

/// Images of any size in memory, which are decoded on request as those of a folder are. `channels`: 1 or 3; alpha is
/// composited onto white, grey is repeated, colour is converted to grey. Throws ConfigError for other channels,
/// FormatError naming the first file that is not an image; a damage that only decoding finds is an error of
/// ImageSource::image.
std::shared_ptr<const ImageSource> memory_images(std::vector<EncodedFile> files, int channels);

}  // namespace glow::images

#pragma GCC visibility pop
