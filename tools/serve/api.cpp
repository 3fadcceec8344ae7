#include "tools/serve/api.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <glow/data/image_grid.h>
#include <glow/data/images.h>
#include <glow/error.h>
#include <glow/evaluate/ood.h>
#include <glow/io/base64.h>
#include <glow/io/image.h>
#include <glow/latent/arrange.h>
#include <glow/latent/codec.h>
#include <glow/latent/interpolate.h>
#include <glow/latent/vary.h>
#include <glow/nn/latents.h>
#include <glow/ops/runtime.h>
#include <glow/shard.h>

#include "tools/common/compute.h"
#include "tools/common/data_settings.h"
#include "tools/common/flags.h"
#include "tools/common/text.h"
#include "tools/serve/call_settings.h"

namespace glow::tools {
namespace {

/// Of an uploaded image: small files can have very many.
constexpr std::int64_t kMostPixels = std::int64_t{1} << 24;

/// Latents or an image that a request names are not here.
class NotKept : public Error {
 public:
  using Error::Error;
};

/// Bytes that are no UTF-8 are replaced.
ApiResponse json_response(const Json& json, int status = 200) {
  return {.status = status,
          .content_type = "application/json",
          .body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

/// Long messages repeat what the client sent.
ApiResponse error_response(int status, const std::string& message) {
  constexpr std::size_t kLongest = 500;
  return json_response({{"error", one_line(message.substr(0, kLongest))}}, status);
}

/// The message without the dashes of a flag: fields of a body have none.
std::string without_dashes(const std::string& text) { return text.starts_with("--") ? text.substr(2) : text; }

/// The answer to an exception.
ApiResponse failure(const std::exception& error) {
  // nginx's status of a request whose client has closed the connection: for the metrics.
  if (dynamic_cast<const AbandonedError*>(&error) != nullptr) return error_response(499, error.what());
  if (dynamic_cast<const NotKept*>(&error) != nullptr) return error_response(404, error.what());
  if (dynamic_cast<const NumericalError*>(&error) != nullptr) return error_response(422, error.what());
  if (dynamic_cast<const Error*>(&error) != nullptr) return error_response(400, without_dashes(error.what()));
  if (dynamic_cast<const Json::exception*>(&error) != nullptr) {
    return error_response(400, "the body is not the JSON that was expected");
  }
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr || ops::is_out_of_memory(error)) {
    auto response = error_response(503, "not enough memory for this request");
    response.headers.emplace_back("Retry-After", "5");
    return response;
  }
  return error_response(500, std::string("internal error: ") + error.what());
}

/// Holds one of the permits of a semaphore.
class Permit {
 public:
  explicit Permit(std::counting_semaphore<>& semaphore) : semaphore_(semaphore) { semaphore_.acquire(); }
  ~Permit() { semaphore_.release(); }
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

 private:
  std::counting_semaphore<>& semaphore_;
};

/// The share of `sorted` numbers that are smaller.
double share_below(const std::vector<double>& sorted, double value) {
  const auto below = std::ranges::lower_bound(sorted, value) - sorted.begin();
  return static_cast<double>(below) / static_cast<double>(sorted.size());
}

}  // namespace

Api::Api(nn::Glow model, nn::ModelInfo info, ApiNames names, latent::Directions directions, const QueueOptions& queue,
         const ApiLimits& limits)
    : model_(model),
      info_(std::move(info)),
      names_(std::move(names)),
      directions_(std::move(directions)),
      limits_(limits),
      decoders_(std::max(1, at::get_num_threads())),
      cache_(limits.kept),
      queue_(std::move(model), queue) {}

const std::vector<Api::Route>& Api::routes() {
  static const std::vector<Route> table{
      {"GET", "/api/model", &Api::describe}, {"POST", "/api/sample", &Api::sample},
      {"POST", "/api/encode", &Api::encode}, {"POST", "/api/decode", &Api::decode},
      {"POST", "/api/edit", &Api::edit},     {"POST", "/api/mix", &Api::mix},
      {"POST", "/api/score", &Api::score},   {"GET", "/api/reference", &Api::reference}};
  return table;
}

std::vector<std::string> Api::paths() {
  std::vector<std::string> paths;
  for (const auto& route : routes()) paths.emplace_back(route.path);
  return paths;
}

ApiResponse Api::answer(ApiRequest request) {
  const torch::NoGradGuard no_grad;
  ops::use_threads_here(1);  // the threads of the queue have the cores
  try {
    return find_and_call(request);
  } catch (const std::exception& error) {
    return failure(error);
  }
}

std::string Api::metrics() const {
  const auto counts = queue_.counts();
  const auto metric = [](const std::string& name, const std::string& kind, const std::string& help,
                         std::int64_t value) {
    return "# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n" + name + " " + std::to_string(value) +
           "\n";
  };
  return metric("glow_queue_requests", "gauge", "Requests that wait or are computed.", counts.requests) +
         metric("glow_batches_total", "counter", "Batches computed.", counts.batches) +
         metric("glow_batch_images_total", "counter", "Images in these batches.", counts.images);
}

ApiResponse Api::find_and_call(ApiRequest& request) {
  const auto& table = routes();
  const auto has_path = [&](const Route& route) { return route.path == request.path; };
  const auto found = std::ranges::find_if(table, has_path);
  if (found == table.end()) {
    return error_response(404, "expected one of " + joined(paths()));
  }
  if (request.method != found->method) {
    auto response = error_response(405, std::string("expected ") + found->method);
    response.headers.emplace_back("Allow", found->method);
    return response;
  }
  return (this->*found->handler)(request);
}

void Api::require_count(const char* name, std::int64_t count) const {
  if (count < 1 || count > limits_.images) {
    throw ConfigError(name, "expected 1 to " + std::to_string(limits_.images) + ", got " + std::to_string(count));
  }
}

void Api::require_columns(std::int64_t columns, std::int64_t count) {
  if (columns < 0 || columns > count) throw ConfigError("columns", "expected 0 to " + std::to_string(count));
}

ApiResponse Api::describe(ApiRequest&) {
  const auto& options = model_->options();
  std::vector<std::string> classes;
  for (std::int64_t y = 0; y < options.num_classes; ++y) classes.push_back(class_name(y));
  const Json reference = {{"source", references_.source},
                          {"images", references_.size()},
                          {"bits_per_dim", reference_bits_},
                          {"complexity_corrected", reference_corrected_}};
  return json_response({{"file", names_.model},
                        {"model", Json::parse(nn::to_json(options))},
                        {"classes", classes},
                        {"directions", directions_.names},
                        {"directions_file", names_.directions},
                        {"reference", references_.size() > 0 ? reference : Json()},
                        {"parameters", nn::parameter_count(options)},
                        {"checksum", info_.checksum},
                        {"version", info_.version},
                        {"limits", {{"images", limits_.images}, {"kept", limits_.kept}}}});
}

std::string Api::class_name(std::int64_t label) const {
  const auto& names = info_.class_names;
  return names.empty() ? std::to_string(label) : names[static_cast<std::size_t>(label)];
}

torch::Tensor Api::labels_of(const std::string& class_name, std::int64_t count) const {
  const auto index = find_class(class_name, model_);
  if (index >= 0) return torch::full({count}, index, torch::kLong);
  if (model_->options().num_classes > 0) throw ConfigError("class", "the model is conditional: expected a class");
  return {};
}

std::vector<std::string> Api::keep(const torch::Tensor& eps, const torch::Tensor& labels) {
  std::vector<std::string> ids;
  for (std::int64_t i = 0; i < eps.size(0); ++i) {
    ids.push_back(cache_.add({eps[i].clone(), labels.defined() ? labels[i].item<std::int64_t>() : -1}));
  }
  return ids;
}

ApiResponse Api::pictures(const ApiRequest& request, const torch::Tensor& images, const torch::Tensor& eps,
                          const torch::Tensor& labels, std::int64_t columns, const std::string& command) {
  ApiResponse response;
  if (request.accepts_json) {
    const auto evaluated =
        queue_.evaluate(model_->quantizer().center(images, model_->dtype()), labels, request.is_abandoned);
    const auto bits = finite_bits(evaluated.log_prob);
    const auto ids = keep(eps, labels);
    Json list = Json::array();
    for (std::int64_t i = 0; i < images.size(0); ++i) {
      list.push_back({{"id", ids[static_cast<std::size_t>(i)]},
                      {"bits_per_dim", bits[i].item<double>()},
                      {"png", io::base64(io::encode_png(data::to_image(images[i])))}});
      if (labels.defined()) list.back()["class"] = class_name(labels[i].item<std::int64_t>());
    }
    response = json_response({{"images", list}});
  } else {
    response = {.content_type = "image/png", .body = io::encode_png(data::labelled_grid(images, {.columns = columns}))};
  }
  // libmicrohttpd has 64 KiB for all headers.
  constexpr std::size_t kLongest = 4096;
  if (!command.empty() && command.size() <= kLongest) response.headers.emplace_back("X-Glow-Command", command);
  return response;
}

ApiResponse Api::sample(ApiRequest& request) {
  SampleCall call;
  auto given = read_call(request, sample_call_table(), call);
  // glow-sample has another default.
  if (find(given, "count") == nullptr) given.push_back({.name = "count", .value = std::to_string(call.count)});
  require_count("count", call.count);
  require_columns(call.columns, call.count);
  nn::SampleOptions options{.temperature = call.temperature, .seed = call.seed};
  const auto index = find_class(call.class_name, model_);
  if (index >= 0) options.labels = torch::full({call.count}, index, torch::kLong);
  if (!options.labels.defined()) options.labels = model_->sample_labels(call.count, options);
  const auto labels = options.labels;
  const auto eps = nn::flatten(model_->sample_latents(call.count, options));
  const auto decoded = queue_.decode(eps, labels, request.is_abandoned);
  if (!decoded.is_finite.all().item<bool>()) throw NumericalError("samples have values that are not finite");
  return pictures(request, decoded.images, eps, labels, call.columns,
                  "glow-sample " + shell_word(names_.model) + " --out grid.png" + arguments_of(given) + names_.flags);
}

std::pair<torch::Tensor, std::vector<std::string>> Api::uploads(ApiRequest& request) const {
  auto files = std::move(request.files);
  if (files.empty() && !request.body.empty()) files.push_back({"image", std::move(request.body)});
  require_count("images", std::ssize(files));
  std::vector<std::string> names;
  for (const auto& file : files) names.push_back(file.name);
  const auto source = images::memory_images(std::move(files), static_cast<int>(model_->options().channels));
  for (std::int64_t i = 0; i < source->size(); ++i) {
    const auto shape = source->shape(i);
    if (static_cast<std::int64_t>(shape->height) * shape->width > kMostPixels) {
      throw ConfigError("images", source->name(i) + " has more than " + grouped(kMostPixels) + " pixels");
    }
  }
  const Permit permit(decoders_);
  const auto images = fitted("images", "the images", source, model_, {}).images;
  return {images->bytes(index_range(0, images->size())).contiguous(), std::move(names)};
}

ApiResponse Api::encode(ApiRequest& request) {
  const auto call = read_query<EncodeCall>(request, encode_call_table());
  const auto [images, names] = uploads(request);
  const auto labels = labels_of(call.class_name, images.size(0));
  const auto evaluated =
      queue_.evaluate(model_->quantizer().center(images, model_->dtype()), labels, request.is_abandoned);
  const auto bits = finite_bits(evaluated.log_prob);
  const auto ids = keep(evaluated.latents, labels);
  Json list = Json::array();
  for (std::int64_t i = 0; i < images.size(0); ++i) {
    const auto place = static_cast<std::size_t>(i);
    list.push_back({{"name", names[place]},
                    {"id", ids[place]},
                    {"bits_per_dim", bits[i].item<double>()},
                    {"png", io::base64(io::encode_png(data::to_image(images[i])))}});
  }
  return json_response({{"images", list}});
}

Api::KeptImages Api::kept(const std::vector<std::string>& ids) {
  require_count("ids", std::ssize(ids));
  std::vector<torch::Tensor> rows;
  std::vector<std::int64_t> classes;
  for (const auto& id : ids) {
    const auto found = cache_.find(id);
    if (!found) throw NotKept("ids: there are no latents '" + id.substr(0, 40) + "', or no more");
    rows.push_back(found->eps);
    classes.push_back(found->label);
  }
  return {nn::unflatten(at::stack(rows), model_->options()),
          model_->options().num_classes > 0 ? torch::tensor(classes, torch::kLong) : torch::Tensor()};
}

ApiResponse Api::decoded(const ApiRequest& request, const nn::Latents& latents, const torch::Tensor& labels,
                         std::int64_t columns) {
  const auto eps = nn::flatten(latents);
  require_count("images", eps.size(0));
  require_columns(columns, eps.size(0));
  const auto decoded = queue_.decode(eps, labels, request.is_abandoned);
  if (!decoded.is_finite.all().item<bool>()) throw NumericalError("images have values that are not finite");
  return pictures(request, decoded.images, eps, labels, columns, "");
}

ApiResponse Api::decode(ApiRequest& request) {
  DecodeCall call;
  read_call(request, decode_call_table(), call);
  const auto [latents, labels] = kept(call.ids);
  return decoded(request, latents, labels, call.columns);
}

ApiResponse Api::edit(ApiRequest& request) {
  EditCall call;
  read_call(request, edit_call_table(), call);
  if (call.direction.size() != call.strengths.size()) {
    throw ConfigError("strengths", "expected one for each direction, " + std::to_string(call.direction.size()) +
                                       ", got " + std::to_string(call.strengths.size()));
  }
  constexpr std::size_t kMostDirections = 64;
  if (call.direction.size() > kMostDirections) throw ConfigError("direction", "expected at most 64");
  auto [latents, labels] = kept(call.ids);
  // Each image has the noise of index 0, so that an image changes in the same way alone and among others.
  latents = latent::vary(latents, {.amount = call.amount,
                                   .temperature = call.temperature,
                                   .seed = call.seed,
                                   .indices = std::vector<std::int64_t>(call.ids.size(), 0)});
  if (!call.direction.empty() && directions_.names.empty()) {
    throw ConfigError("direction", "the server was started without --directions");
  }
  for (std::size_t k = 0; k < call.direction.size(); ++k) {
    latents = latent::move(latents, directions_.vector(call.direction[k]), call.strengths[k]);
  }
  return decoded(request, latents, labels, call.columns);
}

ApiResponse Api::mix(ApiRequest& request) {
  MixCall call;
  read_call(request, mix_call_table(), call);
  const auto images = kept(call.ids);
  const auto& latents = images.latents;
  const auto& labels = images.labels;
  const auto count = std::ssize(call.ids);
  if (count < 2 || count > 4) throw ConfigError("ids", "expected two to four images");
  if (labels.defined() && labels.ne(labels[0]).any().item<bool>()) {
    throw ConfigError("ids", "expected images of one class");
  }
  if (call.at.empty()) {
    const latent::LatentPath path(latents, {.kind = call.kind, .points = call.points});
    require_count("points", path.size());
    return decoded(request, path.points(0, path.size()),
                   labels.defined() ? labels[0].expand({path.size()}).contiguous() : labels, call.columns);
  }
  const bool is_square = count == 4;
  if (count == 3 || call.at.size() != (is_square ? 2u : 1u)) {
    throw ConfigError("at", "expected one number between two images, or two numbers between four");
  }
  const auto row = [&](std::int64_t first) {
    return latent::interpolate(latent::narrow(latents, first, 1), latent::narrow(latents, first + 1, 1), call.at[0],
                               call.kind);
  };
  const auto mixed = is_square ? latent::interpolate(row(0), row(2), call.at[1], call.kind) : row(0);
  return decoded(request, mixed, latent::narrow_labels(labels, 0, 1), call.columns);
}

torch::Tensor Api::finite_bits(const torch::Tensor& log_prob) const {
  const auto bits = model_->quantizer().bits_per_dim(log_prob);
  if (!bits.isfinite().all().item<bool>()) throw NumericalError("the density of an image is not finite");
  return bits;
}

torch::Tensor Api::log_prob_by_class(const torch::Tensor& x, const IsAbandoned& is_abandoned) {
  std::vector<torch::Tensor> by_class;
  const auto classes = model_->options().num_classes;
  for (std::int64_t y = 0; y < std::max<std::int64_t>(1, classes); ++y) {
    const auto labels = classes > 0 ? torch::full({x.size(0)}, y, torch::kLong) : torch::Tensor();
    by_class.push_back(queue_.evaluate(x, labels, is_abandoned).log_prob);
  }
  return at::stack(by_class);
}

Api::Scores Api::scores(const torch::Tensor& images, std::int64_t draws, std::uint64_t seed,
                        const IsAbandoned& is_abandoned) {
  const auto& quantizer = model_->quantizer();
  const auto count = images.size(0), points = std::max<std::int64_t>(1, draws);
  // Sums over the draws; p(y | x) by Bayes' rule.
  torch::Tensor bits = torch::zeros({count}, torch::kDouble), posterior;
  for (std::int64_t draw = 0; draw < points; ++draw) {
    const auto x = draws == 0 ? quantizer.center(images, model_->dtype())
                              : quantizer.dequantize(images, draw, {.seed = seed, .dtype = model_->dtype()});
    const auto log_prob = log_prob_by_class(x, is_abandoned);
    bits += finite_bits(log_prob.logsumexp(0) - std::log(static_cast<double>(log_prob.size(0))));
    posterior = posterior.defined() ? posterior + log_prob.softmax(0).t() : log_prob.softmax(0).t();
  }
  return {bits / points, evaluate::png_bits_per_dim(images, model_->options().bits), (posterior / points).contiguous()};
}

void Api::compare_with(ReferenceImages references, const std::function<void(std::int64_t)>& progress) {
  const torch::NoGradGuard no_grad;
  references_ = std::move(references);
  const ScoreCall call;
  const auto append = [](std::vector<double>& all, const torch::Tensor& more) {
    const auto* first = more.data_ptr<double>();
    all.insert(all.end(), first, first + more.numel());
  };
  constexpr std::int64_t kTogether = 32;
  for (std::int64_t first = 0; first < references_.size(); first += kTogether) {
    const auto count = std::min(kTogether, references_.size() - first);
    const auto scored = scores(references_.bytes.narrow(0, first, count), call.draws, call.seed, {});
    append(reference_bits_, scored.bits_per_dim);
    append(reference_corrected_, scored.corrected().contiguous());
    if (progress) progress(first + count);
  }
  std::ranges::sort(reference_bits_);
  std::ranges::sort(reference_corrected_);
}

ApiResponse Api::score(ApiRequest& request) {
  const auto call = read_query<ScoreCall>(request, score_call_table());
  constexpr std::int64_t kMostDraws = 64;
  if (call.draws < 0 || call.draws > kMostDraws) throw ConfigError("draws", "expected 0 to 64");
  const auto [images, names] = uploads(request);
  if (call.draws * images.size(0) > limits_.images) {
    throw ConfigError("draws", "expected at most " + std::to_string(limits_.images) + " draws of all images together");
  }
  constexpr std::int64_t kMostOfClasses = 16;
  const auto densities = std::max<std::int64_t>(1, call.draws) * images.size(0) * model_->options().num_classes;
  if (densities > kMostOfClasses * limits_.images) {
    throw ConfigError("images", "expected fewer images or draws: each has a density for each of " +
                                    std::to_string(model_->options().num_classes) + " classes");
  }
  const auto [bits, png_bits, posterior] = scores(images, call.draws, call.seed, request.is_abandoned);
  Json list = Json::array();
  for (std::int64_t i = 0; i < images.size(0); ++i) {
    const auto score = bits[i].item<double>(), png = png_bits[i].item<double>();
    Json image{{"name", names[static_cast<std::size_t>(i)]},
               {"bits_per_dim", score},
               {"png_bits_per_dim", png},
               {"complexity_corrected", score - png}};
    if (references_.size() > 0) {
      image["rank"] = share_below(reference_bits_, score);
      image["complexity_rank"] = share_below(reference_corrected_, score - png);
    }
    if (model_->options().num_classes > 0) {
      const auto* first = posterior[i].data_ptr<double>();
      image["classes"] = std::vector<double>(first, first + posterior.size(1));
    }
    list.push_back(image);
  }
  return json_response({{"images", list}});
}

ApiResponse Api::reference(ApiRequest& request) {
  const auto index = read_query<ReferenceCall>(request, reference_call_table()).index;
  if (index < 0 || index >= references_.size()) {
    throw NotKept("index: expected one of the " + std::to_string(references_.size()) + " reference images");
  }
  return {.content_type = "image/png", .body = io::encode_png(data::to_image(references_.bytes[index]))};
}

}  // namespace glow::tools
