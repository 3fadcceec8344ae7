#include <glow/data/images.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include <ATen/ATen.h>

#include <glow/error.h>
#include <glow/ops/random.h>

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

struct Size {
  std::int64_t height;
  std::int64_t width;
  bool operator==(const Size&) const = default;
};

std::string text(const Size& size) { return std::to_string(size.height) + "x" + std::to_string(size.width); }

Size target(const Geometry& geometry) { return {geometry.height, geometry.width}; }

Size size_of(const at::Tensor& pixels) { return {pixels.size(1), pixels.size(2)}; }

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

constexpr const char* kNeverEnlarged = ": images are never enlarged";

/// `image`: its name and size.
void check_resize(const Geometry& geometry, const Size& size, const std::string& image) {
  const std::string resize = std::to_string(geometry.resize);
  if (std::min(size.height, size.width) < geometry.resize)
    throw ConfigError("resize", resize + " is too large for " + image + kNeverEnlarged);
  const Size resized = with_shorter_side(size, geometry.resize);
  if (!contains(resized, target(geometry)))
    throw ConfigError("resize", resize + " makes " + image + ", " + text(resized) + ", too small for a crop of " +
                                    text(target(geometry)));
}

at::Tensor crop(const at::Tensor& pixels, std::int64_t top, std::int64_t left, const Size& size) {
  return pixels.narrow(1, top, size.height).narrow(2, left, size.width);
}

at::Tensor centre_crop(const at::Tensor& pixels, const Size& size) {
  const Size full = size_of(pixels);
  return crop(pixels, (full.height - size.height) / 2, (full.width - size.width) / 2, size);
}

/// Antialiased bilinear scaling, a triangle filter as wide as the scale: without negative lobes, so without ringing.
at::Tensor downscale(const at::Tensor& pixels, const Size& size) {
  if (size_of(pixels) == size) return pixels;
  const at::Tensor image = pixels.to(at::kFloat).contiguous().unsqueeze(0);
  const at::Tensor smaller =
      at::_upsample_bilinear2d_aa(image, at::IntArrayRef{size.height, size.width}, /*align_corners=*/false);
  return smaller.squeeze(0).round_().clamp_(0, 255).to(at::kByte);
}

at::Tensor scale(const Geometry& geometry, const at::Tensor& pixels) {
  const Size size = size_of(pixels);
  if (geometry.resize > 0) return downscale(pixels, with_shorter_side(size, geometry.resize));
  const bool is_padded = contains(target(geometry), size);
  if (geometry.random_crop || is_padded) return pixels;
  return downscale(centre_crop(pixels, largest_with_proportions(size, target(geometry))), target(geometry));
}

at::Tensor pad_with_black(const at::Tensor& pixels, const Size& size) {
  const Size inner = size_of(pixels);
  if (contains(inner, size)) return pixels;
  at::Tensor padded = at::zeros({pixels.size(0), size.height, size.width}, pixels.options());
  centre_crop(padded, inner).copy_(pixels);
  return padded;
}

at::Tensor random_crop(const at::Tensor& pixels, const Size& size, const Augmentation& augmentation) {
  const Size full = size_of(pixels);
  const auto tops = static_cast<std::uint64_t>(full.height - size.height + 1);
  const auto lefts = static_cast<std::uint64_t>(full.width - size.width + 1);
  return crop(pixels, static_cast<std::int64_t>(augmentation.crop_top % tops),
              static_cast<std::int64_t>(augmentation.crop_left % lefts), size);
}

/// Source indices of a line of `length` pixels that is shifted by up to a tenth of its length; its end pixels are
/// repeated.
at::Tensor shifted_line(std::int64_t length, std::uint64_t draw) {
  const std::int64_t most = length / 10;
  const auto distance = static_cast<std::int64_t>(draw % static_cast<std::uint64_t>(2 * most + 1)) - most;
  return at::arange(length, at::kLong).sub_(distance).clamp_(0, length - 1);
}

at::Tensor shift(const at::Tensor& pixels, const Augmentation& augmentation) {
  return pixels.index_select(1, shifted_line(pixels.size(1), augmentation.shift_down))
      .index_select(2, shifted_line(pixels.size(2), augmentation.shift_right));
}

/// The random choices of an image: a pure function of (seed, epoch, index). Each choice has its own number, so that an
/// option does not change the choices of another.
Augmentation draw_augmentation(std::uint64_t seed, std::int64_t epoch, std::int64_t index) {
  const ops::RandomKey key{.seed = seed, .stream = ops::Stream::kAugmentation, .step = epoch};
  const std::vector<std::uint64_t> draws = ops::random_integers(key, index, 5);
  return {draws[0], draws[1], draws[2], draws[3], draws[4]};
}

/// Throws ConfigError, naming image_size or resize and the image, when an image of this shape does not allow the
/// geometry.
void check_shape(const Geometry& geometry, const io::ImageShape& shape, bool may_pad, const std::string& name) {
  const Size size{shape.height, shape.width};
  const std::string image = name + " of " + text(size) + " (height x width)";
  if (geometry.resize > 0) {
    check_resize(geometry, size, image);
  } else {
    const bool is_padded = may_pad && contains(target(geometry), size);
    if (!is_padded && !contains(size, target(geometry)))
      throw ConfigError("image_size", text(target(geometry)) + " is too large for " + image + kNeverEnlarged);
  }
}

/// uint8 [C, h, w], of a shape that passed check_shape -> uint8 [C, height, width]. Without an augmentation the crop is
/// central, and the image is neither flipped nor shifted.
at::Tensor apply_geometry(const Geometry& geometry, const at::Tensor& pixels,
                          const std::optional<Augmentation>& augmentation) {
  const Size size = target(geometry);
  const at::Tensor large = pad_with_black(scale(geometry, pixels), size);
  if (!augmentation) return centre_crop(large, size);
  at::Tensor image = geometry.random_crop ? random_crop(large, size, *augmentation) : centre_crop(large, size);
  if (geometry.flip && augmentation->flip % 2 == 1) image = image.flip(2);
  if (geometry.shift) image = shift(image, *augmentation);
  return image;
}

}  // namespace

void Geometry::validate() const {
  if (height < 1 || width < 1) throw ConfigError("image_size", "must be at least 1x1, is " + text(target(*this)));
  if (resize != 0 && resize < std::min(height, width))
    throw ConfigError("resize", std::to_string(resize) + " is too small for a crop of " + text(target(*this)));
}

Images::Images(std::shared_ptr<const images::ImageSource> source, const Geometry& geometry)
    : source_(std::move(source)), geometry_(geometry) {
  geometry_.validate();
  const bool is_array = source_->common_shape().has_value();
  // All images of an array have the same shape, so that one check is enough.
  const std::int64_t checked = is_array ? std::min<std::int64_t>(1, size()) : size();
  for (std::int64_t index = 0; index < checked; ++index)
    check_shape(geometry_, source_->shape(index), source_->is_on_black(), source_->name(index));
}

torch::Tensor Images::bytes(const std::vector<std::int64_t>& indices) const {
  const torch::Tensor batch = empty_batch(indices.size());
  for (std::size_t i = 0; i < indices.size(); ++i)
    batch[static_cast<std::int64_t>(i)].copy_(apply_geometry(geometry_, pixels(indices[i]), std::nullopt));
  return batch;
}

torch::Tensor Images::augmented_bytes(const std::vector<BatchOrder::Entry>& entries, std::uint64_t seed) const {
  const torch::Tensor batch = empty_batch(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto [index, epoch] = entries[i];
    const torch::Tensor image = pixels(index);
    const Augmentation augmentation = draw_augmentation(seed, epoch, index);
    batch[static_cast<std::int64_t>(i)].copy_(apply_geometry(geometry_, image, augmentation));
  }
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

torch::Tensor Images::pixels(std::int64_t index) const {
  check_index(index);
  io::Image image = source_->image(index);
  const auto [height, width, channels] = image.shape;
  return at::from_blob(image.pixels.data(), {height, width, channels}, at::kByte)
      .permute({2, 0, 1})
      .clone(at::MemoryFormat::Contiguous);
}

torch::Tensor Images::empty_batch(std::size_t count) const {
  return at::empty({static_cast<std::int64_t>(count), channels(), geometry_.height, geometry_.width}, at::kByte);
}

}  // namespace glow::data
