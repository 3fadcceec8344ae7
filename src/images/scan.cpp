#include "images/scan.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <utility>

#include <glow/error.h>

#include "images/encoded_image.h"
#include "images/shared_work.h"

namespace glow::images {
namespace {

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

io::ImageShape decoded_shape(const EncodedImages& images, std::int64_t index) {
  constexpr int kWhole = std::numeric_limits<int>::max();
  return decode(images.read(index), images.path(index), {kWhole, kWhole}).shape;
}

/// The scan of the images from `begin` to `end` as a text.
std::string scan_block(const EncodedImages& images, std::int64_t begin, std::int64_t end, bool decodes) {
  std::vector<io::ImageShape> shapes;
  std::vector<std::string> texts(1);
  for (std::int64_t index = begin; index < end; ++index) {
    if (!decodes) {
      shapes.push_back(read_shape(images, index));
      continue;
    }
    texts.emplace_back();
    shapes.emplace_back();
    try {
      shapes.back() = decoded_shape(images, index);
    } catch (const FormatError& error) {
      texts.back() = error.what();
    }
  }
  texts[0].assign(reinterpret_cast<const char*>(shapes.data()), shapes.size() * sizeof(io::ImageShape));
  return join_texts(texts);
}

}  // namespace

Scan scan_images(const EncodedImages& images, const OpenOptions& options) {
  const std::int64_t unit = options.skip_corrupt ? 1 : 64;  // decoding takes longer
  const std::int64_t blocks = (images.size() + unit - 1) / unit;
  const auto scan = [&](std::int64_t block) {
    return scan_block(images, block * unit, std::min((block + 1) * unit, images.size()), options.skip_corrupt);
  };
  OpenOptions counting_images = options;
  if (options.progress) {
    counting_images.progress = [&](const std::string& what, std::int64_t done, std::int64_t all) {
      options.progress(what, std::min(done * unit, images.size()), std::min(all * unit, images.size()));
    };
  }
  Work work{
      .what = options.skip_corrupt ? "images checked" : "image headers read", .place = images.root(), .subjects = ""};
  if (options.shard.count > 1) {
    for (std::int64_t index = 0; index < images.size(); ++index)
      work.subjects.append(images.name(index)).push_back('\n');
  }
  Scan all;
  all.shapes.reserve(images.size());
  for (const std::string& text : share_work(work, blocks, scan, counting_images)) {
    std::vector<std::string> texts = split_texts(text);
    const std::size_t before = all.shapes.size();
    all.shapes.resize(before + texts[0].size() / sizeof(io::ImageShape));
    std::memcpy(all.shapes.data() + before, texts[0].data(), texts[0].size());
    std::move(texts.begin() + 1, texts.end(), std::back_inserter(all.problems));
  }
  return all;
}

}  // namespace glow::images
