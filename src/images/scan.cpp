#include "images/scan.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include <glow/error.h>

#include "images/colour.h"
#include "images/encoded_image.h"
#include "images/shared_work.h"

namespace glow::images {
namespace {

/// The letters of faults.
constexpr char kUnreadable = 'u', kWrongContent = 'w';

/// The shape in the header of an image, for which its first bytes usually suffice.
io::ImageShape read_shape(const EncodedImages& images, std::int64_t index) {
  constexpr std::uint64_t kFirstAttempt = 1 << 14, kGrowth = 16;
  for (std::uint64_t count = kFirstAttempt;; count *= kGrowth) {
    const std::string start = images.read_start(index, count);
    try {
      return encoded_shape(start, start.size() < count ? start.size() : images.bytes(index), images.path(index));
    } catch (const FormatError&) {
      if (start.size() < count) throw;  // it was the whole image
    }
  }
}

io::Image decode_whole(const EncodedImages& images, std::int64_t index) {
  constexpr int kWhole = std::numeric_limits<int>::max();
  return decode(images.read(index), images.path(index), {kWhole, kWhole});
}

/// The shape of an image, with the channels of a grey one if its planes are equal.
io::ImageShape decoded_shape(const EncodedImages& images, std::int64_t index) {
  const io::Image image = decode_whole(images, index);
  io::ImageShape shape = image.shape;
  if (!is_grey(shape) && has_no_colour(image)) shape.channels -= 2;
  return shape;
}

/// The scan of some images as a text: their shapes, and for each a letter and the text of its fault.
std::string scan_block(const EncodedImages& images, std::span<const std::int64_t> indices, ScanDepth depth) {
  std::vector<io::ImageShape> shapes;
  std::vector<std::string> texts(1);
  for (const std::int64_t index : indices) {
    shapes.emplace_back();
    texts.emplace_back();
    try {
      shapes.back() = depth == ScanDepth::kPixels ? decoded_shape(images, index) : read_shape(images, index);
    } catch (const FormatError& error) {
      texts.back() = std::string(1, kWrongContent) + error.what();
    } catch (const IoError& error) {
      texts.back() = std::string(1, kUnreadable) + error.what();
    }
  }
  texts[0].assign(reinterpret_cast<const char*>(shapes.data()), shapes.size() * sizeof(io::ImageShape));
  return join_texts(texts);
}

void append_block(const std::string& text, Scan& scan) {
  const std::vector<std::string> texts = split_texts(text);
  const std::size_t before = scan.shapes.size();
  scan.shapes.resize(before + texts[0].size() / sizeof(io::ImageShape));
  std::memcpy(scan.shapes.data() + before, texts[0].data(), texts[0].size());
  for (std::size_t i = 1; i < texts.size(); ++i) {
    if (!texts[i].empty())
      scan.faults.push_back({.image = static_cast<std::int64_t>(before + i - 1),
                             .text = texts[i].substr(1),
                             .is_io = texts[i][0] == kUnreadable});
  }
}

/// The scan of the images with these indices, in their order.
Scan scan_these(const EncodedImages& images, const std::vector<std::int64_t>& indices, ScanDepth depth,
                const std::string& what, const OpenOptions& options) {
  const auto count = std::ssize(indices);
  const std::int64_t unit = depth == ScanDepth::kPixels ? 1 : 64;  // decoding takes longer
  const auto scan_unit = [&](std::int64_t block) {
    const std::int64_t begin = block * unit;
    return scan_block(images, std::span(indices).subspan(begin, std::min(unit, count - begin)), depth);
  };
  OpenOptions counting_images = options;
  if (options.progress) {
    counting_images.progress = [&](const std::string& doing, std::int64_t done, std::int64_t all) {
      options.progress(doing, std::min(done * unit, count), std::min(all * unit, count));
    };
  }
  Work work{.what = what, .place = images.root(), .subjects = ""};
  if (options.shard.count > 1) {
    for (const std::int64_t index : indices) work.subjects.append(images.name(index)).push_back('\n');
  }
  Scan scan;
  scan.shapes.reserve(indices.size());
  for (const std::string& text : share_work(work, (count + unit - 1) / unit, scan_unit, counting_images))
    append_block(text, scan);
  return scan;
}

/// The images without a fault that a scan says are in colour.
std::vector<std::int64_t> coloured(const Scan& scan) {
  std::vector<std::int64_t> indices;
  for (std::int64_t index = 0; index < std::ssize(scan.shapes); ++index)
    if (!is_grey(scan.shapes[index])) indices.push_back(index);
  return indices;
}

}  // namespace

Scan scan_images(const EncodedImages& images, ScanDepth depth, const OpenOptions& options) {
  std::vector<std::int64_t> all(images.size());
  std::iota(all.begin(), all.end(), 0);
  return scan_these(images, all, depth, depth == ScanDepth::kPixels ? "images checked" : "image headers read", options);
}

void scan_colours(const EncodedImages& images, Scan& scan, const OpenOptions& options) {
  const std::vector<std::int64_t> indices = coloured(scan);
  if (indices.empty()) return;
  Scan found = scan_these(images, indices, ScanDepth::kPixels, "images searched for colour", options);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const bool has_fault = found.shapes[i] == io::ImageShape{};
    if (!has_fault) scan.shapes[indices[i]] = found.shapes[i];
  }
  for (Fault& fault : found.faults) {
    fault.image = indices[fault.image];
    scan.faults.push_back(std::move(fault));
  }
}

bool has_obvious_colour(const EncodedImages& images, const Scan& scan) {
  constexpr std::int64_t kMost = 16;
  const std::vector<std::int64_t> indices = coloured(scan);
  const std::int64_t tried = std::min(kMost, std::ssize(indices));
  for (std::int64_t i = 0; i < tried; ++i) {
    try {
      if (!has_no_colour(decode_whole(images, indices[i * std::ssize(indices) / tried]))) return true;
    } catch (const Error&) {
      // scan_colours reports it, unless another image is in colour.
    }
  }
  return false;
}

}  // namespace glow::images
