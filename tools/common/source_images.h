#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <glow/data/images.h>
#include <glow/data/source.h>
#include <glow/enum_names.h>
#include <glow/nn/glow.h>

#include "tools/common/flags.h"

namespace glow::tools {

/// Which labels are wanted of images.
enum class Labels {
  kUnused,
  /// Classes of a conditional model, where the data have such.
  kIfKnown,
  /// The same; without them ConfigError names `field` and --classes.
  kRequired,
  /// The data's own classes, whatever the model knows; a folder without classes throws FormatError.
  kOfData,
};

/// Opens a data set for a model: in its channels, and without the images that cannot be decoded where these were left
/// out in its training, too. Throws as data::open_data_set, ConfigError of `field`.
data::DataSet open_for_model(const std::string& field, const std::string& specification, const nn::Glow& model,
                             Labels labels);

/// Whether the classes of the data are those of the model, as far as their names are known.
bool same_classes(const data::DataSet& set, const nn::Glow& model);

/// How images are brought to a model's size; where neither is given, as in the training of the model.
struct GeometrySettings {
  std::optional<int> resize;
  bool random_crop = false;
};

template <class Visitor>
void visit_fields(GeometrySettings& settings, Visitor&& visit) {
  visit("resize", settings.resize);
  visit("random_crop", settings.random_crop);
}

/// The rows of GeometrySettings.
std::vector<FlagText> geometry_rows(const std::string& group);

/// What decided how images were brought to a model's size.
enum class GeometryFrom {
  /// Nothing: all of them had it.
  kImages,
  /// The flags.
  kFlags,
  /// The model's record of its training.
  kModel,
  /// The default, for the model file does not say.
  kDefault,
};

/// "images", "flags", "model", "default"
constexpr EnumNames<GeometryFrom, 4> enum_names(GeometryFrom) {
  return {"geometry",
          {{{"images", GeometryFrom::kImages},
            {"flags", GeometryFrom::kFlags},
            {"model", GeometryFrom::kModel},
            {"default", GeometryFrom::kDefault}}}};
}

/// Images at a model's size, and how they were brought to it.
struct FittedImages {
  std::shared_ptr<const data::Images> images;
  GeometryFrom from = GeometryFrom::kImages;
  /// Whether smaller ones were framed with black.
  bool framed = false;

  /// "shorter side scaled to 96, centre 64x64, as in the training"
  std::string geometry_text() const;
};

/// Images of a source that messages call `name`. Throws ConfigError naming `field` when their channels are not the
/// model's or they are too small, and `resize` when that was given and does not fit.
FittedImages fitted(const std::string& field, const std::string& name,
                    const std::shared_ptr<const data::ImageSource>& source, const nn::Glow& model,
                    const GeometrySettings& settings);

}  // namespace glow::tools
