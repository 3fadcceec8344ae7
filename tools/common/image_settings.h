#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <glow/images/source.h>
#include <glow/nn/glow.h>

#include "tools/common/data_settings.h"
#include "tools/common/flags.h"
#include "tools/common/source_settings.h"

namespace glow::tools {

/// How many of the images that a tool was given it uses, and which. Every tool says it in the same words.
class Subset {
 public:
  Subset() = default;
  /// All of `given` images.
  explicit Subset(std::int64_t given) : given_(given), used_(given) {}
  /// All images of a data set but those that were left out because they are corrupt or too small.
  explicit Subset(const images::DataSet& set);

  /// Uses only `count` of the images used so far. `which` completes the sentence "20 of 200 images, ..."; `hint` is
  /// added in brackets, for example the flag that decided it. Does nothing if these are all of them.
  void narrow(std::int64_t count, const std::string& which, const std::string& hint = "");

  /// The number of images that were given, also those that were left out.
  std::int64_t given() const { return given_; }
  std::int64_t used() const { return used_; }
  bool is_all() const { return used_ == given_; }
  /// "the first 5 of the test images (--count)"; empty for all.
  std::string which() const { return hints_.empty() ? which_ : which_ + " (" + hints_ + ")"; }
  /// "200 images", or "20 of 200 images, the first 20 (--count)"
  std::string text() const;

 private:
  std::int64_t given_ = 0, used_ = 0;
  std::string which_, hints_;
};

/// The first `count` images of a source, for --count; 0: all. Narrows the subset.
std::shared_ptr<const images::ImageSource> first_images(std::shared_ptr<const images::ImageSource> source,
                                                        std::int64_t count, Subset& subset);

/// The row of `images`.
FlagText images_row(const std::string& group);

/// The images of --images, in their order.
struct GivenImages {
  std::shared_ptr<const images::ImageSource> source;
  /// Whether they are the test images of a data set.
  bool are_test = false;
  /// Whether some of them have a class of the model.
  bool labelled = false;
  SourceNotes notes = {};
  Subset subset = {};
};

/// Throws ConfigError naming `field` if one of the words is a model file, which follows the images by mistake.
void refuse_model_files(const std::string& field, const std::vector<std::string>& words);

/// Opens FILE.npy, or image files, folders and archives with everything in them (images::open_pictures); or a data set,
/// of which the published test images are used or, if it has none, all. `folder:DIR` is the same as DIR, and folders of
/// npy: and npz: that are named after splits are no splits either. `words` is not empty. Throws as
/// images::open_pictures and open_for_model, with ConfigError::field() == `field`. `how`: see shared_opening.
GivenImages open_given_images(const std::string& field, const std::vector<std::string>& words, const nn::Glow& model,
                              Labels labels, const ReadingSettings& settings, const images::OpenOptions& how = {});

/// The name of such images in messages: "photos", "a.png and 2 more".
std::string name_of(const std::vector<std::string>& words);

/// "byte for byte", "byte for byte in the model's 5 bits"
std::string byte_for_byte(std::int64_t bits);

/// The training and validation images of a data set, in this order.
std::shared_ptr<const images::ImageSource> images_to_learn(const images::DataSet& set);

}  // namespace glow::tools
