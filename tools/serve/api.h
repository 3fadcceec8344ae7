#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <glow/latent/directions.h>
#include <glow/nn/glow.h>
#include <glow/nn/latents.h>
#include <glow/nn/model_file.h>

#include "tools/serve/latent_cache.h"
#include "tools/serve/messages.h"
#include "tools/serve/model_queue.h"

namespace glow::tools {

struct ApiLimits {
  /// Images of one request.
  std::int64_t images = 256;
  /// Images whose latents are kept.
  std::size_t kept = 4096;

  /// With fewer images, if those of a request would take more than 64 MiB in float32, and fewer kept latents, if all
  /// would take more than 256 MiB.
  ApiLimits for_model(const nn::GlowOptions& options) const {
    constexpr std::size_t kOfRequest = std::size_t{1} << 26, kOfAll = std::size_t{1} << 28;
    const auto bytes = static_cast<std::size_t>(options.dimensions()) * sizeof(float);
    const auto at_most = [&](std::size_t memory) { return std::max<std::size_t>(1, memory / bytes); };
    return {std::min(images, static_cast<std::int64_t>(at_most(kOfRequest))), std::min(kept, at_most(kOfAll))};
  }
};

/// Images with which a client's are compared.
struct ReferenceImages {
  /// As the user named them.
  std::string source{};
  /// uint8 [N, C, H, W] at the model's size; N may be zero.
  torch::Tensor bytes = torch::empty({0}, torch::kByte);

  std::int64_t size() const { return bytes.size(0); }
};

/// How commands name what the server uses.
struct ApiNames {
  std::string model;
  /// Empty: there are none.
  std::string directions{};
  /// Flags of the computation, " --precision fp64".
  std::string flags{};
};

/// The answers of glow-serve (docs/http.md), without HTTP. Safe to use from several threads.
class Api {
 public:
  /// `directions` may be empty.
  Api(nn::Glow model, nn::ModelInfo info, ApiNames names, latent::Directions directions, const QueueOptions& queue,
      const ApiLimits& limits);

  /// Scores the images as `POST /api/score` does, and offers them to clients. `progress` is called with the images that
  /// are scored. Call it once, before `answer`. Throws NumericalError for a density that is not finite.
  void compare_with(ReferenceImages references, const std::function<void(std::int64_t)>& progress = {});

  /// The paths of all requests.
  static std::vector<std::string> paths();
  /// Never throws: errors are answers with a status from 400 on and {"error": one line}.
  ApiResponse answer(ApiRequest request);
  /// Metrics of the queue, in the text format of Prometheus.
  std::string metrics() const;

 private:
  using Handler = ApiResponse (Api::*)(ApiRequest&);
  struct Route {
    const char* method;
    const char* path;
    Handler handler;
  };
  static const std::vector<Route>& routes();

  ApiResponse find_and_call(ApiRequest& request);
  ApiResponse describe(ApiRequest& request);
  ApiResponse sample(ApiRequest& request);
  ApiResponse encode(ApiRequest& request);
  ApiResponse decode(ApiRequest& request);
  ApiResponse edit(ApiRequest& request);
  ApiResponse mix(ApiRequest& request);
  ApiResponse score(ApiRequest& request);
  ApiResponse reference(ApiRequest& request);

  /// The uploaded images at the model's size, uint8 [N, C, H, W], and their names. Takes them out of the request.
  std::pair<torch::Tensor, std::vector<std::string>> uploads(ApiRequest& request) const;
  /// The name of a class, or its index if the model has no names.
  std::string class_name(std::int64_t label) const;
  /// int64 [count] with this class; undefined for an unconditional model.
  torch::Tensor labels_of(const std::string& class_name, std::int64_t count) const;
  struct KeptImages {
    nn::Latents latents;
    /// Undefined for an unconditional model.
    torch::Tensor labels;
  };
  /// Throws NotKept, and ConfigError for too many.
  KeptImages kept(const std::vector<std::string>& ids);
  /// The images of latents, which are kept, as `pictures`.
  ApiResponse decoded(const ApiRequest& request, const nn::Latents& latents, const torch::Tensor& labels,
                      std::int64_t columns);
  /// Keeps the latents [N, D] and returns their identifiers.
  std::vector<std::string> keep(const torch::Tensor& eps, const torch::Tensor& labels);
  /// A grid, or, if the client asks for JSON, each image with its identifier and bits/dim.
  ApiResponse pictures(const ApiRequest& request, const torch::Tensor& images, const torch::Tensor& eps,
                       const torch::Tensor& labels, std::int64_t columns, const std::string& command);
  /// Bits/dim. Throws NumericalError for a density that is not finite.
  torch::Tensor finite_bits(const torch::Tensor& log_prob) const;
  struct Scores {
    /// Float64 [N]; their difference is the complexity-corrected score (docs/how-to/score-and-ood.md).
    torch::Tensor bits_per_dim, png_bits_per_dim;
    /// p(y | x) of equal classes, float64 [N, Y]; [N, 1] of an unconditional model.
    torch::Tensor posterior;

    torch::Tensor corrected() const { return bits_per_dim - png_bits_per_dim; }
  };
  /// Of images uint8 [N, C, H, W]. `draws`: 0 for the centres of the bins. Throws NumericalError.
  Scores scores(const torch::Tensor& images, std::int64_t draws, std::uint64_t seed, const IsAbandoned& is_abandoned);
  /// Of points x [N, C, H, W], float64 [Y, N]; one row of an unconditional model.
  torch::Tensor log_prob_by_class(const torch::Tensor& x, const IsAbandoned& is_abandoned);
  void require_count(const char* name, std::int64_t count) const;
  static void require_columns(std::int64_t columns, std::int64_t count);

  nn::Glow model_;
  nn::ModelInfo info_;
  ApiNames names_;
  latent::Directions directions_;
  ApiLimits limits_;
  /// Limits the uploads that are decoded at the same time, which can be large pictures.
  mutable std::counting_semaphore<> decoders_;
  ReferenceImages references_;
  /// Of the references, sorted.
  std::vector<double> reference_bits_, reference_corrected_;
  LatentCache cache_;
  ModelQueue queue_;
};

}  // namespace glow::tools
