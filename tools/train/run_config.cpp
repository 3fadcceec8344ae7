#include "tools/train/run_config.h"

#include <system_error>
#include <utility>

#include <ATen/Parallel.h>
#include <torch/version.h>

#include <glow/error.h>
#include <glow/images/source.h>
#include <glow/io/file.h>
#include <glow/train/options.h>
#include <glow/train/run_directory.h>
#include <glow/version.h>

#include "tools/common/files.h"

namespace glow::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTool = "glow-train";
/// The specification of the data: among the options as given, among the resolved values with an absolute path.
constexpr const char* kData = "data";
/// images::fingerprint of the training images; earlier versions did not write it.
constexpr const char* kFingerprint = "fingerprint";

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// The longest prefix of the path that exists.
fs::path existing_part(fs::path path) {
  path = fs::absolute(path);
  while (!is_there(path) && path.has_relative_path()) path = path.parent_path();
  return path;
}

/// `path`: the file that contains the text, for messages.
RunConfig parse_run_config(const std::string& text, const fs::path& path) {
  // No valid configuration is deeper. Copying a value of unlimited depth could overflow the stack.
  const auto check_depth = [&](int depth, Json::parse_event_t, const Json&) {
    constexpr int kDeepest = 8;
    if (depth > kDeepest) throw FormatError(path, std::string("not the configuration of a run of ") + kTool);
    return true;
  };
  if (!text.starts_with('{')) throw io::other_kind(path, std::string("the configuration of a run of ") + kTool, text);
  const auto json = Json::parse(text, check_depth, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("tool", Json()) != kTool) {
    throw FormatError(path, std::string("not the configuration of a run of ") + kTool);
  }
  const auto part = [&](const char* key) {
    Json object = json.value(key, Json());
    if (!object.is_object()) throw FormatError(path, std::string("expected an object '") + key + "'");
    return object;
  };
  return {part("options"), part("resolved"), part("model"), part("images"), part("versions"), {}};
}

/// See RunConfig::command.
Json make_command(const TrainSettings& settings, const Flags& flags, const Compute& compute) {
  TrainSettings untouched;
  Flags defaults(train_flag_table());
  defaults.bind(untouched);
  auto words = Json::array({kTool});
  for (const auto& flag : flags.all()) {
    const bool is_other_length = flag.name == "epochs" && settings.training.steps > 0;
    const bool is_below = flag.name == "device" || flag.name == "threads";
    if (flag.text.kept == Kept::kNo || is_other_length || is_below) continue;
    if (flag.get() == defaults.at(flag.name).get()) continue;
    words.push_back("--" + flag.name);
    if (!flag.is_switch()) words.push_back(flag.shown());
  }
  const auto add = [&](const char* flag, std::string value) {
    words.push_back(flag);
    words.push_back(std::move(value));
  };
  add("--device", compute.device.str());
  add("--threads", std::to_string(at::get_num_threads()));
  add("--out", settings.run.out);
  return words;
}

}  // namespace

RunConfig make_run_config(const TrainSettings& settings, const Flags& flags, const ImageSplits& images,
                          const Compute& compute, std::int64_t processes) {
  const auto size = [](const auto& split) { return split ? split->size() : 0; };
  const auto& training = settings.training;
  const auto& model = settings.model;
  const auto& data = settings.data;
  const train::Schedule schedule(training, model.height, model.width);
  const auto train_images = images.train->size();
  return {
      .options = flags.kept(),
      .resolved = {{"steps", train::total_steps(training, train_images)},
                   {"beta2", schedule.beta2()},
                   {"ema_decay", schedule.ema_decay()},
                   {"init_images", train::init_images(training.init_images, train_images, model.height, model.width)},
                   {"processes", processes},
                   {"threads", at::get_num_threads()},
                   {"device", compute.device.str()},
                   {kData, with_absolute_path(data.found_data.empty() ? data.data : data.found_data)}},
      .model = Json::parse(nn::to_json(settings.model)),
      .images = {{"train", size(images.train)},
                 {"valid", size(images.valid)},
                 {"test", size(images.test)},
                 {kFingerprint, images.record.fingerprint}},
      .versions = {{"glow", kVersion}, {"libtorch", TORCH_VERSION}},
      .command = make_command(settings, flags, compute)};
}

namespace {

FormatError content_has_changed(const fs::path& path) {
  return FormatError(path, "the content of the images has changed since the run (--accept-data continues with them)");
}

}  // namespace

RunConfig without_content(RunConfig config) {
  config.images.erase(kFingerprint);
  return config;
}

std::string to_json_text(const RunConfig& config) {
  const Json json{
      {"tool", kTool},         {"command", config.command}, {"options", config.options},  {"resolved", config.resolved},
      {"model", config.model}, {"images", config.images},   {"versions", config.versions}};
  // A path need not be UTF-8; other bytes are replaced.
  return json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

RunConfig read_run_config(const fs::path& path) {
  constexpr std::uint64_t kMostBytes = 1 << 20;
  return parse_run_config(io::read_file(path, kMostBytes), path);
}

std::string place_of_data(const RunConfig& config) {
  const auto place = config.resolved.value(kData, Json());
  if (!place.is_string()) return "";
  const auto given = to_text(config.options.value(kData, Json()));
  const auto path_of = [](const std::string& specification) { return images::parse_specification(specification).path; };
  const bool is_moved = !is_there(path_of(place.get<std::string>())) && is_there(path_of(given));
  return is_moved ? given : place.get<std::string>();
}

void require_data(const DataSettings& settings, const fs::path& config) {
  const auto& specification = settings.found_data.empty() ? settings.data : settings.found_data;
  const fs::path path = images::parse_specification(specification).path;
  if (path.empty() || is_there(path)) return;
  const bool is_relative = path.is_relative();
  const auto kind = specification.substr(0, specification.find(':'));
  throw IoError("cannot read " + path.string() + ": it does not exist" + (is_relative ? " in this directory" : "") +
                "; it is the --data of " + config.string() + (is_relative ? ", relative to where the run began" : "") +
                " (moved? --resume --data " + kind + ":NEW)");
}

bool is_alike(const RunConfig& one, const RunConfig& other) {
  return one.options == other.options && one.model == other.model && one.images == other.images &&
         one.versions == other.versions;
}

void check_same_run(const RunConfig& config, const fs::path& path) {
  const auto before = read_run_config(path);
  for (auto [now, then] : {std::pair{config.model, before.model}, std::pair{config.images, before.images}}) {
    const bool has_content = now.contains(kFingerprint) && then.contains(kFingerprint);
    const bool is_content = has_content && now.at(kFingerprint) != then.at(kFingerprint);
    now.erase(kFingerprint);
    then.erase(kFingerprint);
    if (now != then) throw FormatError(path, "the run had " + then.dump() + ", its data now give " + now.dump());
    if (is_content) throw content_has_changed(path);
  }
}

void check_same_run(const RunConfig& config, const train::IntactCheckpoint& checkpoint) {
  const auto before = parse_run_config(checkpoint.content.config, checkpoint.path);
  const auto compare = [&](const std::string& part, const Json& now, const Json& then) {
    for (const auto& item : now.items()) {
      const auto other = then.value(item.key(), Json());
      if (other == item.value() || (item.key() == kFingerprint && other.is_null())) continue;
      if (item.key() == kFingerprint) throw content_has_changed(checkpoint.path);
      throw FormatError(checkpoint.path, "is of another run: " + part + "." + item.key() + " is " + other.dump() +
                                             ", here it is " + item.value().dump());
    }
  };
  compare("model", config.model, before.model);
  compare("images", config.images, before.images);
}

std::string changed_arithmetic(const RunConfig& config, const train::IntactCheckpoint& checkpoint) {
  const auto before = parse_run_config(checkpoint.content.config, checkpoint.path);
  std::string changes;
  const auto compare = [&](const Json& now, const Json& then, const char* key) {
    const auto value = to_text(now.value(key, Json())), other = to_text(then.value(key, Json()));
    if (value != other) changes += (changes.empty() ? "" : ", ") + std::string(key) + " " + other + ", now " + value;
  };
  for (const auto* key : {"device", "processes", "threads"}) compare(config.resolved, before.resolved, key);
  for (const auto* key : {"memory", "accumulate", "cuda_graph"}) compare(config.options, before.options, key);
  for (const auto* key : {"glow", "libtorch"}) compare(config.versions, before.versions, key);
  return changes;
}

void check_out_directory(const RunSettings& settings) {
  const fs::path out = settings.out;
  const auto existing = existing_part(out);
  if (!is_folder(existing)) {
    throw IoError("cannot write " + out.string() + ": " + existing.string() + " is not a directory");
  }
  const train::RunDirectory directory(out);
  if (settings.resume || directory.is_unused()) return;
  if (!settings.overwrite) {
    throw ConfigError(
        "out", out.string() + " is not empty (--overwrite replaces an earlier run in it, --resume continues it)");
  }
  if (!directory.holds_run()) throw ConfigError("overwrite", out.string() + " holds no run of " + kTool);
  // config.json is missing if the earlier run was killed during its start.
  if (is_there(directory.config())) read_run_config(directory.config());
  std::error_code ignored;
  if (fs::equivalent(settings.init_from, directory.model(), ignored)) {
    throw ConfigError("init_from", settings.init_from + " belongs to the run that --overwrite would replace");
  }
}

}  // namespace glow::tools
