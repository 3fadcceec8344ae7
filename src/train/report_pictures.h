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

/// Of the rows in temperatures.png.
inline constexpr std::array kShownTemperatures{0.0, 0.5, 0.7, 0.9, 1.0};

/// Writes the pictures of a step, when all of them are drawn: its sample grid, and what takes the place of the last
/// time's:
///
/// - temperatures.png: six samples, a row for each of kShownTemperatures; a conditional model's are of six classes;
/// - interpolations.png: a row for each of four pairs of the validation images, spherically between their latents. A
///   conditional model sees both as of the first one's class;
/// - levels.png: six validation images, what encoding and decoding makes of them, and then a row for each level: it and
///   all that are finer drawn anew at temperature 0.7.
///
/// options.batch images are drawn at once, all are functions of options.seed, and `drawn` is called after each batch.
/// Returns the sample grid's path. Throws NumericalError when the model has no inverse, IoError.
std::filesystem::path write_pictures(const RunDirectory& directory, std::int64_t step, const nn::Glow& model,
                                     const data::Images& validation, const TrainOptions& options,
                                     const std::function<void()>& drawn);

}  // namespace glow::train
