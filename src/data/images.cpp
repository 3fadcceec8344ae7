#include <glow/data/images.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <omp.h>

#include <glow/error.h>
#include <glow/images/worker_pool.h>
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

at::Tensor crop(const at::Tensor& pixels, std::int64_t top, std::int64_t left, const Size& size) {
  return pixels.narrow(1, top, size.height).narrow(2, left, size.width);
}

at::Tensor centre_crop(const at::Tensor& pixels, const Size& size) {
  const Size full = size_of(pixels);
  return crop(pixels, (full.height - size.height) / 2, (full.width - size.width) / 2, size);
}

/// Antialiased bilinear scaling, a triangle filter as wide as the scale: without negative lobes, so without ringing.
/// `full_height`, `full_width`: the sides that are scaled to `size`; those of `pixels`, but for parts of pixels of a
/// reduced image, whose last row and column may reach beyond its edge.
at::Tensor downscale(const at::Tensor& pixels, const Size& size, double full_height, double full_width) {
  if (size_of(pixels) == size) return pixels;
  const at::Tensor image = pixels.to(at::kFloat).contiguous().unsqueeze(0);
  c10::optional<double> vertical, horizontal;  // not set: the ratio of the sides
  if (full_height != static_cast<double>(pixels.size(1))) vertical = static_cast<double>(size.height) / full_height;
  if (full_width != static_cast<double>(pixels.size(2))) horizontal = static_cast<double>(size.width) / full_width;
  const at::Tensor smaller = at::_upsample_bilinear2d_aa(image, at::IntArrayRef{size.height, size.width},
                                                         /*align_corners=*/false, vertical, horizontal);
  return smaller.squeeze(0).round_().clamp_(0, 255).to(at::kByte);
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
/// them. Then the results differ by less than those of two good filters (docs/performance.md).
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

/// `reduction`: by which the decoder has reduced `pixels`.
at::Tensor scale(const std::optional<Scaling>& scaling, const at::Tensor& pixels, int reduction) {
  if (!scaling) return pixels;
  const auto& [top, left, part, result] = *scaling;
  const auto reduced = [&](std::int64_t side) { return (side + reduction - 1) / reduction; };
  const at::Tensor cropped =
      crop(pixels, top / reduction, left / reduction, {reduced(part.height), reduced(part.width)});
  return downscale(cropped, result, static_cast<double>(part.height) / reduction,
                   static_cast<double>(part.width) / reduction);
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

/// Throws ConfigError, naming image_size or resize and the image, when the geometry does not allow an image of `size`.
void check_size(const Geometry& geometry, const Size& size, const images::ImageSource& source, std::int64_t index) {
  constexpr const char* kNeverEnlarged = ": images are never enlarged";
  const auto image = [&] { return source.name(index) + " of " + text(size) + " (height x width)"; };
  if (geometry.resize == 0) {
    const bool is_padded = source.is_on_black() && contains(target(geometry), size);
    if (is_padded || contains(size, target(geometry))) return;
    throw ConfigError("image_size", text(target(geometry)) + " is too large for " + image() + kNeverEnlarged);
  }
  const std::string resize = std::to_string(geometry.resize);
  if (std::min(size.height, size.width) < geometry.resize)
    throw ConfigError("resize", resize + " is too large for " + image() + kNeverEnlarged);
  const Size resized = with_shorter_side(size, geometry.resize);
  if (!contains(resized, target(geometry)))
    throw ConfigError("resize", resize + " makes " + image() + ", " + text(resized) + ", too small for a crop of " +
                                    text(target(geometry)));
}

/// uint8 [C, h, w], scaled -> uint8 [C, height, width]. Without an augmentation the crop is central, and the image is
/// neither flipped nor shifted.
at::Tensor crop_and_augment(const Geometry& geometry, const at::Tensor& scaled,
                            const std::optional<Augmentation>& augmentation) {
  const Size size = target(geometry);
  const at::Tensor large = pad_with_black(scaled, size);
  if (!augmentation) return centre_crop(large, size);
  at::Tensor image = geometry.random_crop ? random_crop(large, size, *augmentation) : centre_crop(large, size);
  if (geometry.flip && augmentation->flip % 2 == 1) image = image.flip(2);
  if (geometry.shift) image = shift(image, *augmentation);
  return image;
}

/// Image `index` of a source, brought to the size of the geometry and copied to `result`, uint8 [C, height, width].
void make_image(const images::ImageSource& source, const Geometry& geometry, std::int64_t index,
                const std::optional<Augmentation>& augmentation, const at::Tensor& result) {
  const auto shape = source.shape(index);
  const int reduction = shape ? reduction_for(scaling_of(geometry, {shape->height, shape->width})) : 1;
  io::Image image = source.reduced_image(index, reduction);
  const auto [height, width, channels] = image.shape;
  const Size size = shape ? Size{shape->height, shape->width} : Size{height, width};
  if (!shape) check_size(geometry, size, source, index);
  const at::Tensor pixels = at::from_blob(image.pixels.data(), {height, width, channels}, at::kByte).permute({2, 0, 1});
  const bool is_reduced = size.height != height || size.width != width;
  const at::Tensor scaled = scale(scaling_of(geometry, size), pixels, is_reduced ? reduction : 1);
  result.copy_(crop_and_augment(geometry, scaled, augmentation));
}

/// Within its lifetime, LibTorch's operations of this thread use no other threads: the images of a batch already keep
/// all threads busy.
class OneThread {
 public:
  OneThread() : threads_(at::get_num_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(threads_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int threads_;
};

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
  for (std::int64_t index = 0; index < checked; ++index) {
    if (const auto shape = source_->shape(index)) check_size(geometry_, {shape->height, shape->width}, *source_, index);
  }
}

torch::Tensor Images::bytes(const std::vector<std::int64_t>& indices) const {
  return make_batch(std::ssize(indices), [&](std::int64_t image, const torch::Tensor& result) {
    check_index(indices[image]);
    make_image(*source_, geometry_, indices[image], std::nullopt, result);
  });
}

torch::Tensor Images::augmented_bytes(const std::vector<BatchOrder::Entry>& entries, std::uint64_t seed) const {
  return make_batch(std::ssize(entries), [&](std::int64_t image, const torch::Tensor& result) {
    const auto [index, epoch] = entries[image];
    check_index(index);
    make_image(*source_, geometry_, index, draw_augmentation(seed, epoch, index), result);
  });
}

torch::Tensor Images::make_batch(std::int64_t count,
                                 const std::function<void(std::int64_t, const torch::Tensor&)>& make) const {
  const torch::Tensor batch = at::empty({count, channels(), geometry_.height, geometry_.width},
                                        at::TensorOptions(at::kByte).memory_format(at::MemoryFormat::ChannelsLast));
  const std::int64_t image_bytes = std::int64_t{channels()} * geometry_.height * geometry_.width;
  std::uint8_t* first = batch.data_ptr<std::uint8_t>();
  images::data_workers()->run(count, [&](std::int64_t image) {
    const OneThread guard;
    // Not batch[image]: if the caller is in inference mode and this thread is not, this thread must not write to it.
    make(image, at::from_blob(first + image * image_bytes, {geometry_.height, geometry_.width, channels()}, at::kByte)
                    .permute({2, 0, 1}));
  });
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
