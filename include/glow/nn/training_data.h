#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>

namespace glow::nn {

/// What a model was trained on, as far as it decides which images an evaluation scores and how they are made: what a
/// model file keeps so that its figures can be had again.
struct TrainingData {
  /// The data set, as data::open_data_set took it; for people to read.
  std::string source = {};
  /// The images that those to train on and those held out were taken from, before either: how many, and
  /// data::fingerprint.
  std::int64_t images = 0;
  std::string fingerprint = {};
  /// Whether images that cannot be decoded were left out before (data::OpenOptions).
  bool skip_corrupt = false;
  /// data::hold_out_validation drew so many of them by this seed; 0: none, the data set has validation images.
  std::int64_t held_out = 0;
  std::uint64_t split_seed = 0;
  /// data::Geometry, beside height and width, which are the model's.
  std::int64_t resize = 0;
  bool random_crop = false;
  /// Of the training, and of the dequantisation noise of its evaluations.
  std::uint64_t seed = 0;
  /// Images at once in its evaluations.
  std::int64_t batch = 64;

  bool operator==(const TrainingData&) const = default;
  /// Throws ConfigError that names the field for what a model file cannot hold.
  void validate() const;
};

/// Calls `visit(name, field)` for each field.
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

}  // namespace glow::nn
