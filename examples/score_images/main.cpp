// Prints the bits/dim of images under a model: score_images MODEL IMAGE...
// The images are PNG, JPEG or WebP files with the size and the number of channels that the model was trained on.
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>

#include <glow/glow.h>
#include <glow/io/image.h>

namespace {

/// uint8 [1, C, H, W]. Throws FormatError for an image whose shape is not that of the model.
torch::Tensor read_bytes(const std::filesystem::path& file, const glow::GlowOptions& model) {
  glow::io::Image image = glow::io::read_image(file);
  const auto [height, width, channels] = image.shape;
  if (height != model.height || width != model.width || channels != model.channels) {
    throw glow::FormatError(file, "its height, width or number of channels is not that of the model");
  }
  return torch::from_blob(image.pixels.data(), {1, height, width, channels}, torch::kUInt8)
      .permute({0, 3, 1, 2})
      .clone();  // from_blob does not copy, and `image` is destroyed
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: score_images MODEL IMAGE...\n";
    return 2;
  }
  try {
    glow::use_threads();
    const auto model = glow::Model::load(argv[1]);
    for (int i = 2; i < argc; ++i) {
      const torch::Tensor bits = model.score(read_bytes(argv[i], model.options()));
      std::cout << bits.item<double>() << " bits/dim  " << argv[i] << "\n";
    }
  } catch (const std::exception& error) {
    std::cerr << "score_images: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
