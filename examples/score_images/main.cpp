// Prints the bits/dim of images under a model: score_images MODEL IMAGE...
// The images are PNG, JPEG or WebP files with the size and the number of channels that the model was trained on.
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <glow/glow.h>
#include <glow/io/image.h>

namespace {

/// uint8 [1, C, H, W]
torch::Tensor read_bytes(const std::filesystem::path& file) {
  glow::io::Image image = glow::io::read_image(file);
  const auto [height, width, channels] = image.shape;
  return torch::from_blob(image.pixels.data(), {1, height, width, channels}, torch::kUInt8)
      .permute({0, 3, 1, 2})
      .clone();  // from_blob does not copy, and `image` is destroyed
}

/// Bits/dim: smaller means more likely. The seed fixes the dequantisation noise, so that two runs give the same result.
double score(glow::Glow& model, const torch::Tensor& bytes) {
  const torch::Tensor log_prob = model->log_prob(model->quantizer().dequantize(bytes, /*draw=*/0, {.seed = 0}));
  return model->quantizer().bits_per_dim(log_prob).item<double>();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: score_images MODEL IMAGE...\n";
    return 2;
  }
  try {
    glow::use_threads();
    const torch::NoGradGuard no_grad;
    glow::Glow model = glow::load_model(argv[1], torch::kCPU);
    for (int i = 2; i < argc; ++i) {
      std::cout << score(model, read_bytes(argv[i])) << " bits/dim  " << argv[i] << "\n";
    }
  } catch (const glow::Error& error) {
    std::cerr << "score_images: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
