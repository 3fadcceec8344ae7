#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include <glow/io/image.h>

#include "io/regular_file.h"

namespace glow::io {

/// An image in a file of TFRecords.
struct ImageRecord {
  static constexpr std::int32_t kNoLabel = -1;

  /// Position of the record in the file: of the length before its message.
  std::uint64_t offset = 0;
  /// Bytes of the message.
  std::uint32_t length = 0;
  /// Position of the pixels in the message.
  std::uint32_t pixels = 0;
  ImageShape shape;
  std::int32_t label = kNoLabel;
};

/// The images in a file of TFRecords, as the reference code of Glow writes and reads them (openai/glow,
/// data_loaders/get_data.py). Several threads may read at once.
///
/// Framing (tensorflow/core/lib/io/record_writer.h): uint64 length, uint32 masked CRC-32C of the length's bytes,
/// message, uint32 masked CRC-32C of the message; all little-endian. A message is a tf.Example in protobuf's wire
/// format (tensorflow/core/example/example.proto), a map from names to features. Used are `shape` (three int64: height,
/// width, channels), `data` (one string of bytes: [height, width, channels]) and, where there is one, `label` (one
/// int64 from -1, which stands for no label). Others are ignored.
class ImageRecords {
 public:
  /// Reads the framing and all features but the pixels. Throws IoError, and FormatError naming the file and the record,
  /// counted from 0, for a wrong checksum of a length, a record that the file does not contain completely or of 2 GiB,
  /// an invalid message, missing features or several values of one, and a shape that does not fit the pixels.
  explicit ImageRecords(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return file_.path(); }
  /// In the order of the file.
  const std::vector<ImageRecord>& records() const { return records_; }

  /// Image `index`, of the shape above. Throws IoError, and FormatError when the checksum of the message is wrong.
  Image read(std::size_t index) const;

 private:
  RegularFile file_;
  std::vector<ImageRecord> records_;
};

}  // namespace glow::io
