#include <optional>
#include <string_view>

#include <ATen/ATen.h>

#include <glow/error.h>
#include <glow/io/npy.h>
#include <glow/io/safetensors.h>
#include <glow/latent/arrange.h>
#include <glow/latent/latents_file.h>
#include <glow/version.h>

#include "latent/latents_names.h"
#include "latent/model_reference.h"
#include "nn/tensor_bytes.h"
#include "ops/check.h"

namespace glow::latent {
namespace {

std::string_view bytes_of(const torch::Tensor& tensor) {
  return {static_cast<const char*>(tensor.data_ptr()), static_cast<std::size_t>(tensor.nbytes())};
}

std::vector<nn::LevelShape> latent_shapes(const nn::GlowOptions& options) {
  std::vector<nn::LevelShape> shapes;
  for (std::int64_t l = 0; l < options.levels; ++l) shapes.push_back(nn::latent_shape(options, l));
  return shapes;
}

std::vector<nn::LevelShape> latent_shapes(const nn::Latents& latents) {
  std::vector<nn::LevelShape> shapes;
  for (const auto& eps : latents.eps) {
    ops::check_shape(eps.dim() == 4, "latents: expected levels [N, C, H, W]", eps);
    shapes.push_back({eps.size(1), eps.size(2), eps.size(3)});
  }
  return shapes;
}

/// As they are written.
nn::Latents in_float32(const nn::Latents& latents) {
  nn::Latents single;
  for (const auto& eps : latents.eps) single.eps.push_back(eps.detach().to(torch::kCPU, torch::kFloat).contiguous());
  return single;
}

}  // namespace

struct LatentsWriter::Content {
  std::filesystem::path path;
  std::vector<nn::LevelShape> levels;
  std::int64_t images = 0;
  std::int64_t added = 0;
  /// One of the two.
  std::optional<io::NpyWriter> rows = std::nullopt;
  std::optional<io::SafetensorsWriter> arrays = std::nullopt;
  /// Place of eps.0 among the arrays.
  std::size_t first_level = 0;

  void open_rows() {
    std::int64_t dimensions = 0;
    for (const auto& level : levels) dimensions += level.channels * level.height * level.width;
    rows.emplace(path, "<f4", std::vector<std::int64_t>{images, dimensions});
  }

  void open_arrays(const std::string& model_checksum, const torch::Tensor& labels) {
    nn::TensorBytes stored;
    if (labels.defined()) stored.add(kLabelsName, labels);
    auto entries = stored.entries();
    first_level = entries.size();
    for (std::size_t l = 0; l < levels.size(); ++l) {
      const auto& level = levels[l];
      entries.push_back({eps_name(l), "F32", {images, level.channels, level.height, level.width}, {}});
    }
    arrays.emplace(path,
                   io::Metadata{{"format", kLatentsFormat}, {"glow.version", kVersion}, {kModelKey, model_checksum}},
                   entries);
    if (labels.defined()) arrays->write(0, entries.front().data);
  }

  /// All that may be wrong with a batch, before a part of it is written.
  void check_batch(const nn::Latents& latents) const {
    const auto count = latent::count(latents);
    bool fits = latents.eps.size() == levels.size();
    for (std::size_t l = 0; fits && l < levels.size(); ++l) {
      const auto& level = levels[l];
      fits = latents.eps[l].sizes() == torch::IntArrayRef({count, level.channels, level.height, level.width});
    }
    if (!fits) throw ShapeError("latents: their levels are not those of the file " + path.string());
    if (count > images - added) throw wrong_count(added + count);
    for (const auto& eps : latents.eps) {
      if (!eps.isfinite().all().item<bool>()) {
        throw NumericalError("latents: not finite, not written to " + path.string());
      }
    }
  }

  ShapeError wrong_count(std::int64_t seen) const {
    return ShapeError("latents: expected " + std::to_string(images) + " images for " + path.string() + ", got " +
                      std::to_string(seen));
  }
};

LatentsWriter::LatentsWriter(const std::filesystem::path& path, const std::vector<nn::LevelShape>& levels,
                             const std::string& model_checksum, std::int64_t images, const torch::Tensor& labels)
    : content_(std::make_unique<Content>()) {
  content_->path = path;
  content_->levels = levels;
  content_->images = images;
  if (labels.defined()) {
    ops::check_shape(labels.dim() == 1 && labels.size(0) == images && labels.scalar_type() == torch::kLong,
                     "latents: expected labels int64 [N]", labels);
  }
  if (path.extension() == ".npy") {
    content_->open_rows();
  } else if (path.extension() == ".safetensors") {
    content_->open_arrays(model_checksum, labels);
  } else {
    throw unknown_extension(path);
  }
}

LatentsWriter::LatentsWriter(const std::filesystem::path& path, const nn::GlowOptions& options,
                             const std::string& model_checksum, std::int64_t images, const torch::Tensor& labels)
    : LatentsWriter(path, latent_shapes(options), model_checksum, images, labels) {}

LatentsWriter::~LatentsWriter() = default;

void LatentsWriter::add(const nn::Latents& latents) {
  const auto single = in_float32(latents);
  content_->check_batch(single);
  if (content_->rows) {
    content_->rows->write(bytes_of(nn::flatten(single).contiguous()));
  } else {
    for (std::size_t l = 0; l < single.eps.size(); ++l) {
      content_->arrays->write(content_->first_level + l, bytes_of(single.eps[l]));
    }
  }
  content_->added += latent::count(single);
}

void LatentsWriter::finish() {
  if (content_->added < content_->images) throw content_->wrong_count(content_->added);
  if (content_->rows) {
    content_->rows->finish();
  } else {
    content_->arrays->finish();
  }
}

void save_latents(const nn::Latents& latents, const torch::Tensor& labels, const std::string& model_checksum,
                  const std::filesystem::path& path) {
  LatentsWriter writer(path, latent_shapes(latents), model_checksum, count(latents), labels);
  writer.add(latents);
  writer.finish();
}

}  // namespace glow::latent
