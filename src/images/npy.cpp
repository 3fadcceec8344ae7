#include <limits>
#include <string>

#include <glow/images/source.h>
#include <glow/io/npy.h>

#include "images/array.h"
#include "images/array_shape.h"
#include "images/folder.h"
#include "io/archive.h"
#include "io/errors.h"

namespace glow::images {
namespace {

bool holds_images(const std::vector<std::int64_t>& shape) {
  if ((shape.size() != 3 && shape.size() != 4) || has_channels_first(shape)) return false;
  for (const std::int64_t length : shape)
    if (length < 1) return false;
  for (std::size_t axis = 1; axis < shape.size(); ++axis)
    if (shape[axis] > std::numeric_limits<int>::max()) return false;
  return true;
}

/// Whether the array looks like one image [H, W, C]. Images of 3 or 4 columns do not exist.
bool is_one_image(const std::vector<std::int64_t>& shape) {
  constexpr std::int64_t kSmallestSide = 8;
  return shape.size() == 3 && (shape[2] == 3 || shape[2] == 4) && shape[0] >= kSmallestSide &&
         shape[1] >= kSmallestSide;
}

/// A uint8 array [N, H, W, C] or [N, H, W], or a folder or an archive of arrays of one image each.
DataSet open_npy(const std::filesystem::path& file, const OpenOptions& options) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored) || io::is_archive_name(file) || io::is_compressed_tar_name(file)) {
    // The options that would help are for files of pictures.
    OpenOptions here = options;
    here.names.skip_corrupt = here.names.rgb = here.names.to_grey = "";
    return open_image_files(file, is_npy_name, here);
  }
  const auto reader = std::make_shared<const io::NpyReader>(file);
  const std::vector<std::int64_t>& shape = reader->shape();
  if (is_one_image(shape)) {
    throw FormatError(file, "expected images [N, H, W, C] or [N, H, W], is " + io::to_text(shape) +
                                ", which looks like one image [H, W, C]: save arr[None]");
  }
  if (reader->dtype() != "|u1" || !holds_images(shape))
    throw other_array(file, "images, \"|u1\" (uint8) [N, H, W, C] or [N, H, W] and not empty", ArrayAxes::kImages,
                      reader->dtype(), shape);
  const int channels = shape.size() == 4 ? static_cast<int>(shape[3]) : 1;
  DataSet set;
  set.train = std::make_shared<ArraySource>(
      ArraySource::Content{.shape = {static_cast<int>(shape[1]), static_cast<int>(shape[2]), channels},
                           .bytes = reader->data(),
                           .owner = reader,
                           .labels = {},
                           .name = file.string()});
  return set;
}

}  // namespace

SourceKind npy_kind() {
  return {.name = "npy",
          .usage = "npy:PATH",
          .description = "uint8 [N,H,W,C] or [N,H,W], or a folder of images [H,W,C] or [C,H,W]",
          .has_split_folders = true,
          .open = open_npy};
}

}  // namespace glow::images
