// Trains a Glow on tensors, with the library only: train_tensors MODEL_TO_WRITE
#include <cstdlib>
#include <exception>
#include <iostream>
#include <vector>

#include <glow/data/order.h>
#include <glow/glow.h>
#include <glow/train/trainer.h>

namespace {

/// uint8 [count, 1, 8, 8]: ramps of random brightness and slope. Put your own images here.
torch::Tensor make_images(std::int64_t count) {
  torch::manual_seed(0);
  const torch::Tensor start = torch::rand({count, 1, 1, 1}) * 100;
  const torch::Tensor slope = torch::rand({count, 1, 1, 1}) * 20;
  return (start + slope * torch::arange(8).view({1, 1, 1, 8})).expand({count, 1, 8, 8}).to(torch::kUInt8);
}

void train(const std::string& model_file) {
  glow::use_threads();
  const torch::Tensor images = make_images(512);
  glow::Glow model(
      glow::GlowOptions{.channels = 1, .height = 8, .width = 8, .levels = 2, .depth = 4, .hidden_width = 32});
  model->initialize(model->quantizer().dequantize(images.slice(0, 0, 256), /*draw=*/0));

  const glow::train::TrainOptions options{.batch = 32, .warmup_epochs = 0, .beta2 = 0.99, .ema_decay = 0.99};
  glow::train::Trainer trainer(model, options);
  glow::data::BatchOrder order(images.size(0), options.batch, options.seed);
  for (std::int64_t step = 0; step < 200; ++step) {
    std::vector<std::int64_t> indices;
    for (const auto& entry : order.batch(step)) indices.push_back(entry.index);
    const auto report = trainer.step(images.index_select(0, torch::tensor(indices)));
    if (report.skipped) throw glow::NumericalError("no finite loss; not finite: " + trainer.first_not_finite());
    if (report.step % 50 == 0) std::cout << "step " << report.step << ": " << report.bits_per_dim << " bits/dim\n";
  }
  glow::save_model(trainer.averaged_model(), model_file);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: train_tensors MODEL_TO_WRITE\n";
    return 2;
  }
  try {
    train(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "train_tensors: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
