// Draws images from a model and writes them as PNG files: sample MODEL OUTPUT_FOLDER
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>

#include <glow/data/image_grid.h>
#include <glow/glow.h>
#include <glow/io/image.h>

namespace {

void sample(const std::string& model_file, const std::filesystem::path& folder) {
  glow::use_threads();
  const auto model = glow::Model::load(model_file);
  const torch::Tensor images = model.sample(16, {.temperature = 0.7, .seed = 1});
  std::filesystem::create_directories(folder);
  for (std::int64_t i = 0; i < images.size(0); ++i) {
    const std::filesystem::path file = folder / ("sample-" + std::to_string(i) + ".png");
    glow::io::write_png(file, glow::data::to_image(images[i]));
    std::cout << file.string() << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: sample MODEL OUTPUT_FOLDER\n";
    return 2;
  }
  try {
    sample(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::cerr << "sample: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
