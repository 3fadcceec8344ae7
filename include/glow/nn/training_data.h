#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>

#pragma GCC visibility push(default)

namespace glow::nn {

/// The training data of a model, as far as an evaluation needs it to select and preprocess the same images. A model
/// file stores it so that the model's scores can be reproduced.
struct TrainingData {
  /// The data set's name as passed to images::open_data_set; informative only.
  std::string source = {};
  /// Number of the images before validation images were held out.
  std::int64_t images = 0;
  /// images::fingerprint of these images, 64 hexadecimal digits.
  std::string fingerprint = {};
  /// Whether images that cannot be decoded were left out first (images::OpenOptions::skip_corrupt).
  bool skip_corrupt = false;
  /// Whether images that were too small for the model were left out (images::OpenOptions::size_problem).
  bool skip_small = false;
  /// Whether folders named after splits were splits (images::OpenOptions::find_splits).
  bool find_splits = true;
  /// Whether colour was converted to grey (images::OpenOptions::to_grey).
  bool to_grey = false;
  /// Number of validation images that data::hold_out_validation drew with split_seed; 0: the data set has its own.
  std::int64_t held_out = 0;
  /// Seed of the choice of validation images.
  std::uint64_t split_seed = 0;
  /// data::Geometry::resize, in pixels. Height and width are the model's.
  std::int64_t resize = 0;
  /// data::Geometry::random_crop.
  bool random_crop = false;
  /// Seed of the training and of the dequantisation noise of its evaluations.
  std::uint64_t seed = 0;
  /// Batch size of its evaluations.
  std::int64_t batch = 64;

  /// Whether all fields are equal.
  bool operator==(const TrainingData&) const = default;
  /// Throws ConfigError naming a field whose value a model file cannot hold.
  void validate() const;
};

/// Calls `visit(name, field)` for each field that every model file has.
template <class Data, class Visitor>
requires std::same_as<std::remove_const_t<Data>, TrainingData>
void visit_fields(Data& data, Visitor&& visit) {
  visit("source", data.source);
  visit("images", data.images);
  visit("fingerprint", data.fingerprint);
  visit("skip_corrupt", data.skip_corrupt);
  visit("held_out", data.held_out);
  visit("split_seed", data.split_seed);
  visit("resize", data.resize);
  visit("random_crop", data.random_crop);
  visit("seed", data.seed);
  visit("batch", data.batch);
}
/// The same for the others, which a model file has only if they do not have their defaults.
template <class Data, class Visitor>
requires std::same_as<std::remove_const_t<Data>, TrainingData>
void visit_optional_fields(Data& data, Visitor&& visit) {
  visit("skip_small", data.skip_small);
  visit("find_splits", data.find_splits);
  visit("to_grey", data.to_grey);
}

/// The value of a model file's glow.data (docs/formats.md).
std::string to_json(const TrainingData& data);
/// The inverse of to_json. Throws FormatError naming the key.
TrainingData training_data_from_json(const std::string& text);

}  // namespace glow::nn

#pragma GCC visibility pop
