#pragma once

/// @file
/// The headers an application needs: `glow::Model` for trained models; the module, its files and its quantiser under
/// `glow::`; scores and out-of-distribution detection under `glow::evaluate`, edits of latents under `glow::latent`.

#include <glow/error.h>
#include <glow/evaluate/histogram.h>
#include <glow/evaluate/ood.h>
#include <glow/evaluate/round_trip.h>
#include <glow/evaluate/score.h>
#include <glow/latent/arrange.h>
#include <glow/latent/codec.h>
#include <glow/latent/directions.h>
#include <glow/latent/interpolate.h>
#include <glow/latent/latents_file.h>
#include <glow/latent/vary.h>
#include <glow/model.h>
#include <glow/nn/glow.h>
#include <glow/nn/model_file.h>
#include <glow/ops/runtime.h>
#include <glow/version.h>

namespace glow {

using nn::CouplingKind;
using nn::DequantizeOptions;
using nn::Encoding;
using nn::Glow;
using nn::GlowOptions;
using nn::HiddenPrecision;
using nn::Latents;
using nn::load_model;
using nn::PermutationKind;
using nn::Quantizer;
using nn::SampleOptions;
using nn::save_model;
using nn::Temperature;
using ops::keep_freed_memory;
using ops::use_threads;

}  // namespace glow
