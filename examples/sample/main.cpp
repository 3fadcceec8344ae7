// Draws images from a model and writes them as PNG files: sample MODEL OUTPUT_FOLDER
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include <glow/glow.h>
#include <glow/io/image.h>

namespace {

glow::io::Image to_image(const torch::Tensor& bytes) {
  const torch::Tensor rows = bytes.permute({1, 2, 0}).contiguous();  // [C, H, W] -> [H, W, C]
  const auto* pixels = rows.data_ptr<std::uint8_t>();
  return {.shape = {.height = static_cast<int>(rows.size(0)),
                    .width = static_cast<int>(rows.size(1)),
                    .channels = static_cast<int>(rows.size(2))},
          .pixels = {pixels, pixels + rows.numel()}};
}

void sample(const std::string& model_file, const std::filesystem::path& folder) {
  const torch::NoGradGuard no_grad;
  glow::Glow model = glow::load_model(model_file, torch::kCPU);
  const torch::Tensor images = model->sample(16, {.temperature = 0.7, .seed = 1});
  const torch::Tensor bytes = model->quantizer().to_bytes(images);
  std::filesystem::create_directories(folder);
  for (std::int64_t i = 0; i < bytes.size(0); ++i) {
    const std::filesystem::path file = folder / ("sample-" + std::to_string(i) + ".png");
    glow::io::write_png(file, to_image(bytes[i]));
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
  } catch (const glow::Error& error) {
    std::cerr << "sample: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
