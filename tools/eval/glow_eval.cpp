#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <utility>

#include <glow/error.h>
#include <glow/io/file.h>
#include <glow/nn/model_file.h>

#include "tools/common/command_line.h"
#include "tools/common/compute.h"
#include "tools/common/console.h"
#include "tools/common/files.h"
#include "tools/common/interruption.h"
#include "tools/common/processes.h"
#include "tools/common/text.h"
#include "tools/eval/eval_result.h"
#include "tools/eval/eval_settings.h"
#include "tools/glow_tools.h"

namespace glow::tools {
namespace {

namespace fs = std::filesystem;

ToolText eval_text() {
  return {.name = "glow-eval",
          .purpose = "Scores images with a Glow: bits/dim, classification, out-of-distribution detection.",
          .closing =
              "Examples\n"
              "  glow-eval runs/mine/model.safetensors photos --worst 10\n"
              "  glow-eval runs/demo/model.safetensors --data fashion-mnist --draws 4 --importance 16\n"
              "  glow-eval runs/demo/model.safetensors --data fashion-mnist --ood other.npy \\\n"
              "    --scores scores.csv --histogram bits.svg --json\n",
          .saves_memory = "a smaller --batch",
          .positional = {"model", "images"},
          .common = {"model", "images", "data", "split", "count", "worst", "best", "draws", "classes", "ood", "scores",
                     "histogram", "overwrite", "json", "batch", "threads"}};
}

InputFiles eval_inputs(const EvalSettings& settings) {
  InputFiles inputs;
  inputs.add(settings.model);
  inputs.add_source(settings.data);
  for (const auto* words : {&settings.images, &settings.ood}) {
    for (const auto& word : *words) inputs.add_source(word);
  }
  return inputs;
}

bool begins_with(const fs::path& path, const std::string& text) {
  std::string first(text.size(), '\0');
  std::ifstream(path, std::ios::binary).read(first.data(), static_cast<std::streamsize>(first.size()));
  return first == text;
}

/// `field`: the name in the settings; `file`: empty when nothing is written.
void check_eval_output(const std::string& field, const std::string& file, const std::string& extension,
                       const EvalSettings& settings) {
  if (file.empty()) return;
  const auto no_scores = [](const fs::path& path) {
    return begins_with(path, kScoresHeading) ? "" : "holds no scores";
  };
  OutputFile output{.field = field,
                    .path = file,
                    .extensions = {extension},
                    .overwrite = settings.overwrite,
                    .inputs = eval_inputs(settings)};
  if (extension == ".csv") output.foreign = no_scores;
  check_output_file(output);
}

/// One evaluation from the model file to the results.
class Evaluation {
 public:
  Evaluation(EvalSettings& settings, const Processes& processes, Console& console)
      : settings_(settings),
        processes_(processes),
        console_(console),
        status_(console, /*quiet=*/!processes.is_root()) {}

  int run() {
    if (processes_.is_root()) {
      check_eval_output("scores", settings_.scores, ".csv", settings_);
      check_eval_output("histogram", settings_.histogram, ".svg", settings_);
    }
    prepare();
    // Several processes stop together, which a process that ends by itself would prevent.
    processes_.are_several() ? save_after_interruptions() : note_interruptions();
    result_.data = score(std::move(result_.data.images), "images");
    if (result_.ood) {
      result_.ood = score(std::move(result_.ood->images), "other images");
      result_.aurocs = compare(result_.data.scores, result_.ood->scores);
    }
    if (!processes_.is_root()) return kSuccess;
    if (settings_.round_trip > 0) result_.round_trip = round_trip();
    status_.clear();
    write();
    return report_not_finite();
  }

 private:
  /// Does all checks that are possible before anything is computed.
  void prepare() {
    const auto compute = start_computing(processes_.own_part(settings_.compute));
    if (!compute.note.empty()) status_.log(compute.note);
    nn::ModelInfo info;
    model_ = open_model(settings_.model, compute, &info);
    processes_.require_same_device(compute.device);
    processes_.require_same({{"the model file", info.checksum}});
    check_for_model(settings_, info.options);
    follow_training(settings_, info.training_data);
    result_.checksum = info.checksum;
    result_.bits = info.options.bits;
    result_.conditional = info.options.num_classes > 0;
    result_.device = compute.text;
    result_.data.images = open_eval_images(settings_, model_, shared_opening(processes_, status_));
    if (!settings_.ood.empty())
      result_.ood = ScoredImages{.images = open_ood_images(settings_, model_, shared_opening(processes_, status_))};
    status_.clear();
    result_.data.images.notes.log(status_);
    if (result_.ood) result_.ood->images.notes.log(status_);
  }

  ScoredImages score(EvalImages images, const std::string& what) {
    auto options = settings_.score;
    options.stream = images.noise;
    options.classify = result_.conditional;
    options.compress =
        !settings_.scores.empty() || !settings_.ood.empty() || settings_.sort_by == ScoreKind::kComplexityCorrected;
    options.shard = processes_.communicator()->shard();
    options.progress = [&](std::int64_t done, std::int64_t total) {
      show(what, done * images.images().size() / total, images.images().size(), done, total);
    };
    const auto count = images.images().size();
    processes_.require_same({{"number of images", count}});
    evaluate::Scores shard;
    try {
      shard = evaluate::score(model_, images.images(), options);
    } catch (const Interrupted&) {
      // The next call tells all processes, also those that have finished their shard.
    }
    processes_.throw_if_one_was_interrupted();
    auto scores = evaluate::gathered(shard, count, options.batch, *processes_.communicator());
    auto summary = evaluate::summarise(scores);
    return {std::move(images), std::move(scores), summary};
  }

  evaluate::RoundTrip round_trip() {
    return evaluate::round_trip(model_, result_.data.images.images(),
                                {.batch = settings_.score.batch,
                                 .count = settings_.round_trip,
                                 .classes = settings_.score.classes,
                                 .progress = [&](std::int64_t done, std::int64_t total) {
                                   show("images encoded and decoded", done, total, done, total);
                                 }});
  }

  void show(const std::string& what, std::int64_t images, std::int64_t total_images, std::int64_t done,
            std::int64_t total) {
    processes_.throw_if_interrupted();
    status_.show(bar(static_cast<double>(done) / static_cast<double>(total)) + " " + grouped(images) + "/" +
                 grouped(total_images) + " " + what);
  }

  void write() const {
    if (!settings_.scores.empty()) io::write_file(settings_.scores, scores_csv(result_.data));
    if (!settings_.histogram.empty()) io::write_file(settings_.histogram, result_histogram(result_));
    console_.out << (settings_.json ? result_json(settings_, result_) : result_text(settings_, result_)) << std::flush;
  }

  int report_not_finite() const {
    auto images = result_.data.summary.images, not_finite = result_.data.summary.non_finite;
    if (result_.ood) {
      images += result_.ood->summary.images;
      not_finite += result_.ood->summary.non_finite;
    }
    if (not_finite == 0) return kSuccess;
    throw NumericalError(grouped(not_finite) + " of " + grouped(images) + " images have a density that is not finite");
  }

  EvalSettings& settings_;
  const Processes& processes_;
  Console& console_;
  nn::Glow model_{nullptr};
  EvalResult result_;
  StatusLine status_;
};

int evaluate_model(Arguments arguments, Processes& processes, Console& console) {
  EvalSettings settings;
  Flags flags(eval_flag_table());
  flags.bind(settings);
  const auto given = parse_joining(eval_text(), flags, arguments, settings.compute, processes, console);
  if (!given) return kSuccess;
  return flags.naming_flags([&] {
    resolve_settings(settings, *given);
    processes.require_same(given_text(*given));
    return Evaluation(settings, processes, console).run();
  });
}

}  // namespace

int run_glow_eval(Arguments arguments, Console& console) {
  return run_tool(eval_text(), console,
                  [&](Processes& processes) { return evaluate_model(arguments, processes, console); });
}

}  // namespace glow::tools
