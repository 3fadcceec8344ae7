#include <glow/glow.h>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  glow::use_threads();
  torch::NoGradGuard no_grad;
  glow::Glow model = glow::load_model(argv[1], torch::kCPU);
  torch::Tensor images = model->sample(4, {.temperature = 0.7, .seed = 1});
  std::cout << model->quantizer().bits_per_dim(model->log_prob(images)) << "\n";
}
