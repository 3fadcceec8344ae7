// Prints the bits/dim of pictures under a model: score_images MODEL PICTURE...
// The pictures are PNG, JPEG or WebP files of the model's size, or larger ones, which are cropped and scaled as those
// of the training were.
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <glow/data/images.h>
#include <glow/glow.h>
#include <glow/images/source.h>

namespace {

/// A picture as the model takes it: uint8 [1, C, H, W].
torch::Tensor read_picture(const std::filesystem::path& file, const glow::Model& model) {
  const glow::GlowOptions& options = model.options();
  const auto& training = model.glow()->training_data();
  glow::images::OpenOptions opening{.channels = static_cast<int>(options.channels)};
  if (training) opening.to_grey = training->to_grey;
  const auto picture = glow::images::open_pictures({file}, opening).train;
  glow::data::Geometry geometry{.height = static_cast<int>(options.height), .width = static_cast<int>(options.width)};
  const auto shape = picture->shape(0);
  if (training && !(shape && shape->height == options.height && shape->width == options.width)) {
    geometry.resize = static_cast<int>(training->resize);
    geometry.random_crop = training->random_crop;
  }
  return glow::data::Images(picture, geometry).bytes({0});
}

void score(const std::string& model_file, const std::vector<std::filesystem::path>& files) {
  glow::use_threads();
  const auto model = glow::Model::load(model_file);
  for (const auto& file : files) {
    const torch::Tensor bits = model.score(read_picture(file, model));
    std::cout << bits.item<double>() << " bits/dim  " << file.string() << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: score_images MODEL PICTURE...\n";
    return 2;
  }
  try {
    score(argv[1], {argv + 2, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "score_images: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
