#include <glow/latent/latents_file.h>

#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include <glow/error.h>
#include <glow/io/file.h>
#include <glow/io/npy.h>
#include <glow/io/safetensors.h>
#include <glow/latent/arrange.h>
#include <glow/version.h>

#include "io/errors.h"
#include "io/file_kind.h"
#include "io/regular_file.h"
#include "latent/model_reference.h"
#include "nn/tensor_bytes.h"
#include "ops/all_finite.h"
#include "ops/check.h"

namespace glow::latent {
namespace {

// Names in a .safetensors file of latents (docs/formats.md).

constexpr const char* kLatentsFormat = "glow-latents";
constexpr const char* kLabelsName = "labels";
std::string eps_name(std::size_t level) { return "eps." + std::to_string(level); }

ConfigError unknown_extension(const std::filesystem::path& path) {
  return ConfigError("latents", "expected FILE.npy or FILE.safetensors, got " + path.string());
}

std::string_view bytes_of(const torch::Tensor& tensor) {
  return {static_cast<const char*>(tensor.data_ptr()), static_cast<std::size_t>(tensor.nbytes())};
}

std::vector<nn::LevelShape> latent_shapes(const nn::GlowOptions& options) {
  std::vector<nn::LevelShape> shapes;
  for (std::int64_t l = 0; l < options.levels; ++l) shapes.push_back(nn::latent_shape(options, l));
  return shapes;
}

/// A dtype of the files, and its names in the two formats.
struct LatentsDtype {
  torch::Dtype dtype;
  const char* npy;
  const char* safetensors;
};
constexpr LatentsDtype kLatentsDtypes[] = {{torch::kFloat, "<f4", "F32"}, {torch::kDouble, "<f8", "F64"}};

LatentsDtype names_of(torch::Dtype dtype) {
  for (const auto& each : kLatentsDtypes) {
    if (each.dtype == dtype) return each;
  }
  throw ConfigError("latents", "expected float32 or float64, got " + std::string(c10::toString(dtype)));
}

/// The dtype that a file names; nullopt for another one.
std::optional<torch::Dtype> dtype_named(const std::string& name) {
  for (const auto& each : kLatentsDtypes) {
    if (name == each.npy || name == each.safetensors) return each.dtype;
  }
  return std::nullopt;
}

/// The latents as a file stores them, on the CPU.
nn::Latents as_stored(const nn::Latents& latents, torch::Dtype dtype) {
  nn::Latents stored;
  for (const auto& eps : latents.eps) stored.eps.push_back(eps.detach().to(torch::kCPU, dtype).contiguous());
  return stored;
}

}  // namespace

struct LatentsWriter::Content {
  std::filesystem::path path;
  std::vector<nn::LevelShape> levels;
  std::int64_t images = 0;
  torch::Dtype dtype = torch::kFloat;
  std::int64_t added = 0;
  /// The writer of .npy or that of .safetensors.
  std::optional<io::NpyWriter> rows = std::nullopt;
  std::optional<io::SafetensorsWriter> arrays = std::nullopt;
  /// Index of eps.0 among the arrays.
  std::size_t first_level = 0;

  void open_rows() {
    std::int64_t dimensions = 0;
    for (const auto& level : levels) dimensions += level.channels * level.height * level.width;
    rows.emplace(path, names_of(dtype).npy, std::vector<std::int64_t>{images, dimensions});
  }

  void open_arrays(const std::string& model_checksum, const torch::Tensor& labels) {
    nn::TensorBytes stored;
    if (labels.defined()) stored.add(kLabelsName, labels);
    auto entries = stored.entries();
    first_level = entries.size();
    for (std::size_t l = 0; l < levels.size(); ++l) {
      const auto& level = levels[l];
      entries.push_back(
          {eps_name(l), names_of(dtype).safetensors, {images, level.channels, level.height, level.width}, {}});
    }
    arrays.emplace(path,
                   io::Metadata{{"format", kLatentsFormat}, {"glow.version", kVersion}, {kModelKey, model_checksum}},
                   entries);
    if (labels.defined()) arrays->write(0, entries.front().data);
  }

  /// Checks a batch before any part of it is written.
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
      if (!ops::all_finite(eps)) {
        throw NumericalError("latents: not finite, not written to " + path.string());
      }
    }
  }

  ShapeError wrong_count(std::int64_t seen) const {
    return ShapeError("latents: expected " + std::to_string(images) + " images for " + path.string() + ", got " +
                      std::to_string(seen));
  }
};

LatentsWriter::LatentsWriter(const std::filesystem::path& path, const nn::GlowOptions& options,
                             const std::string& model_checksum, std::int64_t images, const torch::Tensor& labels,
                             torch::Dtype dtype)
    : content_(std::make_unique<Content>()) {
  content_->path = path;
  content_->levels = latent_shapes(options);
  content_->images = images;
  content_->dtype = dtype;
  if (labels.defined()) {
    ops::check_shape(labels.dim() == 1 && labels.size(0) == images && labels.scalar_type() == torch::kLong,
                     "latents: expected labels int64 [N]", labels);
  }
  const auto extension = io::lower_extension(path);
  if (extension == ".npy") {
    content_->open_rows();
  } else if (extension == ".safetensors") {
    content_->open_arrays(model_checksum, labels);
  } else {
    throw unknown_extension(path);
  }
}

LatentsWriter::~LatentsWriter() = default;

nn::Latents LatentsWriter::add(const nn::Latents& latents) {
  auto stored = as_stored(latents, content_->dtype);
  content_->check_batch(stored);
  if (content_->rows) {
    content_->rows->write(bytes_of(nn::flatten(stored).contiguous()));
  } else {
    for (std::size_t l = 0; l < stored.eps.size(); ++l) {
      content_->arrays->write(content_->first_level + l, bytes_of(stored.eps[l]));
    }
  }
  content_->added += latent::count(stored);
  return stored;
}

void LatentsWriter::finish() {
  if (content_->added < content_->images) throw content_->wrong_count(content_->added);
  if (content_->rows) {
    content_->rows->finish();
  } else {
    content_->arrays->finish();
  }
}

struct LatentsReader::Content {
  /// One array of a file; its first axis is that of the images.
  struct Part {
    std::vector<std::int64_t> shape;
    std::string_view data;

    /// [count, ...] of the images first ... first + count - 1.
    torch::Tensor read(std::int64_t first, std::int64_t count, torch::Dtype type) const {
      auto wanted = shape;
      wanted[0] = count;
      auto tensor = torch::empty(wanted, type);
      const auto bytes = data.size() / static_cast<std::size_t>(shape[0]);
      const auto piece = data.substr(static_cast<std::size_t>(first) * bytes, static_cast<std::size_t>(count) * bytes);
      if (!piece.empty()) std::memcpy(tensor.data_ptr(), piece.data(), piece.size());
      return tensor;
    }
  };

  std::filesystem::path path;
  nn::GlowOptions options;
  /// The owner of the bytes of the parts.
  std::shared_ptr<const void> owner;
  /// Rows [N, D], or one array for each level.
  std::vector<Part> parts;
  torch::Tensor labels;
  torch::Dtype dtype = torch::kFloat;

  std::int64_t size() const { return parts.front().shape.front(); }
};

namespace {

template <class Content>
void read_npy(Content& content) {
  const auto file = std::make_shared<const io::NpyReader>(content.path);
  const auto& shape = file->shape();
  const auto dimensions = content.options.dimensions();
  const auto dtype = dtype_named(file->dtype());
  if (!dtype || shape.size() != 2 || shape[0] < 1 || shape[1] != dimensions) {
    throw FormatError(content.path, "expected latents of this model, \"<f4\" or \"<f8\" (float32 or float64) [N," +
                                        std::to_string(dimensions) + "] with N > 0, is " +
                                        io::in_quotes(file->dtype()) + " " + io::to_text(shape));
  }
  content.parts.push_back({shape, file->data()});
  content.dtype = *dtype;
  content.owner = file;
}

/// `first`: the first level, whose dtype and number of images the others have.
std::string expected_shape(const nn::LevelShape& shape, const io::TensorEntry& first) {
  const auto dtype = dtype_named(first.dtype) ? first.dtype : "F32 or F64";
  return dtype + " [N," + std::to_string(shape.channels) + "," + std::to_string(shape.height) + "," +
         std::to_string(shape.width) + "] with one N > 0";
}

const io::TensorEntry* find_entry(const io::SafetensorsReader& file, const std::string& name) {
  for (const auto& entry : file.entries()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

io::TensorEntry level_entry(const io::SafetensorsReader& file, const nn::GlowOptions& options, std::int64_t level) {
  const auto name = eps_name(static_cast<std::size_t>(level));
  const auto shape = nn::latent_shape(options, level);
  const auto* entry = find_entry(file, name);
  if (entry == nullptr) throw FormatError(file.path(), "missing tensor " + io::in_quotes(name));
  const auto& seen = entry->shape;
  const auto& first = *find_entry(file, eps_name(0));
  const bool fits = dtype_named(entry->dtype) && entry->dtype == first.dtype && seen.size() == 4 && seen[0] > 0 &&
                    seen[0] == first.shape[0] && seen[1] == shape.channels && seen[2] == shape.height &&
                    seen[3] == shape.width;
  if (fits) return *entry;
  throw FormatError(file.path(), "tensor " + io::in_quotes(name) + ": expected " + expected_shape(shape, first) +
                                     ", is " + entry->dtype + " " + io::to_text(seen));
}

torch::Tensor read_labels(const io::SafetensorsReader& file, const nn::GlowOptions& options, std::int64_t images) {
  const auto* entry = find_entry(file, kLabelsName);
  if (entry == nullptr) return {};
  if (options.num_classes == 0) {
    throw FormatError(file.path(), "tensor \"labels\": expected none, because the model has no classes");
  }
  const bool fits = entry->dtype == "I64" && entry->shape == std::vector<std::int64_t>{images};
  const auto labels = fits ? nn::to_tensor(*entry) : torch::Tensor();
  if (!fits || labels.lt(0).any().item<bool>() || labels.ge(options.num_classes).any().item<bool>()) {
    throw FormatError(file.path(), "tensor \"labels\": expected I64 [" + std::to_string(images) + "] of 0 to " +
                                       std::to_string(options.num_classes - 1) + ", is " + entry->dtype + " " +
                                       io::to_text(entry->shape));
  }
  return labels;
}

template <class Content>
void read_safetensors(Content& content, const std::string& model_checksum) {
  const auto file = std::make_shared<const io::SafetensorsReader>(content.path);
  // Other programs need not write the format.
  const auto format = file->metadata().find("format");
  const bool is_of_glow = format != file->metadata().end() && io::name_of_format(format->second) != nullptr;
  if (is_of_glow || !file->metadata().contains(kModelKey)) file->require_format(kLatentsFormat, "a file of latents");
  check_model(*file, model_checksum);
  for (std::int64_t l = 0; l < content.options.levels; ++l) {
    const auto entry = level_entry(*file, content.options, l);
    content.parts.push_back({entry.shape, entry.data});
    content.dtype = *dtype_named(entry.dtype);
  }
  content.labels = read_labels(*file, content.options, content.size());
  const auto expected = content.parts.size() + (content.labels.defined() ? 1 : 0);
  if (file->entries().size() != expected) {
    throw FormatError(content.path, "expected the tensors eps.0 to eps." + std::to_string(content.options.levels - 1) +
                                        " and labels, has others");
  }
  content.owner = file;
}

}  // namespace

LatentsReader::LatentsReader(const std::filesystem::path& path, const nn::GlowOptions& options,
                             const std::string& model_checksum) {
  auto content = std::make_unique<Content>(Content{path, options, nullptr, {}, {}, {}});
  const auto start = io::file_start(io::RegularFile(path));
  if (io::begins_as_npy(start)) {
    read_npy(*content);
  } else if (io::begins_as_safetensors(start)) {
    read_safetensors(*content, model_checksum);
  } else {
    throw io::other_kind(path, "a file of latents (.npy or .safetensors)", start);
  }
  content_ = std::move(content);
}

LatentsReader::~LatentsReader() = default;

std::int64_t LatentsReader::size() const { return content_->size(); }

torch::Dtype LatentsReader::dtype() const { return content_->dtype; }

torch::Tensor LatentsReader::labels() const { return content_->labels; }

nn::Latents LatentsReader::read(std::int64_t first, std::int64_t count) const {
  if (first < 0 || count < 1 || first > size() - count) {
    throw ShapeError("latents: images " + std::to_string(first) + " to " + std::to_string(first + count - 1) + " of " +
                     std::to_string(size()));
  }
  const auto& parts = content_->parts;
  nn::Latents latents;
  for (const auto& part : parts) latents.eps.push_back(part.read(first, count, content_->dtype));
  if (parts.front().shape.size() == 2) latents = nn::unflatten(latents.eps.front(), content_->options);
  for (const auto& eps : latents.eps) {
    if (!ops::all_finite(eps)) {
      throw FormatError(content_->path, "latents of images " + std::to_string(first) + " to " +
                                            std::to_string(first + count - 1) + " are not finite");
    }
  }
  return latents;
}

}  // namespace glow::latent
