// Trains a Glow with a loop and an optimiser of one's own: own_loop MODEL_TO_WRITE
#include <cmath>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include <torch/torch.h>

#include <glow/glow.h>

namespace {

/// uint8 [count, 1, 8, 8]: ramps of random brightness and slope. Put your own images here.
torch::Tensor make_images(std::int64_t count) {
  const torch::Tensor start = torch::rand({count, 1, 1, 1}) * 100;
  const torch::Tensor slope = torch::rand({count, 1, 1, 1}) * 20;
  return (start + slope * torch::arange(8).view({1, 1, 1, 8})).expand({count, 1, 8, 8}).to(torch::kUInt8);
}

void train(const std::string& model_file) {
  glow::use_threads();
  torch::manual_seed(0);
  const torch::Tensor images = make_images(512);
  glow::Glow model(
      glow::GlowOptions{.channels = 1, .height = 8, .width = 8, .levels = 2, .depth = 4, .hidden_width = 32});
  // Sets the scales of the layers from data. Without it the first step throws.
  model->initialize(model->quantizer().dequantize(images.slice(0, 0, 256), /*draw=*/0));

  torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions(1e-3));
  for (std::int64_t step = 1; step <= 200; ++step) {
    const torch::Tensor batch = images.index_select(0, torch::randint(images.size(0), {32}, torch::kLong));
    // The step is the draw of the noise, so that every step has its own.
    const torch::Tensor loss = model->bits_per_dim(batch, step).mean();
    optimizer.zero_grad();
    loss.backward();
    const double gradient_norm = torch::nn::utils::clip_grad_norm_(model->parameters(), 50.0);
    if (std::isfinite(gradient_norm)) optimizer.step();
    if (step % 50 == 0) std::cout << "step " << step << ": " << loss.item<double>() << " bits/dim\n";
  }
  glow::save_model(model, model_file);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: own_loop MODEL_TO_WRITE\n";
    return 2;
  }
  try {
    train(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "own_loop: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
