#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <ostream>
#include <utility>

#include <unistd.h>

#include <glow/data/order.h>
#include <glow/error.h>
#include <glow/nn/model_file.h>
#include <glow/train/checkpoint.h>
#include <glow/train/run_directory.h>
#include <glow/train/training_run.h>

#include "tools/common/command_line.h"
#include "tools/common/interruption.h"
#include "tools/common/presets.h"
#include "tools/common/processes.h"
#include "tools/common/text.h"
#include "tools/glow_tools.h"
#include "tools/train/run_config.h"
#include "tools/train/train_progress.h"
#include "tools/train/train_settings.h"
#include "tools/train/train_summary.h"
#include "tools/train/trial.h"

namespace glow::tools {
namespace {

namespace fs = std::filesystem;

ToolText train_text() {
  const std::string examples =
      "\nExamples\n"
      "  glow-train --preset demo --out runs/demo\n"
      "  glow-train --preset celeba-hq-256 --data folder:/data/celeba-hq --flip --out runs/faces\n";
  return {.name = "glow-train",
          .purpose = "Trains a Glow, an exact-likelihood model of images.",
          .closing = "Presets\n" + describe_presets(/*with_flags=*/false) + examples,
          .saves_memory = "--memory recompute or reversible, a larger --accumulate or a smaller --batch",
          .common = {"data", "out", "preset", "image-size", "conditional", "steps", "epochs", "batch", "lr", "seed",
                     "resume", "overwrite", "init-from", "dry-run", "quiet", "threads"},
          .full_closing = "Presets\n" + describe_presets(/*with_flags=*/true) + examples};
}

/// One run, from its start or checkpoint to its end or a signal.
class Run {
 public:
  Run(TrainSettings& settings, const Flags& flags, const GivenFlags& given, const Processes& processes,
      Console& console)
      : settings_(settings),
        flags_(flags),
        given_(given),
        processes_(processes),
        console_(console),
        status_(console, settings.run.quiet || !processes.is_root()) {}

  int train() {
    prepare();
    show(settings_.run.dry_run ? console_.out : console_.err, describe_start(settings_, images_, compute_, processes_));
    if (const auto note = small_set_note(settings_, images_); !note.empty()) status_.log(note);
    const bool chooses_precision = find(given_, "precision") == nullptr;
    const auto note = chooses_precision ? precision_note(settings_, compute_, processes_.launch().size) : "";
    if (!note.empty()) status_.log(note);
    if (status_.is_live()) note_busy_cores();
    if (settings_.run.dry_run) return try_out();
    const auto began = std::chrono::steady_clock::now();
    const auto result = run_to_end();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - began;
    show(console_.out, describe_end(settings_, images_, result, time.count()));
    // Rank 0 reports the result of all processes, and may still be writing files.
    if (result.non_finite == 0 || !processes_.is_root()) return kSuccess;
    throw NumericalError(grouped(result.non_finite) + " validation or test images have a density that is not finite");
  }

 private:
  /// The end of a dry run: measures a few steps.
  int try_out() {
    note_interruptions(std::chrono::seconds(2));
    const auto memory = estimate_memory(settings_.model, settings_.training, compute_, processes_.launch().size);
    LongWork work(status_, std::chrono::minutes(1));
    if (settings_.run.dry_run_steps > 0) work.begin("measuring steps");
    const auto trial = try_steps(settings_, images_, compute_, processes_, memory.sum());
    work.end();
    status_.clear();
    show(console_.out, describe_trial(trial, settings_.training, images_.train->size()));
    processes_.communicator()->barrier();  // the store ends with the process that hosts it
    return kSuccess;
  }

  /// Threads that wait for each other are slow when other processes use the cores.
  void note_busy_cores() {
    const bool chooses = settings_.compute.threads == 0 && !processes_.are_several() && compute_.device.is_cpu();
    const auto cores = ::sysconf(_SC_NPROCESSORS_ONLN);  // of the machine, as the load is
    double load = 0;
    if (!chooses || cores < 2 || ::getloadavg(&load, 1) != 1 || load < static_cast<double>(cores)) return;
    const auto all = std::to_string(cores);
    status_.log("note: " + all + " of " + all + " cores are busy: --threads 1 may be faster");
  }

  /// Does all checks that are possible before the model is built.
  void prepare() {
    auto alike = flags_.kept();
    alike.erase("init_from");  // each host has its own path; begin compares the checksum of the file
    alike.update({{"out", settings_.run.out},
                  {"resume", settings_.run.resume},
                  {"accept-data", settings_.run.accept_data},
                  {"dry-run", settings_.run.dry_run},
                  {"dry-run-steps", settings_.run.dry_run_steps},
                  {"process-timeout", settings_.compute.process_timeout}});
    processes_.require_same(alike);
    // After a restart by the launcher, goes_on_by_itself decides later whether the directory contains this run.
    const bool is_checked = !settings_.run.out.empty() && processes_.is_root() && processes_.restarts() == 0;
    if (is_checked) check_out_directory(settings_.run);
    compute_ = start_computing(processes_.own_part(settings_.compute));
    if (!compute_.note.empty()) status_.log(compute_.note);
    processes_.require_same_device(compute_.device);
    open_data();
    fit_to_images(settings_, images_);
    const data::BatchOrder refuses_a_batch_larger_than_the_set(images_.train->size(), settings_.training.batch,
                                                               settings_.training.seed);
  }

  void open_data() {
    // The settings of a resumed run already say which images are held out.
    const std::string start = settings_.run.resume ? "" : settings_.run.init_from;
    const auto before = start.empty() ? std::nullopt : nn::read_model_info(start).training_data;
    images_ = naming_origin([&] {
      return open_images(settings_.data, settings_.training.seed, before, start, shared_opening(processes_, status_));
    });
    status_.clear();
    images_.notes.log(status_);
    if (images_.may_be_known) {
      status_.log("note: " + start +
                  (before ? " was trained on other images than these; where the two overlap, it may have been trained "
                            "on images that are held out here"
                          : " does not say what it was trained on; it may have been trained on images that are held "
                            "out here (if it was on these data by glow-train --seed S, --split-seed S holds out the "
                            "same images)"));
    }
  }

  /// Runs `open`. An error about a value that a run or a model has set, and no flag of this call, names its origin.
  template <class Open>
  ImageSplits naming_origin(Open&& open) const {
    const auto& run = settings_.run;
    try {
      return open();
    } catch (const ConfigError& error) {
      const std::string field(error.field()), text(error.text());
      const bool is_size = field == "image_size";
      if (run.resume && (is_size || field == "resize" || field == "valid_images")) {
        throw ConfigError("data", with_remark(text, field + " of the run"));
      }
      if (run.resume || run.init_from.empty() || !is_size) throw;
      throw ConfigError("init_from", with_remark(text, "the size of " + run.init_from));
    }
  }

  train::RunResult run_to_end() {
    TrainProgress progress(status_, settings_.training);
    // Several processes stop together, which a process that ends by itself would prevent.
    processes_.are_several() ? save_after_interruptions() : note_interruptions();
    progress.begin(settings_.run.resume ? "reading the checkpoint" : "initialising the model");
    auto run = begin(progress.callbacks());
    save_after_interruptions();
    progress.begin_steps(run.steps_done(), run.total_steps());
    if (run.is_complete()) {
      status_.log("complete: " + grouped(run.steps_done()) + " of " + count_text(run.total_steps(), "step") +
                  "; --steps N continues");
    }
    const auto result = run_or_save(run);
    progress.end();
    status_.clear();
    if (result.stopped) {
      status_.log("stopped after step " + std::to_string(result.steps_done) + " of " +
                  std::to_string(run.total_steps()) + "; --resume continues");
      processes_.throw_if_one_was_interrupted();
    }
    return result;
  }

  /// Says what an error leaves behind.
  train::RunResult run_or_save(train::TrainingRun& run) {
    try {
      return run.run();
    } catch (const std::exception&) {
      status_.log("ended by an error after step " + std::to_string(run.steps_done()) + " of " +
                  std::to_string(run.total_steps()) + "; the newest checkpoint is of step " +
                  std::to_string(run.steps_saved()) + ", --resume continues from it");
      throw;
    }
  }

  train::TrainingRun begin(train::RunCallbacks callbacks) {
    const train::RunDirectory directory(settings_.run.out);
    const auto config = make_run_config(settings_, flags_, images_, compute_, processes_.launch().size);
    const bool resumes = settings_.run.resume || goes_on_by_itself(config);
    auto alike = config.model;
    alike.update(config.images);
    if (!resumes && !settings_.run.init_from.empty()) {
      alike["the model file"] = nn::read_model_info(settings_.run.init_from).checksum;
    }
    processes_.require_same(alike);
    const auto expected = settings_.run.accept_data ? without_content(config) : config;
    if (resumes && processes_.is_root()) check_same_run(expected, directory.config());
    callbacks.resumed = [this, config = expected,
                         announce = callbacks.resumed](const train::IntactCheckpoint& checkpoint) {
      check_same_run(config, checkpoint);
      announce(checkpoint);
      const auto changes = changed_arithmetic(config, checkpoint);
      if (!changes.empty()) status_.log("no longer bit for bit the run without the interruption: " + changes);
    };
    callbacks.step = [this, show_step = callbacks.step](const train::StepReport& report) {
      note_capture_failure(report);
      show_step(report);
    };
    const auto model = make_model(settings_, images_, compute_);
    const auto start_or_resume = resumes ? train::TrainingRun::resume : train::TrainingRun::start;
    return start_or_resume(model, {images_.train, images_.valid, images_.test, images_.record}, settings_.training,
                           {directory.root(), to_json_text(config), settings_.run.overwrite}, std::move(callbacks),
                           processes_.communicator());
  }

  /// Each process captures its own graph, so that this is not always rank 0, whose status line is the only one.
  void note_capture_failure(const train::StepReport& report) {
    if (report.capture_failure.empty()) return;
    const auto text = "note: from step " + grouped(report.step) +
                      " on without a CUDA graph, whose capture failed: " + report.capture_failure;
    if (processes_.is_root()) return status_.log(text);
    console_.err << "rank " + std::to_string(processes_.launch().rank) + ": " + text + "\n" << std::flush;
  }

  /// Whether this call resumes by itself: a launcher has restarted all processes after a failure, and the directory
  /// contains a run with the same options and a checkpoint.
  bool goes_on_by_itself(const RunConfig& config) const {
    bool goes_on = false;
    if (processes_.is_root() && processes_.restarts() > 0) {
      const train::RunDirectory directory(settings_.run.out);
      goes_on = fs::exists(directory.config()) && is_alike(read_run_config(directory.config()), config) &&
                train::newest_intact_checkpoint(directory.checkpoints());
      if (!goes_on) check_out_directory(settings_.run);
    }
    return processes_.communicator()->any(goes_on);
  }

  void show(std::ostream& stream, const std::string& text) const {
    if (!settings_.run.quiet && processes_.is_root()) stream << text << std::flush;
  }

  TrainSettings& settings_;
  const Flags& flags_;
  /// Of the command line.
  const GivenFlags& given_;
  const Processes& processes_;
  Console& console_;
  StatusLine status_;
  Compute compute_;
  ImageSplits images_;
};

int train_model(Arguments arguments, Processes& processes, Console& console) {
  TrainSettings settings;
  Flags flags(train_flag_table());
  flags.bind(settings);
  const auto given = parse_joining(train_text(), flags, arguments, settings.compute, processes, console);
  if (!given) return kSuccess;
  try {
    return flags.naming_flags([&] {
      resolve_settings(settings, flags, *given);
      return Run(settings, flags, *given, processes, console).train();
    });
  } catch (const ConfigError& error) {
    throw with_origin(error, settings.run.preset, *given);
  }
}

}  // namespace

int run_glow_train(Arguments arguments, Console& console) {
  return run_tool(train_text(), console,
                  [&](Processes& processes) { return train_model(arguments, processes, console); });
}

}  // namespace glow::tools
