#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/common/compute.h"
#include "tools/common/flags.h"
#include "tools/common/source_images.h"

namespace glow::tools {

/// The options of all subcommands of glow-edit.
struct EditSettings {
  std::string model;
  std::string out;
  /// Name or index; empty: the images' own classes, if they are known.
  std::string class_name;
  std::int64_t batch = 32;
  bool overwrite = false;
  /// kFp32 or kFp64 only: with rounded networks the inverse is not exact.
  ComputeSettings compute;
};

template <class Visitor>
void visit_fields(EditSettings& settings, Visitor&& visit) {
  visit("model", settings.model);
  visit("out", settings.out);
  visit("class", settings.class_name);
  visit("batch", settings.batch);
  visit("overwrite", settings.overwrite);
  visit_fields(settings.compute, visit);
}

/// The images to edit.
struct ImageSettings {
  /// FILE.npy, a folder, a list of PNG or JPEG files separated by commas, or a specification for data::open_data_set.
  std::string images;
  /// Indices of the images to edit; empty: all.
  std::vector<std::int64_t> pick;
  /// The same as geometry.resize = 0.
  bool fit = false;
  GeometrySettings geometry;
};

template <class Visitor>
void visit_fields(ImageSettings& settings, Visitor&& visit) {
  visit("images", settings.images);
  visit("pick", settings.pick);
  visit("fit", settings.fit);
  visit_fields(settings.geometry, visit);
}

/// The rows of a subcommand, combined with those of EditSettings. `out`: the help text of --out.
std::vector<FlagText> edit_flag_table(const std::string& out, const std::vector<FlagText>& own);
/// The rows of ImageSettings.
std::vector<FlagText> image_flag_rows();
/// The row of `scale`.
FlagText scale_row();

/// Throws ConfigError that names the field.
void check(const EditSettings& settings);
}  // namespace glow::tools
