#include <glow/data/images.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include <ATen/ATen.h>

#include <glow/error.h>
#include <glow/images/worker_pool.h>
#include <glow/ops/random.h>

#include "data/downscale.h"
#include "io/errors.h"

namespace glow::data {
namespace {

/// Random numbers for one image, before they are reduced to the ranges that its size allows.
struct Augmentation {
  std::uint64_t crop_top;
  std::uint64_t crop_left;
  std::uint64_t flip;
  std::uint64_t shift_down;
  std::uint64_t shift_right;
};

std::string text(const Size& size) { return std::to_string(size.height) + "x" + std::to_string(size.width); }

Size target(const Geometry& geometry) { return {geometry.height, geometry.width}; }

bool contains(const Size& outer, const Size& inner) {
  return outer.height >= inner.height && outer.width >= inner.width;
}

std::int64_t scaled(std::int64_t length, std::int64_t numerator, std::int64_t denominator) {
  return std::lround(static_cast<double>(length) * static_cast<double>(numerator) / static_cast<double>(denominator));
}

Size with_shorter_side(const Size& size, std::int64_t shorter) {
  if (size.height <= size.width) return {shorter, scaled(size.width, shorter, size.height)};
  return {scaled(size.height, shorter, size.width), shorter};
}

/// The largest part of `size` with the proportions of `shape`.
Size largest_with_proportions(const Size& size, const Size& shape) {
  if (size.height * shape.width > size.width * shape.height)
    return {scaled(size.width, shape.height, shape.width), size.width};
  return {size.height, scaled(size.height, shape.width, shape.height)};
}

PixelView view_of(const std::vector<std::uint8_t>& pixels, const Size& size, std::int64_t channels) {
  return {pixels.data(), size, channels, size.width * channels};
}

PixelView crop(PixelView pixels, std::int64_t top, std::int64_t left, const Size& size) {
  pixels.first += top * pixels.row_bytes + left * pixels.channels;
  pixels.size = size;
  return pixels;
}

PixelView centre_crop(const PixelView& pixels, const Size& size) {
  return crop(pixels, (pixels.size.height - size.height) / 2, (pixels.size.width - size.width) / 2, size);
}

/// The part of an image that is scaled, and to which size.
struct Scaling {
  std::int64_t top = 0;
  std::int64_t left = 0;
  Size part;
  Size result;
};

/// nullopt: the image is not scaled.
std::optional<Scaling> scaling_of(const Geometry& geometry, const Size& size) {
  if (geometry.resize > 0) return Scaling{.part = size, .result = with_shorter_side(size, geometry.resize)};
  const bool is_padded = contains(target(geometry), size);
  if (geometry.random_crop || is_padded) return std::nullopt;
  const Size part = largest_with_proportions(size, target(geometry));
  return Scaling{(size.height - part.height) / 2, (size.width - part.width) / 2, part, target(geometry)};
}

/// The largest reduction by the decoder (1, 2, 4 or 8) after which the image is still at least twice as large as the
/// result, so that the triangle filter averages over the reduced pixels, and the part begins and ends between two of
/// them. docs/performance.md has the differences to whole decoding, beside those between two filters.
int reduction_for(const std::optional<Scaling>& scaling) {
  if (!scaling) return 1;
  const auto& [top, left, part, result] = *scaling;
  const bool is_whole = top == 0 && left == 0;
  for (const int reduction : {8, 4, 2}) {
    const bool is_large = part.height >= 2 * reduction * result.height && part.width >= 2 * reduction * result.width;
    const bool divides =
        top % reduction == 0 && left % reduction == 0 && part.height % reduction == 0 && part.width % reduction == 0;
    if (is_large && (is_whole || divides)) return reduction;
  }
  return 1;
}

/// The size of an image of this size after a reduction by the decoder.
Size reduced(const Size& size, int reduction) {
  return {(size.height + reduction - 1) / reduction, (size.width + reduction - 1) / reduction};
}

/// `reduction`: by which the decoder has reduced `pixels`. `memory` holds the result if it is not a part of these.
PixelView scale(const std::optional<Scaling>& scaling, const PixelView& pixels, int reduction,
                std::vector<std::uint8_t>& memory) {
  if (!scaling) return pixels;
  const auto& [top, left, part, result] = *scaling;
  const PixelView cropped = crop(pixels, top / reduction, left / reduction, reduced(part, reduction));
  if (cropped.size == result) return cropped;
  memory = downscale(cropped, result,
                     {static_cast<double>(part.height) / reduction, static_cast<double>(part.width) / reduction});
  return view_of(memory, result, pixels.channels);
}

/// `memory` holds the result if it is not `pixels`.
PixelView pad_with_black(const PixelView& pixels, const Size& size, std::vector<std::uint8_t>& memory) {
  const Size inner = pixels.size;
  if (contains(inner, size)) return pixels;
  memory.assign(size.height * size.width * pixels.channels, 0);
  const PixelView padded = view_of(memory, size, pixels.channels);
  std::uint8_t* to = memory.data() + (centre_crop(padded, inner).first - padded.first);
  for (std::int64_t y = 0; y < inner.height; ++y)
    std::memcpy(to + y * padded.row_bytes, pixels.first + y * pixels.row_bytes, inner.width * pixels.channels);
  return padded;
}

PixelView random_crop(const PixelView& pixels, const Size& size, const Augmentation& augmentation) {
  const auto tops = static_cast<std::uint64_t>(pixels.size.height - size.height + 1);
  const auto lefts = static_cast<std::uint64_t>(pixels.size.width - size.width + 1);
  return crop(pixels, static_cast<std::int64_t>(augmentation.crop_top % tops),
              static_cast<std::int64_t>(augmentation.crop_left % lefts), size);
}

/// By how many pixels a line of `length` pixels is shifted: up to a tenth of its length.
std::int64_t shift_of_line(std::int64_t length, std::uint64_t draw) {
  const std::int64_t most = length / 10;
  return static_cast<std::int64_t>(draw % static_cast<std::uint64_t>(2 * most + 1)) - most;
}

/// Copies a row of `width` pixels, shifted to the right; its end pixels are repeated.
void copy_row(const std::uint8_t* from, std::int64_t width, std::int64_t channels, std::int64_t right,
              std::uint8_t* to) {
  const std::uint8_t* last = from + (width - 1) * channels;
  for (std::int64_t x = 0; x < right; ++x) to = std::copy_n(from, channels, to);
  const std::int64_t first_column = std::max<std::int64_t>(0, -right);
  to = std::copy_n(from + first_column * channels, (width - std::abs(right)) * channels, to);
  for (std::int64_t x = right; x < 0; ++x) to = std::copy_n(last, channels, to);
}

/// The bytes of a row of pixels from right to left.
void mirror_row(const std::uint8_t* from, std::int64_t width, std::int64_t channels, std::uint8_t* to) {
  for (std::int64_t x = width - 1; x >= 0; --x) to = std::copy_n(from + x * channels, channels, to);
}

/// The random choices of an image: a pure function of (seed, epoch, index). Each choice has its own number, so that an
/// option does not change the choices of another.
Augmentation draw_augmentation(std::uint64_t seed, std::int64_t epoch, std::int64_t index) {
  const ops::RandomKey key{.seed = seed, .stream = ops::Stream::kAugmentation, .step = epoch};
  const std::vector<std::uint64_t> draws = ops::random_integers(key, index, 5);
  return {draws[0], draws[1], draws[2], draws[3], draws[4]};
}

/// The field of the geometry that makes an image too small.
std::string size_field(const Geometry& geometry) { return geometry.resize == 0 ? "image_size" : "resize"; }

/// The error about images that are too small, given as "NAME: PROBLEM".
ConfigError too_small(const Geometry& geometry, const std::vector<std::string>& problems, std::int64_t images) {
  if (problems.size() == 1) return ConfigError(size_field(geometry), problems[0]);
  return ConfigError(size_field(geometry), std::to_string(problems.size()) + " of " + std::to_string(images) +
                                               " images are too small:" + io::listed(problems));
}

/// Throws FormatError when an image has neither the size that its source has announced, nor this after a reduction by
/// the decoder, or has other channels: its file was replaced.
void check_unchanged(const images::ImageSource& source, std::int64_t index, const io::ImageShape& shape,
                     const Size& announced, int reduction) {
  const Size size{shape.height, shape.width};
  const bool has_size = size == announced || size == reduced(announced, reduction);
  if (has_size && shape.channels == source.channels()) return;
  throw FormatError(source.name(index), "expected " + text(announced) + " pixels of " +
                                            std::to_string(source.channels()) +
                                            " channels, as when it was opened, has " + text(size) + " of " +
                                            std::to_string(shape.channels));
}

/// Copies a scaled image to `result`, [height, width, channels] of the geometry. Without an augmentation the crop is
/// central, and the image is neither flipped nor shifted.
void crop_and_augment(const Geometry& geometry, const PixelView& scaled,
                      const std::optional<Augmentation>& augmentation, std::uint8_t* result) {
  const auto [height, width] = target(geometry);
  std::vector<std::uint8_t> memory;
  const PixelView large = pad_with_black(scaled, {height, width}, memory);
  const bool is_random = augmentation && geometry.random_crop;
  const PixelView image =
      is_random ? random_crop(large, {height, width}, *augmentation) : centre_crop(large, {height, width});
  const bool flips = augmentation && geometry.flip && augmentation->flip % 2 == 1;
  const bool shifts = augmentation && geometry.shift;
  const std::int64_t down = shifts ? shift_of_line(height, augmentation->shift_down) : 0;
  const std::int64_t right = shifts ? shift_of_line(width, augmentation->shift_right) : 0;
  std::vector<std::uint8_t> mirrored(flips ? width * image.channels : 0);
  for (std::int64_t y = 0; y < height; ++y) {
    const std::uint8_t* row = image.first + std::clamp<std::int64_t>(y - down, 0, height - 1) * image.row_bytes;
    if (flips) mirror_row(row, width, image.channels, mirrored.data());
    copy_row(flips ? mirrored.data() : row, width, image.channels, right, result + y * width * image.channels);
  }
}

/// Image `index` of a source, brought to the size of the geometry and copied to `result`, [height, width, channels].
void make_image(const images::ImageSource& source, const Geometry& geometry, std::int64_t index,
                const std::optional<Augmentation>& augmentation, std::uint8_t* result) {
  const auto shape = source.shape(index);
  const int reduction = shape ? reduction_for(scaling_of(geometry, {shape->height, shape->width})) : 1;
  const io::Image image = source.reduced_image(index, reduction);
  const auto [height, width, channels] = image.shape;
  const Size size = shape ? Size{shape->height, shape->width} : Size{height, width};
  if (!shape) {
    const std::string problem = geometry.size_problem(image.shape, source.is_on_black());
    if (!problem.empty()) throw too_small(geometry, {source.name(index) + ": " + problem}, 1);
  }
  check_unchanged(source, index, image.shape, size, reduction);
  const bool is_reduced = Size{height, width} != size;
  std::vector<std::uint8_t> memory;
  const PixelView scaled = scale(scaling_of(geometry, size), view_of(image.pixels, {height, width}, channels),
                                 is_reduced ? reduction : 1, memory);
  crop_and_augment(geometry, scaled, augmentation, result);
}

}  // namespace

void Geometry::validate() const {
  if (height < 1 || width < 1) throw ConfigError("image_size", "must be at least 1x1, is " + text(target(*this)));
  if (resize != 0 && resize < std::min(height, width))
    throw ConfigError("resize", std::to_string(resize) + " is too small for a crop of " + text(target(*this)));
}

std::string Geometry::size_problem(const io::ImageShape& shape, bool is_on_black) const {
  constexpr const char* kNeverEnlarged = ": images are never enlarged";
  const Size size{shape.height, shape.width};
  const std::string image = " an image of " + text(size) + " (height x width)";
  if (resize == 0) {
    const bool is_padded = is_on_black && contains(target(*this), size);
    if (is_padded || contains(size, target(*this))) return "";
    return text(target(*this)) + " is too large for" + image + kNeverEnlarged;
  }
  if (std::min(size.height, size.width) < resize)
    return std::to_string(resize) + " is too large for" + image + kNeverEnlarged;
  const Size resized = with_shorter_side(size, resize);
  if (contains(resized, target(*this))) return "";
  return std::to_string(resize) + " makes" + image + " one of " + text(resized) + ", too small for a crop of " +
         text(target(*this));
}

void require_sizes(const std::vector<std::shared_ptr<const images::ImageSource>>& sources, const Geometry& geometry) {
  std::vector<std::string> problems;
  std::int64_t images = 0;
  for (const auto& source : sources) {
    if (!source) continue;
    images += source->size();
    // All images of an array have the same shape, so that one check is enough.
    const bool is_array = source->common_shape().has_value();
    const std::int64_t checked = is_array ? std::min<std::int64_t>(1, source->size()) : source->size();
    for (std::int64_t index = 0; index < checked; ++index) {
      const auto shape = source->shape(index);
      const std::string problem = shape ? geometry.size_problem(*shape, source->is_on_black()) : "";
      if (!problem.empty()) problems.push_back(source->name(index) + ": " + problem);
    }
  }
  if (!problems.empty()) throw too_small(geometry, problems, images);
}

Images::Images(std::shared_ptr<const images::ImageSource> source, const Geometry& geometry)
    : source_(std::move(source)), geometry_(geometry) {
  geometry_.validate();
  require_sizes({source_}, geometry_);
}

torch::Tensor Images::bytes(const std::vector<std::int64_t>& indices) const {
  return make_batch(std::ssize(indices), [&](std::int64_t image, std::uint8_t* result) {
    check_index(indices[image]);
    make_image(*source_, geometry_, indices[image], std::nullopt, result);
  });
}

torch::Tensor Images::augmented_bytes(const std::vector<BatchOrder::Entry>& entries, std::uint64_t seed) const {
  return make_batch(std::ssize(entries), [&](std::int64_t image, std::uint8_t* result) {
    const auto [index, epoch] = entries[image];
    check_index(index);
    make_image(*source_, geometry_, index, draw_augmentation(seed, epoch, index), result);
  });
}

torch::Tensor Images::make_batch(std::int64_t count,
                                 const std::function<void(std::int64_t, std::uint8_t*)>& make) const {
  const torch::Tensor batch = at::empty({count, channels(), geometry_.height, geometry_.width},
                                        at::TensorOptions(at::kByte).memory_format(at::MemoryFormat::ChannelsLast));
  const std::int64_t image_bytes = std::int64_t{channels()} * geometry_.height * geometry_.width;
  std::uint8_t* first = batch.data_ptr<std::uint8_t>();
  images::data_workers()->run(count, [&](std::int64_t image) { make(image, first + image * image_bytes); });
  return batch;
}

torch::Tensor Images::labels(const std::vector<std::int64_t>& indices) const {
  const torch::Tensor labels = at::empty({static_cast<std::int64_t>(indices.size())}, at::kLong);
  std::int64_t* label = labels.data_ptr<std::int64_t>();
  for (const std::int64_t index : indices) {
    check_index(index);
    *label++ = source_->label(index);
  }
  return labels;
}

std::string Images::name(std::int64_t index) const {
  check_index(index);
  return source_->name(index);
}

void Images::check_index(std::int64_t index) const {
  if (index < 0 || index >= size())
    throw ShapeError("images: index " + std::to_string(index) + " is outside the source's " + std::to_string(size()) +
                     " images");
}

}  // namespace glow::data
