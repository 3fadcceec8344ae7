#include <glow/glow.h>

#include <iostream>

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw glow::Error("usage: app MODEL");
    glow::use_threads();
    const auto model = glow::Model::load(argv[1]);
    const torch::Tensor images = model.sample(4, {.temperature = 0.7, .seed = 1});  // uint8 [4, C, H, W]
    const torch::Tensor bits = model.score(images);                                 // float64 [4]
    for (int i = 0; i < 4; ++i) std::cout << "sample " << i << ": " << bits[i].item<double>() << " bits/dim\n";
  } catch (const std::exception& error) {
    std::cerr << "app: " << error.what() << "\n";
    return 1;
  }
}
