#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <spawn.h>
#include <unistd.h>

#include <ATen/Parallel.h>

#include <glow/checks.h>
#include <glow/data/split.h>
#include <glow/error.h>
#include <glow/latent/directions.h>
#include <glow/shard.h>

#include "tools/common/command_line.h"
#include "tools/common/compute.h"
#include "tools/common/console.h"
#include "tools/common/data_settings.h"
#include "tools/common/flags.h"
#include "tools/common/image_settings.h"
#include "tools/common/interruption.h"
#include "tools/common/processes.h"
#include "tools/common/text.h"
#include "tools/glow_tools.h"
#include "tools/serve/api.h"
#include "tools/serve/http_server.h"
#include "tools/serve/page.h"

namespace glow::tools {
namespace {

constexpr const char* kTokenVariable = "GLOW_SERVE_TOKEN";

/// The values of glow-serve's flags.
struct ServeSettings {
  std::string model;
  std::string host = "127.0.0.1";
  std::int64_t port = 8080;
  std::string token;
  /// A file of glow-edit directions; empty: none.
  std::string directions;
  /// Reference images, see open_given_images; empty: none.
  std::vector<std::string> images;
  /// The most of them that are used.
  std::int64_t references = 256;
  /// Whether to show the page in the user's browser.
  bool open = false;
  std::int64_t batch = 32;
  std::int64_t max_queue = 64;
  std::int64_t max_images = 256;
  ComputeSettings compute;
};

template <class Visitor>
void visit_fields(ServeSettings& settings, Visitor&& visit) {
  visit("model", settings.model);
  visit("host", settings.host);
  visit("port", settings.port);
  visit("token", settings.token);
  visit("directions", settings.directions);
  visit("images", settings.images);
  visit("references", settings.references);
  visit("open", settings.open);
  visit("batch", settings.batch);
  visit("max_queue", settings.max_queue);
  visit("max_images", settings.max_images);
  visit_fields(settings.compute, visit);
}

const std::vector<FlagText>& serve_flag_table() {
  static const std::vector<FlagText> own{
      model_row("Server"),
      {"host", "Server", "ADDRESS",
       "address to listen at. 0.0.0.0: every network of this machine, so that other machines can use the server; "
       "needs --token"},
      {"port", "Server", "N", "port; 0: any that is free"},
      {"token", "Server", "TEXT",
       "clients must send it as `Authorization: Bearer TEXT`; not given: the environment variable GLOW_SERVE_TOKEN, "
       "which other users of this machine do not see"},
      {"directions", "Server", "FILE", "directions of attributes (glow-edit directions) along which images are edited"},
      {"images", "Server", "PATHS",
       "image files, folders, archives or a data set; scores are ranked among these images, and the page offers them "
       "as "
       "examples"},
      {"references", "Server", "N", "use at most N of --images, evenly spaced"},
      {"open", "Server", "", "open the page in the browser; not with a token, which other users could see then"},
      {"max_queue", "Server", "N", "requests that wait or are computed; further ones are answered with status 503"},
      {"max_images", "Server", "N", "images of one request"},
      batch_row(),
  };
  static const auto table = own + compute_rows(Launchable::kNo);
  return table;
}

/// The token of the flag or, without it, of the environment; empty: none.
std::string token_of(const ServeSettings& settings) {
  const char* variable = std::getenv(kTokenVariable);
  const auto token = settings.token.empty() && variable != nullptr ? std::string(variable) : settings.token;
  // HTTP drops spaces at the ends, and browsers refuse other characters.
  const auto is_sent = [](char c) { return c >= ' ' && c <= '~'; };
  if (!std::ranges::all_of(token, is_sent) || token.starts_with(' ') || token.ends_with(' ')) {
    throw ConfigError("token", "expected printable ASCII characters without spaces at the ends");
  }
  return token;
}

void check(const ServeSettings& settings) {
  require_given("model", settings.model, "a model file");
  require_range("port", settings.port, 0, 65535);
  require_range("batch", settings.batch, 1, kMostImages);
  require_range("references", settings.references, 1, 10'000);
  require_range("max_queue", settings.max_queue, 1, 1024);
  require_range("max_images", settings.max_images, 1, 1'000'000);
  if (settings.open && !settings.token.empty()) {
    throw ConfigError("open", "with a token, open the page with #token=TOKEN behind its address yourself");
  }
  if (!is_loopback(settings.host) && settings.token.empty()) {
    throw ConfigError("host", "'" + settings.host +
                                  "' lets other machines use the server: give --token, which clients must send, or "
                                  "leave --host out");
  }
}

ToolText serve_text() {
  return {.name = "glow-serve",
          .purpose = "Serves a model over HTTP: a page for a browser; samples, latents, edits and scores for programs.",
          .closing =
              "Examples\n"
              "  glow-serve runs/demo/model.safetensors --port 8080\n"
              "  curl -H 'Content-Type: application/json' -d '{\"count\": 16, \"temperature\": 0.7}' \\\n"
              "    http://127.0.0.1:8080/api/sample > samples.png\n"
              "  glow-serve m.safetensors --directions d.safetensors --images photos --open\n"
              "docs/http.md describes all requests.\n",
          .saves_memory = "a smaller --batch",
          .positional = {"model"},
          .common = {"model", "directions", "images", "host", "port", "open", "token", "max-queue", "max-images",
                     "batch", "threads"}};
}

/// At most `settings.references` images, from the whole of the source, at the model's size.
ReferenceImages open_references(const ServeSettings& settings, const nn::Glow& model) {
  if (settings.images.empty()) return {};
  const auto source = open_given_images("images", settings.images, model, Labels::kUnused, {}).source;
  const auto count = std::min(settings.references, source->size());
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < count; ++i) chosen.push_back(i * source->size() / count);
  const auto name = name_of(settings.images);
  const auto images = fitted("images", name, std::make_shared<data::SubsetSource>(source, chosen), model, {}).images;
  return {name, images->bytes(index_range(0, count)).contiguous()};
}

/// Shows the page in the user's browser, in a session of its own, so that Ctrl-C does not end the browser.
void open_browser(const std::string& address, Console& console) {
  std::string program = "xdg-open", url = address;
  std::vector<char*> words{program.data(), url.data(), nullptr};
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t process = 0;
  const int error = ::posix_spawnp(&process, program.c_str(), nullptr, &attributes, words.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) console.err << "cannot open a browser: xdg-open: " << std::strerror(error) << std::endl;
}

int serve(ServeSettings& settings, Console& console) {
  settings.token = token_of(settings);
  check(settings);
  const auto compute = start_computing(settings.compute);
  nn::ModelInfo info;
  auto model = open_model(settings.model, compute, &info);
  if (!compute.note.empty()) console.err << compute.note << std::endl;
  auto directions = settings.directions.empty()
                        ? latent::Directions()
                        : latent::load_directions(settings.directions, info.options, info.checksum);
  auto references = open_references(settings, model);
  const auto references_count = references.size();
  const auto& compute_settings = settings.compute;
  const auto flags =
      compute_settings.precision == Precision::kFp32 ? "" : " --precision " + to_string(compute_settings.precision);
  const auto limits = ApiLimits{.images = settings.max_images}.for_model(info.options);
  Api api(std::move(model), std::move(info),
          {.model = settings.model, .directions = settings.directions, .flags = flags}, std::move(directions),
          {.batch = settings.batch, .batches_at_once = compute.device.is_cpu() ? at::get_num_threads() : 1}, limits);
  StatusLine status(console, /*quiet=*/false);
  api.compare_with(std::move(references),
                   [&](std::int64_t done) { status.show_images("scored", done, references_count); });
  status.clear();
  save_after_interruptions();
  HttpServer server([&](ApiRequest request) { return api.answer(std::move(request)); }, [&] { return api.metrics(); },
                    page_files(),
                    {.host = settings.host,
                     .port = static_cast<int>(settings.port),
                     .token = settings.token,
                     .most_requests = static_cast<std::size_t>(settings.max_queue),
                     .paths = Api::paths()});
  console.out << "serving " << settings.model << " at " << server.address() << " (" << compute.text
              << "); Ctrl-C stops it" << std::endl;
  if (!is_loopback(settings.host)) {
    console.err << "other machines can reach it, by this machine's addresses, with the token; nothing is encrypted"
                << std::endl;
  }
  if (settings.open) open_browser(server.address(), console);
  server.serve([] { return interruption() != 0; });
  return kSuccess;
}

int serve_with_flags(Arguments arguments, Console& console) {
  ServeSettings settings;
  Flags flags(serve_flag_table());
  flags.bind(settings);
  const auto given = parse_command_line(serve_text(), flags, arguments, console);
  if (!given) return kSuccess;
  return flags.naming_flags([&] {
    flags.set(*given);
    return serve(settings, console);
  });
}

}  // namespace

int run_glow_serve(Arguments arguments, Console& console) {
  return run_tool(serve_text(), console, [&] { return serve_with_flags(arguments, console); });
}

}  // namespace glow::tools
