#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/nn/latents.h>
#include <glow/nn/options.h>

#pragma GCC visibility push(default)

namespace glow::latent {

/// Writes latents, atomically and batch by batch (docs/formats.md): FILE.npy as rows [N, D], or FILE.safetensors with
/// an array for each level, the labels and the checksum of the model, which .npy cannot store.
class LatentsWriter {
 public:
  /// For latents of `images` images of the model with these options and this checksum, and their labels, int64 [N] or
  /// undefined. `dtype`: that of the file, float32 or float64. Throws ConfigError for another extension (in any case)
  /// or dtype, ShapeError for labels of another shape, IoError.
  LatentsWriter(const std::filesystem::path& path, const nn::GlowOptions& options, const std::string& model_checksum,
                std::int64_t images, const torch::Tensor& labels = {}, torch::Dtype dtype = torch::kFloat);
  ~LatentsWriter();
  LatentsWriter(const LatentsWriter&) = delete;
  LatentsWriter& operator=(const LatentsWriter&) = delete;

  /// Appends images and returns their latents as the file has them: on the CPU, in the file's dtype. Throws ShapeError
  /// when their levels are not those of the model or there are more than `images`, NumericalError when they are not
  /// finite in that dtype, IoError.
  nn::Latents add(const nn::Latents& latents);
  /// Completes the file. Call once, last. Throws ShapeError when images are missing, IoError.
  void finish();

 private:
  struct Content;
  std::unique_ptr<Content> content_;
};

/// Reads latents of a file in parts.
class LatentsReader {
 public:
  /// For the model with these options and this checksum. The content decides between .npy and .safetensors. Throws
  /// IoError; FormatError naming the file when it is damaged, of another kind or belongs to another model (for .npy
  /// only the dimensions are checked).
  LatentsReader(const std::filesystem::path& path, const nn::GlowOptions& options, const std::string& model_checksum);
  ~LatentsReader();
  LatentsReader(const LatentsReader&) = delete;
  LatentsReader& operator=(const LatentsReader&) = delete;

  /// The number of images.
  std::int64_t size() const;
  /// The dtype of the file, float32 or float64.
  torch::Dtype dtype() const;
  /// Images first ... first + count - 1 on the CPU, in that dtype. Throws ShapeError when the file does not have them,
  /// FormatError when a number is not finite.
  nn::Latents read(std::int64_t first, std::int64_t count) const;
  /// int64 [N], the classes under which the images were encoded; undefined when the file has none.
  torch::Tensor labels() const;

 private:
  struct Content;
  std::unique_ptr<const Content> content_;
};

}  // namespace glow::latent

#pragma GCC visibility pop
