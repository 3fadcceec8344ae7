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
/// previous step:
///
/// - the sample grid: samples at temperature 0.7, as in the paper's figures: 6 by 6, or for a conditional model one row
///   of 6 for each of its first 10 classes;
/// - temperatures.png: a row of six samples for each of kShownTemperatures, for a conditional model of six classes;
/// - interpolations.png: one row for each of four pairs of validation images, spherically between their latents. For a
///   conditional model both images are encoded with the class of the first;
/// - levels.png: six validation images, their reconstructions, and one row for each level, in which this level and all
///   finer ones are sampled again at temperature 0.7.
///
/// Images with a number of channels other than 1 or 3 are shown as grey images, their channels side by side. At most
/// options.batch images are drawn at once, which changes the pictures by rounding only. All pictures are functions of
/// options.seed, and `drawn` is called after each batch. Returns the sample grid's path. Throws NumericalError when the
/// model has no inverse, IoError.
std::filesystem::path write_pictures(const RunDirectory& directory, std::int64_t step, const nn::Glow& model,
                                     const data::Images& validation, const TrainOptions& options,
                                     const std::function<void()>& drawn);

}  // namespace glow::train
