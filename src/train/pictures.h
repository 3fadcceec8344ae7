#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>

#include <glow/data/images.h>
#include <glow/nn/glow.h>
#include <glow/train/options.h>
#include <glow/train/run_directory.h>

namespace glow::train {

/// The temperatures of the rows of temperatures.png.
inline constexpr std::array kShownTemperatures{0.0, 0.5, 0.7, 0.9, 1.0};

/// Draws the pictures of a step, then writes them all: the sample grid of the step, and three that replace those of the
/// step before:
///
/// - the sample grid: samples at temperature 0.7, as in the paper's figures: 6 by 6, or for a conditional model one row
///   of 6 for each of its first 10 classes;
/// - temperatures.png: six samples, a row for each of kShownTemperatures; a conditional model's are of six classes;
/// - interpolations.png: a row for each of four pairs of the validation images, spherically between their latents. For
/// a
///   conditional model both images count as of the first one's class;
/// - levels.png: six validation images, their reconstructions, and a row for each level: this level and all finer ones
///   drawn anew at temperature 0.7.
///
/// Images of other than 1 or 3 channels show their channels side by side in grey. options.batch images are drawn at
/// once; the pictures do not depend on it, up to rounding. All are functions of options.seed, and `drawn` is called
/// after each batch. Returns the sample grid's path. Throws NumericalError when the model has no inverse, IoError.
std::filesystem::path write_pictures(const RunDirectory& directory, std::int64_t step, const nn::Glow& model,
                                     const data::Images& validation, const TrainOptions& options,
                                     const std::function<void()>& drawn);

}  // namespace glow::train
