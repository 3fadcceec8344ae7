#include <glow/io/animated_png.h>

#include <limits>
#include <string_view>
#include <utility>

#include <zlib.h>

#include <glow/error.h>
#include <glow/io/file.h>

#include "io/errors.h"

namespace glow::io {
namespace {

constexpr std::size_t kSignatureSize = 8;
constexpr std::size_t kNumberSize = 4;

std::string big_endian(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = size; i-- > 0;) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

std::string chunk(std::string_view type, std::string_view data) {
  std::string checked(type);
  checked += data;
  const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(checked.data()), static_cast<uInt>(checked.size()));
  return big_endian(data.size(), kNumberSize) + checked + big_endian(crc, kNumberSize);
}

/// Calls `visit(type, data, whole)` for each chunk of a PNG file made by encode_png; `whole` includes length and CRC.
template <class Visit>
void visit_chunks(std::string_view png, Visit&& visit) {
  for (png.remove_prefix(kSignatureSize); !png.empty();) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < kNumberSize; ++i) size = size << 8 | static_cast<unsigned char>(png[i]);
    const auto whole = png.substr(0, size + 3 * kNumberSize);
    visit(whole.substr(kNumberSize, kNumberSize), whole.substr(2 * kNumberSize, size), whole);
    png.remove_prefix(whole.size());
  }
}

void check_animation(const Animation& animation) {
  constexpr std::int64_t kLongest = std::numeric_limits<std::uint16_t>::max();
  if (animation.frames.empty()) throw FormatError("cannot encode an animated PNG image without a frame");
  if (animation.frame_milliseconds < 1 || animation.frame_milliseconds > kLongest) {
    throw FormatError("cannot encode an animated PNG image with frames of " +
                      std::to_string(animation.frame_milliseconds) + " ms: expected 1 to " + std::to_string(kLongest));
  }
  const auto text = [](const ImageShape& shape) { return to_text({shape.height, shape.width, shape.channels}); };
  const auto& first = animation.frames.front().shape;
  for (const auto& frame : animation.frames) {
    if (frame.shape == first) continue;
    throw FormatError("cannot encode an animated PNG image with frames of the shapes " + text(first) + " and " +
                      text(frame.shape));
  }
}

/// Appends the frames. Every fcTL and fdAT chunk has the next sequence number; the first frame's data stay IDAT.
class Encoder {
 public:
  explicit Encoder(const Animation& animation) : animation_(animation) {}

  std::string encode() && {
    for (const auto& frame : animation_.frames) add(frame);
    return std::move(bytes_) + chunk("IEND", "");
  }

 private:
  void add(const Image& frame) {
    const auto png = encode_png(frame);
    const bool is_first = bytes_.empty();
    if (is_first) bytes_ = png.substr(0, kSignatureSize);
    bool in_data = false;
    visit_chunks(png, [&](std::string_view type, std::string_view data, std::string_view whole) {
      if (type == "IDAT") {
        if (!in_data) start_frame(frame.shape, is_first);
        in_data = true;
        bytes_ += is_first ? std::string(whole) : chunk("fdAT", big_endian(sequence_++, kNumberSize).append(data));
      } else if (is_first && type != "IEND") {
        bytes_ += whole;
      }
    });
  }

  void start_frame(const ImageShape& shape, bool is_first) {
    if (is_first) {
      bytes_ +=
          chunk("acTL", big_endian(animation_.frames.size(), kNumberSize) + big_endian(animation_.plays, kNumberSize));
    }
    constexpr std::uint64_t kNoOffset = 0;
    constexpr std::uint64_t kMillisecondsPerSecond = 1000;
    constexpr std::uint64_t kDisposeNone = 0, kBlendSource = 0;
    bytes_ += chunk(
        "fcTL",
        big_endian(sequence_++, kNumberSize) + big_endian(static_cast<std::uint64_t>(shape.width), kNumberSize) +
            big_endian(static_cast<std::uint64_t>(shape.height), kNumberSize) + big_endian(kNoOffset, 2 * kNumberSize) +
            big_endian(static_cast<std::uint64_t>(animation_.frame_milliseconds), 2) +
            big_endian(kMillisecondsPerSecond, 2) + big_endian(kDisposeNone, 1) + big_endian(kBlendSource, 1));
  }

  const Animation& animation_;
  std::string bytes_;
  std::uint32_t sequence_ = 0;
};

}  // namespace

std::string encode_animated_png(const Animation& animation) {
  check_animation(animation);
  return Encoder(animation).encode();
}

void write_animated_png(const std::filesystem::path& path, const Animation& animation) {
  write_file(path, encode_animated_png(animation));
}

}  // namespace glow::io
