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

/// The labels that a tool needs with the images.
enum class Labels {
  kUnused,
  /// The classes of a conditional model, where the data have them.
  kIfKnown,
  /// The same; data without them are a ConfigError of `field`.
  kRequired,
  /// The data's own classes, independent of the model; a folder without classes throws FormatError.
  kOfData,
};

/// Opens a data set for a model, with the model's number of channels. Images that cannot be decoded are left out when
/// they were left out in the model's training. Throws as data::open_data_set, ConfigError of `field`.
data::DataSet open_for_model(const std::string& field, const std::string& specification, const nn::Glow& model,
                             Labels labels);

/// Whether the classes of the data are those of the model, as far as their names are known.
bool same_classes(const data::DataSet& set, const nn::Glow& model);

/// How images are brought to a model's size; when neither is given, as in the model's training.
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
  /// All images had the size already.
  kImages,
  /// Flags.
  kFlags,
  /// The model's record of its training.
  kModel,
  /// The default, because the model file has no record.
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
  /// Whether smaller images were framed with black.
  bool framed = false;

  /// "shorter side scaled to 96, centre 64x64, as in the training"
  std::string geometry_text() const;
};

/// The images of a source that messages call `name`. Throws ConfigError of `field` when they have other channels than
/// the model or are too small, and of `resize` when it was given and does not fit.
FittedImages fitted(const std::string& field, const std::string& name,
                    const std::shared_ptr<const data::ImageSource>& source, const nn::Glow& model,
                    const GeometrySettings& settings);

}  // namespace glow::tools
