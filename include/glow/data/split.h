#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <glow/images/source.h>

#pragma GCC visibility push(default)

namespace glow::data {

/// A subset of the images of another source, in the given order.
class SubsetSource : public images::ImageSource {
 public:
  /// Throws ShapeError when an index is outside the source.
  SubsetSource(std::shared_ptr<const images::ImageSource> source, std::vector<std::int64_t> indices);

  std::int64_t size() const override { return static_cast<std::int64_t>(indices_.size()); }
  int channels() const override { return source_->channels(); }
  std::optional<io::ImageShape> common_shape() const override { return source_->common_shape(); }
  bool is_on_black() const override { return source_->is_on_black(); }
  std::optional<io::ImageShape> shape(std::int64_t index) const override { return source_->shape(indices_[index]); }
  io::Image image(std::int64_t index) const override { return source_->image(indices_[index]); }
  io::Image reduced_image(std::int64_t index, int reduction) const override {
    return source_->reduced_image(indices_[index], reduction);
  }
  std::int64_t label(std::int64_t index) const override { return source_->label(indices_[index]); }
  std::string name(std::int64_t index) const override { return source_->name(indices_[index]); }
  std::string key(std::int64_t index) const override { return source_->key(indices_[index]); }
  std::string content(std::int64_t index) const override { return source_->content(indices_[index]); }

 private:
  std::shared_ptr<const images::ImageSource> source_;
  std::vector<std::int64_t> indices_;
};

/// The default size of a held-out validation split: the smaller of 5,000 and a tenth of the training images.
std::int64_t default_valid_images(std::int64_t train_images);

/// Moves `count` training images, chosen by `seed`, to the validation split, which replaces that of the set (0: no
/// validation split). A negative count keeps the validation split of the set, or means default_valid_images if there is
/// none. Both splits keep the order of the images; the test split is unchanged.
///
/// Throws ConfigError (naming valid_images) when no training image would be left.
images::DataSet hold_out_validation(images::DataSet set, std::int64_t count, std::uint64_t seed);

}  // namespace glow::data

#pragma GCC visibility pop
