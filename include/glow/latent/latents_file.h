#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include <glow/nn/latents.h>
#include <glow/nn/options.h>

namespace glow::latent {

/// Writes latents in float32, atomically (docs/formats.md): FILE.npy as rows [N, D], or FILE.safetensors with an array
/// a level, the labels int64 [N] unless undefined, and the checksum of their model. An .npy file has no place for the
/// latter two. Throws ConfigError for another extension, ShapeError, NumericalError when they are not finite, IoError.
void save_latents(const nn::Latents& latents, const torch::Tensor& labels, const std::string& model_checksum,
                  const std::filesystem::path& path);

/// The same file, written batch by batch: what is kept does not grow with the images.
class LatentsWriter {
 public:
  /// For latents of `images` images, of a model with these options and this checksum; labels as above. Throws
  /// ConfigError for another extension, ShapeError for labels of another shape, IoError.
  LatentsWriter(const std::filesystem::path& path, const nn::GlowOptions& options, const std::string& model_checksum,
                std::int64_t images, const torch::Tensor& labels = {});
  ~LatentsWriter();
  LatentsWriter(const LatentsWriter&) = delete;
  LatentsWriter& operator=(const LatentsWriter&) = delete;

  /// The next images. Throws ShapeError when their levels are not the model's or they are more than there were to be,
  /// NumericalError when they are not finite in float32, IoError.
  void add(const nn::Latents& latents);
  /// Makes the file visible. Call once, last; without it nothing appears. Throws ShapeError when images are missing,
  /// IoError.
  void finish();

 private:
  friend void save_latents(const nn::Latents&, const torch::Tensor&, const std::string&, const std::filesystem::path&);
  LatentsWriter(const std::filesystem::path& path, const std::vector<nn::LevelShape>& levels,
                const std::string& model_checksum, std::int64_t images, const torch::Tensor& labels);

  struct Content;
  std::unique_ptr<Content> content_;
};

/// Latents of a file, read piece by piece.
class LatentsReader {
 public:
  /// Of a model with these options and this checksum. Throws ConfigError for another extension than save_latents knows;
  /// IoError; FormatError naming the file when it is damaged, is something else or belongs to another model (of an
  /// .npy file only the dimensions tell).
  LatentsReader(const std::filesystem::path& path, const nn::GlowOptions& options, const std::string& model_checksum);
  ~LatentsReader();
  LatentsReader(const LatentsReader&) = delete;
  LatentsReader& operator=(const LatentsReader&) = delete;

  /// N.
  std::int64_t size() const;
  /// Images first ... first + count - 1 on the CPU. Throws ShapeError when they are not all there, FormatError when
  /// one has a number that is not finite.
  nn::Latents read(std::int64_t first, std::int64_t count) const;
  /// int64 [N], the classes the images were encoded with; undefined where the file has none.
  torch::Tensor labels() const;

 private:
  struct Content;
  std::unique_ptr<const Content> content_;
};

}  // namespace glow::latent
