#include "tools/common/shared_flags.h"
#include "tools/train/train_settings.h"

namespace glow::tools {

const std::vector<FlagText>& train_flag_table() {
  constexpr auto kFixed = Kept::kFixed;
  constexpr auto kChangeable = Kept::kChangeable;
  constexpr auto kNo = Kept::kNo;
  static const std::vector<FlagText> own{
      source_row("data", "Data", ""),
      {"image_size", "Data", "S|HxW", "height and width in pixels; not given: that of the source", kFixed},
      {"resize", "Data", "R", "scale the shorter side to R pixels, then crop; 0: see --random-crop", kFixed},
      {"random_crop", "Data", "", "train on random crops instead of the centre, evaluate on the centre", kFixed},
      {"flip", "Data", "", "mirror training images at random", kFixed},
      {"shift", "Data", "", "move training images by up to a tenth at random", kFixed},
      {"conditional", "Data", "", "learn the classes too; of a folder its sub-folders", kFixed},
      {"valid_images", "Data", "N",
       "training images to hold out; negative: the source's own split, else the smaller of 5,000 and a tenth", kFixed},
      {"split_seed", "Data", "S",
       "which images are held out; not given: --seed, or with --init-from those that were held out from that model",
       kFixed},
      {"skip_corrupt", "Data", "",
       "leave out images of a folder that cannot be decoded; all are decoded once for that before the run", kFixed},

      {"out", "Run", "DIR", "where the run is written"},
      overwrite_row("Run"),
      {"resume", "Run", "", "go on with the run in DIR"},
      {"preset", "Run", "NAME", "start from the settings below; flags given beside it win"},
      {"init_from", "Run", "MODEL", "start from the weights of a model file", kFixed},
      {"dry_run", "Run", "", "print what would be trained and how much memory it takes, then stop", kNo},
      {"quiet", "Run", "", "show nothing but errors", kNo},

      {"family", "Model", "NAME",
       all_names<nn::Family>() + ": Glow, RealNVP (Dinh et al. 2016) or NICE (Dinh et al. 2014)", kFixed},
      {"bits", "Model", "B", "bits of a sample that the model sees, 1 to 8", kFixed},
      {"levels", "Model", "L", "scales; the image's sides must be multiples of 2^L (nice has one)", kFixed},
      {"depth", "Model", "K", "flow steps a level (glow, nice)", kFixed},
      {"hidden_width", "Model", "W",
       "channels of the hidden layers; realnvp: on the first level, twice as many on each that follows", kFixed,
       "width"},
      {"permutation", "Model", "KIND", "conv1x1, lu, shuffle or reverse (glow)", kFixed},
      {"coupling", "Model", "KIND", all_names<nn::CouplingKind>() + " (glow)", kFixed},
      {"edge_bias", "Model", "", "do not show the convolutions where the image ends (glow)", kFixed, "no-edge-bias"},
      {"learn_top", "Model", "", "keep the prior of the top latent at N(0, I) (glow)", kFixed, "no-learn-top"},
      {"residual_blocks", "Model", "B", "residual blocks of a coupling network (realnvp)", kFixed},
      {"network", "Model", "KIND", "convolutional or dense couplings (nice)", kFixed},
      {"hidden_layers", "Model", "N", "hidden layers of a dense network (nice)", kFixed},
      {"prior", "Model", "KIND", "gaussian or logistic (nice)", kFixed},

      {"batch", "Training", "N", "images a step", kFixed},
      {"accumulate", "Training", "N", "take a process's images of a step in N parts, for less memory", kChangeable},
      {"steps", "Training", "N", "length of the run in steps; 0: see --epochs", kChangeable},
      {"epochs", "Training", "E", "length of the run in passes over the training images", kChangeable},
      {"lr", "Training", "RATE", "learning rate after the warm-up", kFixed},
      {"optimizer", "Training", "KIND", "adamax or adam", kFixed},
      {"warmup_epochs", "Training", "E", "linear warm-up, in 50,000 images of 32x32", kFixed},
      {"beta2", "Training", "B", "decay of the second moment; 0: from the batch, as published, but at least 0.9",
       kFixed},
      {"ema_decay", "Training", "D", "decay of the weights' average; 0: none; negative: from the batch, as beta2",
       kFixed},
      {"init_images", "Training", "N", "images that start the actnorms; 0: from the image size", kFixed},
      {"clip_norm", "Training", "G", "largest gradient norm; 0: no limit", kFixed},
      {"skip_limit", "Training", "N",
       "steps in a row without a finite loss and gradient, which are skipped, before the run goes back to a checkpoint"
       " with half the learning rate",
       kChangeable},
      {"weight_y", "Training", "W", "weight of the auxiliary classifier's loss", kFixed},
      {"memory", "Training", "POLICY",
       "store, recompute or reversible: what a step keeps, from most memory to least and from least work to most",
       kChangeable},
      {"cuda_graph", "Training", "", "on a GPU, capture the step as a CUDA graph (not yet run on one)", kChangeable},
      seed_row("Training", "everything random"),

      {"log_every", "Reporting", "N", "steps between lines of the log", kChangeable},
      {"eval_every", "Reporting", "N", "steps between evaluations; 0: only at the end", kChangeable},
      {"sample_every", "Reporting", "N", "steps between sample grids; 0: only at the end", kChangeable},
      {"checkpoint_every", "Reporting", "N", "steps between checkpoints; 0: only at the start and the end",
       kChangeable},
      {"keep", "Reporting", "N", "newest checkpoints to keep, beside one that a stop or the end may leave",
       kChangeable},
  };
  static const auto table = own + compute_rows(Launchable::kYes);
  return table;
}

}  // namespace glow::tools
