#include <glow/train/training_run.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/error.h>
#include <glow/evaluate/score.h>
#include <glow/io/image.h>
#include <glow/nn/model_file.h>
#include <glow/train/run_directory.h>

#include "support/files.h"
#include "support/pictures.h"
#include "support/temporary_directory.h"
#include "support/throws.h"
#include "support/tiny_training.h"

namespace glow::train::training_run_test {
namespace {

using glow::testing::get;
using glow::testing::kTinySize;
using glow::testing::make_picture;
using glow::testing::PictureSource;
using glow::testing::put;
using glow::testing::started_tiny_model;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;
using glow::testing::tiny_images;
using glow::testing::tiny_model;
using glow::testing::tiny_options;
namespace fs = std::filesystem;

constexpr const char* kConfig = R"({"name": "tiny"})";

/// 10 training images: not a whole number of batches.
RunData tiny_data() { return {tiny_images(10), tiny_images(6, 10), nullptr}; }

TrainingRun start(const fs::path& directory, const TrainOptions& options = tiny_options(),
                  RunCallbacks callbacks = {}) {
  return TrainingRun::start(tiny_model(), tiny_data(), options, {directory, kConfig}, std::move(callbacks));
}

/// Resumes with a model of another seed, whose weights the checkpoint replaces.
TrainingRun resume(const fs::path& directory, const TrainOptions& options = tiny_options(),
                   RunCallbacks callbacks = {}) {
  return TrainingRun::resume(tiny_model(0, /*seed=*/77), tiny_data(), options, {directory, kConfig},
                             std::move(callbacks));
}

/// Stops at the `times`-th call of should_stop: after a step, or between the batches of evaluations and pictures.
RunCallbacks stopping_at(std::int64_t times) {
  auto asked = std::make_shared<std::int64_t>(0);
  return {.should_stop = [=] { return ++*asked == times; }};
}

RunCallbacks stopping_after(std::int64_t steps) {
  auto done = std::make_shared<std::int64_t>(0);
  return {.step = [=](const StepReport& report) { *done = report.step; },
          .should_stop = [=] { return *done == steps; }};
}

/// The relative paths of all files.
std::set<std::string> files_in(const fs::path& directory) {
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files.insert(fs::relative(entry.path(), directory));
  }
  return files;
}

std::map<std::string, std::string> files_with_content(const fs::path& directory) {
  std::map<std::string, std::string> content;
  for (const auto& file : files_in(directory)) content[file] = get(directory / file);
  return content;
}

std::vector<nlohmann::json> lines_of(const fs::path& path) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(get(path));
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

/// The steps of the lines that have a key.
std::vector<std::int64_t> steps_with(const fs::path& path, const std::string& key) {
  std::vector<std::int64_t> steps;
  for (const auto& line : lines_of(path)) {
    if (line.contains(key)) steps.push_back(line.at("step").get<std::int64_t>());
  }
  return steps;
}

/// Whether a file's content depends on the clock; the report shows the timing.
bool is_timed(const std::string& file) { return file == "timing.jsonl" || file == "report.html"; }

/// The record in the report.
nlohmann::json reported(const fs::path& directory) {
  const auto page = get(RunDirectory(directory).report());
  const std::string before = "<script id=\"data\" type=\"application/json\">";
  const auto begin = page.find(before) + before.size();
  return nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin)).at("record");
}

/// Compares all files except those that depend on the clock.
void expect_same_files(const fs::path& one, const fs::path& other) {
  EXPECT_EQ(files_in(one), files_in(other));
  for (const auto& file : files_in(one)) {
    EXPECT_TRUE(is_timed(file) || get(one / file) == get(other / file)) << file;
  }
}

using Steps = std::vector<std::int64_t>;

/// The directory of an uninterrupted run, made once.
const fs::path& whole_run() {
  static const TemporaryDirectory directory;
  [[maybe_unused]] static const auto result = start(directory.path()).run();
  return directory.path();
}

TEST(TrainingRun, WritesTheFilesOfItsDirectory) {
  const TemporaryDirectory directory;
  const RunDirectory files(directory / "a" / "b");
  auto data = tiny_data();
  data.test = tiny_images(5, 20);
  auto run = TrainingRun::start(tiny_model(), data, tiny_options(), {files.root(), kConfig});
  EXPECT_EQ(run.total_steps(), 12);
  const auto result = run.run();

  EXPECT_FALSE(result.stopped);
  EXPECT_EQ(result.steps_done, 12);
  EXPECT_EQ(files_in(files.root()),
            (std::set<std::string>{"config.json", "metrics.jsonl", "timing.jsonl", "model.safetensors", "report.html",
                                   "checkpoints/step-000000009.safetensors", "checkpoints/step-000000012.safetensors",
                                   "samples/step-000000006.png", "samples/step-000000012.png",
                                   "samples/interpolations.png", "samples/levels.png", "samples/temperatures.png"}));
  EXPECT_EQ(get(files.config()), kConfig);
  EXPECT_EQ(steps_with(files.metrics(), "bits_per_dim"), (Steps{2, 4, 6, 8, 10, 12}));
  EXPECT_EQ(steps_with(files.metrics(), "valid_bits_per_dim"), (Steps{4, 8, 12}));
  EXPECT_EQ(steps_with(files.metrics(), "test_bits_per_dim"), (Steps{12}));
  EXPECT_EQ(steps_with(files.timing(), "images_per_second"), (Steps{2, 4, 6, 8, 10, 12}));
  EXPECT_EQ(steps_with(files.timing(), "valid_images_per_second"), (Steps{4, 8, 12}));
  for (const auto& line : lines_of(files.timing())) {
    EXPECT_GT(line.at("seconds").get<double>(), 0);
    EXPECT_GT(line.at("peak_memory_bytes").get<std::int64_t>(), 1 << 20);
  }
  const auto grid = io::read_image_shape(files.sample_grid(12));
  EXPECT_EQ(grid, (io::ImageShape{6 * 6 - 2, 6 * 6 - 2, 1}));

  ASSERT_TRUE(result.test.has_value());
  EXPECT_EQ(result.test->images, 5);
  EXPECT_EQ(result.test->bits_per_dim.mean, lines_of(files.metrics()).back().at("test_bits_per_dim").get<double>());
}

/// Noise images, whose likelihood decreases while a model learns the ramps of tiny_images.
std::shared_ptr<const data::Images> noise_images() {
  std::vector<io::Image> pictures;
  for (std::uint32_t seed = 1; seed <= 6; ++seed) pictures.push_back(make_picture(kTinySize, kTinySize, 1, seed));
  return std::make_shared<const data::Images>(std::make_shared<PictureSource>(pictures),
                                              data::Geometry{.height = kTinySize, .width = kTinySize});
}

TEST(TrainingRun, KeepsTheModelOfTheBestEvaluation) {
  const TemporaryDirectory directory;
  auto options = tiny_options();
  options.learning_rate = 0.02;
  options.eval_every = 2;
  const RunData data{tiny_images(10), noise_images(), nullptr};
  std::vector<double> bits;
  double best = std::numeric_limits<double>::infinity();
  const auto evaluated = [&](std::int64_t step, const evaluate::ScoreSummary& score, const Monitors&, bool is_best) {
    bits.push_back(score.bits_per_dim.mean);
    EXPECT_EQ(step, 2 * static_cast<std::int64_t>(bits.size()));
    EXPECT_EQ(is_best, score.bits_per_dim.mean < best);
    best = std::min(best, score.bits_per_dim.mean);
  };
  const RunCallbacks callbacks{.evaluated = evaluated};
  const auto result = TrainingRun::start(tiny_model(), data, options, {directory.path(), kConfig}, callbacks).run();
  ASSERT_EQ(bits.size(), 6U);
  EXPECT_GT(bits.back(), best);
  EXPECT_EQ(result.best_bits_per_dim, best);
  EXPECT_EQ(bits.at(static_cast<std::size_t>(result.best_step / 2 - 1)), best);
  auto model = nn::load_model(RunDirectory(directory.path()).model());
  const auto scores =
      evaluate::score(model, *data.valid, {.batch = options.batch, .stream = ops::Stream::kValidationNoise});
  EXPECT_EQ(evaluate::summarise(scores).bits_per_dim.mean, best);
}

/// Bits/dim of every image under the noise of the run's evaluations, computed all at once: float64 [N].
torch::Tensor bits_of_each(nn::Glow& model, const data::Images& images, std::uint64_t seed) {
  const torch::NoGradGuard no_grad;
  std::vector<std::int64_t> indices(static_cast<std::size_t>(images.size()));
  std::iota(indices.begin(), indices.end(), 0);
  const auto x = model->quantizer().dequantize(
      images.bytes(indices), 0, {.seed = seed, .stream = ops::Stream::kValidationNoise, .dtype = model->dtype()});
  const auto labels = model->options().num_classes > 0 ? images.labels(indices) : torch::Tensor();
  return model->quantizer().bits_per_dim(model->log_prob(x, labels)).to(at::kDouble);
}

class RunEvaluation : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(RunEvaluation, ScoresEveryImageOnce) {
  auto data = tiny_data();
  data.valid = tiny_images(10, 10);
  for (const std::int64_t classes : {0, 3}) {
    const TemporaryDirectory directory;
    auto options = tiny_options();
    options.batch = GetParam();
    options.steps = 1;
    options.ema_decay = 0;
    options.seed = 5;
    auto model = tiny_model(classes);
    model->to(at::kDouble);
    std::optional<evaluate::ScoreSummary> score;
    std::vector<std::pair<std::int64_t, std::int64_t>> seen;
    RunCallbacks callbacks;
    callbacks.evaluated = [&](auto, const evaluate::ScoreSummary& evaluated, auto&, auto) { score = evaluated; };
    callbacks.evaluating = [&](const auto&, std::int64_t done, std::int64_t all) { seen.emplace_back(done, all); };
    TrainingRun::start(model, data, options, {directory.path(), kConfig}, callbacks).run();
    ASSERT_TRUE(score);
    const auto expected = bits_of_each(model, *data.valid, options.seed);
    EXPECT_EQ(score->images, 10);
    EXPECT_EQ(score->non_finite, 0);
    EXPECT_NEAR(score->bits_per_dim.mean, expected.mean().item<double>(), 1e-12);
    const auto variance = (expected - expected.mean()).square().sum().item<double>() / 9;
    EXPECT_NEAR(score->bits_per_dim.standard_error, std::sqrt(variance / 10), 1e-12);
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const auto done = std::min<std::int64_t>(10, options.batch * static_cast<std::int64_t>(i + 1));
      EXPECT_EQ(seen[i], std::pair(done, std::int64_t{10}));
    }
    EXPECT_EQ(static_cast<std::int64_t>(seen.size()), (10 + options.batch - 1) / options.batch);
  }
}

INSTANTIATE_TEST_SUITE_P(Batches, RunEvaluation, ::testing::Values(1, 3, 5, 10));

TEST(TrainingRun, RepeatsBitForBit) {
  const TemporaryDirectory again, another_seed;
  start(again.path()).run();
  expect_same_files(whole_run(), again.path());
  auto options = tiny_options();
  options.seed = 1;
  options.steps = options.log_every;
  start(another_seed.path(), options).run();
  EXPECT_NE(lines_of(RunDirectory(again.path()).metrics()).front(),
            lines_of(RunDirectory(another_seed.path()).metrics()).front());
}

/// Compares all files except those that depend on the clock and checkpoints before the last, which depend on stops.
void expect_same_end(const fs::path& one, const fs::path& other) {
  const auto last = fs::path("checkpoints") / "step-000000012.safetensors";
  const auto without_checkpoints = [](auto files) {
    std::erase_if(files, [](const auto& file) { return file.starts_with("checkpoints"); });
    return files;
  };
  EXPECT_EQ(without_checkpoints(files_in(one)), without_checkpoints(files_in(other)));
  for (const auto& file : files_in(one)) {
    if (is_timed(file) || (file.starts_with("checkpoints") && file != last)) continue;
    EXPECT_EQ(get(one / file), get(other / file)) << file;
  }
}

/// Batches of 4 images: 9 for the grid, 8 for the temperatures, 2 to encode pairs and 7 for their interpolations, 2 to
/// encode images and 5 for the levels.
constexpr int kPictureBatches = 9 + 8 + (2 + 7) + (2 + 5);

TEST(StoppedRun, ResumesExactlyAfterAStopAtAnyPoint) {
  const auto options = tiny_options();
  std::int64_t times = 1, in_between = 0;
  for (;; ++times) {
    const TemporaryDirectory stopped;
    const auto first = start(stopped.path(), options, stopping_at(times)).run();
    if (!first.stopped) break;
    const auto newest = newest_intact_checkpoint(RunDirectory(stopped.path()).checkpoints());
    ASSERT_TRUE(newest);
    EXPECT_EQ(newest->content.state.step, first.steps_done);
    in_between += newest->content.state.unfinished ? 1 : 0;
    // Simulates a run that died after its checkpoint: later lines, a truncated line and a partial file.
    std::ofstream(RunDirectory(stopped.path()).metrics(), std::ios::app) << "{\"step\":13,\"bits_per_dim\":1}\n{\"ste";
    put(stopped.path() / ".model.safetensors.0123abcd.tmp", "half");

    auto rest = resume(stopped.path());
    EXPECT_EQ(rest.steps_done(), first.steps_done);
    const auto second = rest.run();
    EXPECT_FALSE(second.stopped);
    EXPECT_EQ(second.steps_done, 12);
    expect_same_end(whole_run(), stopped.path());
    EXPECT_FALSE(fs::exists(stopped.path() / ".model.safetensors.0123abcd.tmp"));
    EXPECT_EQ(steps_with(RunDirectory(stopped.path()).timing(), "images_per_second"), (Steps{2, 4, 6, 8, 10, 12}));
  }
  // 11 steps before the last one; 3 evaluations of 2 batches, and pictures twice.
  EXPECT_EQ(times - 1, 11 + 3 * 2 + 2 * kPictureBatches);
  EXPECT_EQ(in_between, 3 * 2 + 2 * kPictureBatches);
}

TEST(StoppedRun, CompletesDespiteRepeatedStops) {
  const TemporaryDirectory stopped;
  start(stopped.path(), tiny_options(), stopping_at(1)).run();
  // Exactly enough calls for the last step, which is not interrupted: an evaluation of 2 batches, and the pictures.
  const auto enough = 2 + kPictureBatches + 1;
  int resumes = 0;
  while (resume(stopped.path(), tiny_options(), stopping_at(enough)).run().stopped) ++resumes;
  EXPECT_GE(resumes, 2);
  expect_same_end(whole_run(), stopped.path());
}

TEST(StoppedRun, ErrorsCostNoStep) {
  for (const bool in_evaluation : {false, true}) {
    const TemporaryDirectory failed;
    RunCallbacks callbacks;
    if (in_evaluation) {
      callbacks.evaluating = [](const std::string&, std::int64_t done, std::int64_t) {
        if (done > 0) throw std::runtime_error("fails");
      };
    } else {
      callbacks.step = [](const StepReport& report) {
        if (report.step == 7) throw std::runtime_error("fails");
      };
    }
    auto options = tiny_options();
    options.checkpoint_every = 0;
    const std::int64_t expected = in_evaluation ? 4 : 7;
    {
      auto run = start(failed.path(), options, callbacks);
      EXPECT_THROW(run.run(), std::runtime_error);
      EXPECT_EQ(run.steps_saved(), expected);
    }
    EXPECT_EQ(newest_intact_checkpoint(RunDirectory(failed.path()).checkpoints())->content.state.step, expected);
    resume(failed.path()).run();
    expect_same_end(whole_run(), failed.path());
  }
}

TEST(StoppedRun, DiscardsEvaluationsOfAFailedResume) {
  // Stopped between the batches of the first evaluation, in step 4.
  const TemporaryDirectory stopped;
  start(stopped.path(), tiny_options(), stopping_at(4)).run();
  const auto newest = newest_intact_checkpoint(RunDirectory(stopped.path()).checkpoints());
  ASSERT_TRUE(newest);
  ASSERT_EQ(newest->content.state.step, 4);
  ASSERT_TRUE(newest->content.state.unfinished);
  // A resume finishes the step, continues and dies before its next checkpoint.
  const TemporaryDirectory before;
  fs::copy(stopped.path(), before.path(), fs::copy_options::recursive);
  // Before this error a run writes no checkpoint.
  const auto dies = [](const StepReport&) { throw NumericalError("diverged"); };
  EXPECT_THROW(resume(stopped.path(), tiny_options(), {.step = dies}).run(), NumericalError);
  ASSERT_EQ(steps_with(RunDirectory(stopped.path()).metrics(), "valid_bits_per_dim"), Steps{4});
  ASSERT_EQ(files_in(stopped / "checkpoints"), files_in(before / "checkpoints"));
  resume(stopped.path()).run();
  expect_same_end(whole_run(), stopped.path());
}

TEST(StoppedRun, ResumeCompletesAnInterruptedTestEvaluation) {
  const auto data = [] {
    auto tested = tiny_data();
    tested.test = tiny_images(6, 16);
    return tested;
  };
  const TemporaryDirectory whole, stopped;
  const auto expected = TrainingRun::start(tiny_model(), data(), tiny_options(), {whole.path(), kConfig}).run();
  ASSERT_TRUE(expected.test);
  // Between the two batches of the test images.
  bool testing = false;
  const RunCallbacks callbacks{.evaluating = [&](const auto& what, auto, auto) { testing = what == "test"; },
                               .should_stop = [&] { return testing; }};
  const auto first =
      TrainingRun::start(tiny_model(), data(), tiny_options(), {stopped.path(), kConfig}, callbacks).run();
  EXPECT_TRUE(first.stopped);
  EXPECT_FALSE(first.test);
  EXPECT_EQ(first.steps_done, 12);
  const auto second = TrainingRun::resume(tiny_model(), data(), tiny_options(), {stopped.path(), kConfig}).run();
  ASSERT_TRUE(second.test);
  EXPECT_EQ(second.test->bits_per_dim.mean, expected.test->bits_per_dim.mean);
  expect_same_end(whole.path(), stopped.path());
}

TEST(TrainingRun, ResultIsEqualUnderInferenceMode) {
  const auto& expected = whole_run();
  const TemporaryDirectory directory;
  const c10::InferenceMode inference;
  start(directory.path(), tiny_options(), stopping_after(5)).run();
  resume(directory.path()).run();
  expect_same_end(expected, directory.path());
}

TEST(TrainingRun, ResumeRefusesOptionsThatContradictTheCheckpoint) {
  const TemporaryDirectory directory;
  start(directory.path()).run();
  const auto before = files_with_content(directory.path());
  auto shorter = tiny_options();
  shorter.steps = 6;
  EXPECT_TRUE(throws<ConfigError>([&] { resume(directory.path(), shorter); }, {"steps: ", "has done 12", "got 6"}));
  shorter.steps = 0;
  shorter.epochs = 1;
  EXPECT_TRUE(throws<ConfigError>([&] { resume(directory.path(), shorter); }, {"epochs: ", "has done 12", "got 3"}));
  auto other = tiny_options();
  other.ema_decay = 0.999;
  EXPECT_TRUE(throws<ConfigError>([&] { resume(directory.path(), other); }, {"ema_decay: ", "step-000000012"}));
  other = tiny_options();
  other.batch = 2;
  EXPECT_TRUE(throws<ConfigError>([&] { resume(directory.path(), other); }, {"batch: ", "4, got 2"}));
  EXPECT_EQ(files_with_content(directory.path()), before);
}

TEST(TrainingRun, StoresTheTrainingDataInTheModelFile) {
  const TemporaryDirectory directory;
  auto options = tiny_options();
  options.seed = 5;
  options.batch = 5;
  auto model = started_tiny_model();
  model->set_training_data(
      nn::TrainingData{.source = "of another training", .images = 1, .fingerprint = std::string(64, 'b')});
  auto data = tiny_data();
  const auto written = [&](const std::optional<nn::TrainingData>& record) {
    data.training_data = record;
    TrainingRun::start(nn::Glow(std::dynamic_pointer_cast<nn::GlowImpl>(model->clone())), data, options,
                       {directory.path(), kConfig, /*overwrite=*/true})
        .run();
    return nn::read_model_info(RunDirectory(directory.path()).model()).training_data;
  };
  EXPECT_EQ(written(std::nullopt), std::nullopt);
  nn::TrainingData record{.source = "made up", .images = 16, .fingerprint = std::string(64, 'a'), .held_out = 6};
  const auto read = written(record);
  record.seed = 5;
  record.batch = 5;
  EXPECT_EQ(read, record);
  record.fingerprint.clear();
  EXPECT_TRUE(throws<ConfigError>([&] { written(record); }, {"fingerprint: "}));
}

TEST(TrainingRun, ResumesFromStepZero) {
  const TemporaryDirectory directory;
  start(directory.path());
  EXPECT_EQ(files_in(directory.path()), (std::set<std::string>{"checkpoints/step-000000000.safetensors", "config.json",
                                                               "metrics.jsonl", "report.html", "timing.jsonl"}));
  auto run = resume(directory.path());
  EXPECT_EQ(run.steps_done(), 0);
  run.run();
  expect_same_files(whole_run(), directory.path());
}

/// Describes how a run of tiny_options diverges.
struct Breakage {
  std::string name;
  /// The step after which a weight is not finite.
  std::int64_t step = 8;
  /// The run diverges only at this learning rate or a larger one.
  double lowest_rate = tiny_options().learning_rate;
  std::int64_t keep = 2;
  /// The step that the run goes back to.
  std::int64_t good_step = 6;
};

class BreakingRun {
 public:
  explicit BreakingRun(const Breakage& breakage) : breakage_(breakage) {
    options_.skip_limit = 2;
    options_.keep = breakage.keep;
  }

  RunCallbacks callbacks() {
    RunCallbacks callbacks;
    callbacks.step = [this](const StepReport& report) {
      if (report.step != breakage_.step || report.learning_rate < breakage_.lowest_rate) return;
      const torch::NoGradGuard no_grad;
      model_->named_parameters()["levels.1.steps.0.coupling.net.conv1.weight"].select(0, 0).fill_(std::nan(""));
    };
    callbacks.rolled_back = [this](const Rollback& rollback) { rollbacks_.push_back(rollback); };
    return callbacks;
  }
  RunResult start(const fs::path& directory) { return start(directory, callbacks()); }
  RunResult start(const fs::path& directory, RunCallbacks callbacks) {
    return TrainingRun::start(model_, tiny_data(), options_, {directory, kConfig}, std::move(callbacks)).run();
  }
  RunResult resume(const fs::path& directory) { return resume(directory, callbacks()); }
  RunResult resume(const fs::path& directory, RunCallbacks callbacks) {
    return TrainingRun::resume(model_, tiny_data(), options_, {directory, kConfig}, std::move(callbacks)).run();
  }
  const std::vector<Rollback>& rollbacks() const { return rollbacks_; }

 private:
  Breakage breakage_;
  TrainOptions options_ = tiny_options();
  nn::Glow model_ = tiny_model();
  std::vector<Rollback> rollbacks_;
};

class DivergedRun : public ::testing::TestWithParam<Breakage> {};

TEST_P(DivergedRun, RollsBackToAGoodCheckpointAndHalvesTheLearningRate) {
  const TemporaryDirectory directory;
  BreakingRun broken(GetParam());
  auto callbacks = broken.callbacks();
  double best = std::numeric_limits<double>::infinity();
  callbacks.evaluated = [&](auto, const evaluate::ScoreSummary& score, auto&, bool is_best) {
    EXPECT_EQ(is_best, score.bits_per_dim.mean < best) << "of all evaluations, those of undone steps too";
    best = std::min(best, score.bits_per_dim.mean);
  };
  const auto result = broken.start(directory.path(), callbacks);
  EXPECT_EQ(result.best_bits_per_dim, best);
  EXPECT_EQ(result.steps_done, 12);
  EXPECT_EQ(result.rollbacks, 1);
  EXPECT_EQ(result.skipped, 0);  // the skipped steps were undone
  ASSERT_EQ(broken.rollbacks().size(), 1U);
  // Two steps were skipped. The run does not go back to a checkpoint of broken weights or of a skipped step.
  const auto& rollback = broken.rollbacks().front();
  const auto good = GetParam().good_step;
  EXPECT_EQ(std::tuple(rollback.from_step, rollback.to_step, rollback.count), std::tuple(GetParam().step + 2, good, 1));
  EXPECT_EQ(rollback.not_finite, "levels.1.steps.0.coupling.net.conv1");

  const RunDirectory files(directory.path());
  EXPECT_EQ(steps_with(files.metrics(), "rollbacks"), Steps{good});
  EXPECT_EQ(steps_with(files.metrics(), "bits_per_dim"), (Steps{2, 4, 6, 8, 10, 12}));
  EXPECT_EQ(steps_with(files.metrics(), "valid_bits_per_dim"), (Steps{4, 8, 12}));
  for (const auto& line : lines_of(files.metrics())) {
    if (!line.contains("learning_rate")) continue;
    const auto rate = tiny_options().learning_rate * (line.at("step") > good ? 0.5 : 1);
    EXPECT_EQ(line.at("learning_rate").get<double>(), rate) << line;
  }
  EXPECT_EQ(newest_intact_checkpoint(files.checkpoints())->content.state.rollbacks, 1);
  // The run's page, made from memory, must equal the page made from its files.
  const auto page = get(files.report());
  write_report(files);
  EXPECT_TRUE(get(files.report()) == page);
}

TEST_P(DivergedRun, ResumesExactlyAfterAStopAtAnyPoint) {
  const TemporaryDirectory whole;
  BreakingRun(GetParam()).start(whole.path());
  std::int64_t times = 1;
  for (;; ++times) {
    const TemporaryDirectory stopped;
    BreakingRun broken(GetParam());
    auto callbacks = broken.callbacks();
    callbacks.should_stop = [asked = std::int64_t{0}, times]() mutable { return ++asked == times; };
    if (!broken.start(stopped.path(), callbacks).stopped) break;
    BreakingRun(GetParam()).resume(stopped.path());
    expect_same_end(whole.path(), stopped.path());
  }
  // There are more places to stop than in a run that does not diverge.
  EXPECT_GT(times - 1, 11 + 3 * 2 + 2 * kPictureBatches);
}

TEST_P(DivergedRun, CompletesDespiteAStopAtEveryStep) {
  const TemporaryDirectory whole, stopped;
  BreakingRun(GetParam()).start(whole.path());
  const auto stopping = [](BreakingRun& broken) {
    auto stepped = std::make_shared<bool>(false);
    auto callbacks = broken.callbacks();
    callbacks.step = [=, step = callbacks.step](const StepReport& report) {
      step(report);
      *stepped = true;
    };
    callbacks.should_stop = [=] { return *stepped; };
    return callbacks;
  };
  BreakingRun first(GetParam());
  bool is_over = !first.start(stopped.path(), stopping(first)).stopped;
  while (!is_over) {
    BreakingRun next(GetParam());
    is_over = !next.resume(stopped.path(), stopping(next)).stopped;
  }
  expect_same_end(whole.path(), stopped.path());
}

TEST_P(DivergedRun, ResumesExactlyAfterACrashAfterAnyFile) {
  const TemporaryDirectory whole;
  BreakingRun(GetParam()).start(whole.path());
  for (int files = 1;; ++files) {
    const TemporaryDirectory dead;
    BreakingRun broken(GetParam());
    auto callbacks = broken.callbacks();
    callbacks.wrote = [written = 0, files](const fs::path&) mutable {
      if (++written == files) throw std::exception();
    };
    try {
      broken.start(dead.path(), callbacks);
      EXPECT_GE(files, 9);
      break;
    } catch (const Error&) {
      throw;
    } catch (const std::exception&) {
      BreakingRun(GetParam()).resume(dead.path());
      expect_same_end(whole.path(), dead.path());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, DivergedRun,
                         ::testing::Values(Breakage{.name = "BetweenCheckpoints"},
                                           Breakage{.name = "AfterACheckpoint", .step = 6, .good_step = 3},
                                           Breakage{.name = "WithOneKeptCheckpoint", .keep = 1}),
                         [](const auto& test) { return test.param.name; });

TEST(UnrecoverableRun, FailsAfterTwoRollbacksAndKeepsItsCheckpoints) {
  const TemporaryDirectory directory;
  BreakingRun broken({.name = "always", .lowest_rate = 0});
  EXPECT_TRUE(throws<NumericalError>([&] { broken.start(directory.path()); },
                                     {"step 10", "levels.1.steps.0.coupling.net.conv1", "2 returns"}));
  EXPECT_EQ(broken.rollbacks().size(), 2U);
  EXPECT_EQ(reported(directory.path())["skipped_steps"], (nlohmann::json{9, 10}));
  const auto last = newest_intact_checkpoint(RunDirectory(directory.path()).checkpoints());
  EXPECT_EQ(std::tuple(last->content.state.step, last->content.state.rollbacks), std::tuple(6, 2));
}

TEST(UnrecoverableRun, NamesTheLayerIfThereIsNoEarlierCheckpoint) {
  const TemporaryDirectory directory;
  BreakingRun broken({.name = "only one", .step = 9, .keep = 1});
  EXPECT_TRUE(throws<NumericalError>([&] { broken.start(directory.path()); },
                                     {"levels.1.steps.0.coupling.net.conv1", "no earlier checkpoint"}));
}

TEST(TrainingRun, CountsAndLogsSkippedSteps) {
  const TemporaryDirectory directory;
  nn::Glow model = tiny_model();
  torch::Tensor weight, sound;
  const auto break_step_5 = [&](const StepReport& report) {
    const torch::NoGradGuard no_grad;
    weight = model->named_parameters()["levels.0.steps.0.actnorm.bias"][0];
    if (report.step == 4) {
      sound = weight.clone();
      weight.fill_(std::nan(""));
    }
    EXPECT_EQ(report.skipped, report.step == 5);
    if (report.step == 5) weight.copy_(sound);
  };
  const auto result =
      TrainingRun::start(model, tiny_data(), tiny_options(), {directory.path(), kConfig}, {.step = break_step_5}).run();
  EXPECT_EQ(result.skipped, 1);
  const RunDirectory files(directory.path());
  EXPECT_EQ(steps_with(files.metrics(), "skipped"), Steps{5});
  EXPECT_EQ(newest_intact_checkpoint(files.checkpoints())->content.state.skipped, 1);
}

TEST(TrainingRun, CountsImagesWithoutAFiniteDensity) {
  const TemporaryDirectory directory;
  auto options = tiny_options();
  options.steps = 2;
  options.learning_rate = 1e30;
  auto data = tiny_data();
  data.test = tiny_images(5, 20);
  const auto result = TrainingRun::start(tiny_model(), data, options, {directory.path(), kConfig}).run();
  EXPECT_EQ(result.skipped, 1);
  EXPECT_EQ(result.test->non_finite, 5);
  EXPECT_EQ(result.non_finite, 6 + 5);
}

TEST(TrainingRun, LogsMonitorsWithEachEvaluation) {
  const auto lines = lines_of(RunDirectory(whole_run()).metrics());
  for (const auto& line : lines) {
    if (!line.contains("valid_bits_per_dim")) continue;
    for (const auto* error :
         {"valid_reconstruction_error", "constant_reconstruction_error", "noise_reconstruction_error"}) {
      EXPECT_LT(line.at(error).get<double>(), 1e-4) << error;
    }
    EXPECT_EQ(line.at("smallest_singular_values").size(), 2U);
    EXPECT_GT(line.at("largest_scale").get<double>(), 0);
  }
}

TEST(TrainingRun, UpdatesItsReport) {
  const TemporaryDirectory directory;
  const auto steps = std::make_shared<std::vector<std::int64_t>>();
  const auto note = [=, &directory](const StepReport&) {
    steps->push_back(reported(directory.path())["last_step"].get<std::int64_t>());
  };
  start(directory.path(), tiny_options(), {.step = note}).run();
  // The page at each step: written after evaluations (4, 8), grids (6) and checkpoints (3, 6, 9) with the lines so far.
  EXPECT_EQ(*steps, (Steps{0, 0, 0, 2, 4, 4, 6, 6, 8, 8, 8, 8}));
  EXPECT_EQ(reported(directory.path())["last_step"], 12);
  EXPECT_EQ(reported(directory.path())["curves"]["valid_bits_per_dim"]["steps"], (Steps{4, 8, 12}));
}

TEST(TrainingRun, LocksItsDirectory) {
  const TemporaryDirectory directory;
  {
    const auto run = start(directory.path());
    EXPECT_TRUE(throws<IoError>([&] { resume(directory.path()); }, {directory.path().string(), "another process"}));
  }
  start(directory / "other").run();
  EXPECT_TRUE(resume(directory / "other").steps_done() == 12);
}

TEST(TrainingRun, ResumesFromTheNewestIntactCheckpoint) {
  const TemporaryDirectory damaged;
  start(damaged.path(), tiny_options(), stopping_after(8)).run();
  const auto newest = RunDirectory(damaged.path()).checkpoints() / "step-000000008.safetensors";
  put(newest, get(newest).substr(0, 1000));
  std::size_t skipped = 0;
  auto run = resume(damaged.path(), tiny_options(),
                    {.resumed = [&](const IntactCheckpoint& checkpoint) { skipped = checkpoint.damaged.size(); }});
  EXPECT_EQ(skipped, 1U);
  EXPECT_EQ(run.steps_done(), 6);
  run.run();
  expect_same_files(whole_run(), damaged.path());
}

TEST(TrainingRun, KeepsAnAutomaticWarmUpWhenItGetsLonger) {
  const TemporaryDirectory directory;
  auto options = tiny_options();
  options.warmup_epochs = kAutomatic;
  options.steps = 40;
  options.eval_every = options.sample_every = options.checkpoint_every = 0;
  std::vector<double> rates;
  const RunCallbacks callbacks{.step = [&](const StepReport& report) { rates.push_back(report.learning_rate); }};
  EXPECT_FALSE(start(directory.path(), options, callbacks).is_complete());
  for (const std::int64_t steps : {40, 41, 400}) {
    options.steps = steps;
    auto run = resume(directory.path(), options, callbacks);
    run.run();
    EXPECT_TRUE(run.is_complete());
  }
  ASSERT_EQ(rates.size(), 400u);
  for (std::size_t step = 0; step < rates.size(); ++step) {
    EXPECT_DOUBLE_EQ(rates[step], options.learning_rate * std::min<double>(1, static_cast<double>(step) / 4)) << step;
  }
}

TEST(TrainingRun, ResumesWithMoreSteps) {
  const TemporaryDirectory extended;
  auto half = tiny_options();
  half.steps = 6;
  start(extended.path(), half).run();
  resume(extended.path()).run();
  const auto last_state = [](const fs::path& run) {
    return newest_intact_checkpoint(RunDirectory(run).checkpoints())->content.state;
  };
  EXPECT_EQ(last_state(extended.path()).step, 12);
  EXPECT_TRUE(last_state(extended.path()).average.equal(last_state(whole_run()).average));
}

TEST(TrainingRun, ReturnsAtOnceIfComplete) {
  const TemporaryDirectory directory;
  const auto first = start(directory.path()).run();
  const auto before = get(RunDirectory(directory.path()).timing());
  bool stepped = false;
  auto run = resume(directory.path(), tiny_options(), {.step = [&](const StepReport&) { stepped = true; }});
  const auto again = run.run();
  EXPECT_FALSE(stepped);
  EXPECT_EQ(again.steps_done, 12);
  EXPECT_EQ(again.best_step, first.best_step);
  EXPECT_EQ(again.best_bits_per_dim, first.best_bits_per_dim);
  EXPECT_EQ(get(RunDirectory(directory.path()).timing()), before);
}

TEST(TrainingRun, ComputesStepsFromEpochs) {
  const TemporaryDirectory directory;
  auto options = tiny_options();
  options.steps = 0;
  options.epochs = 2;
  EXPECT_EQ(start(directory / "two", options).total_steps(), 5);
  options.epochs = 2.1;
  EXPECT_EQ(start(directory / "more", options).total_steps(), 6);
  options.epochs = 0.001;
  EXPECT_EQ(start(directory / "few", options).total_steps(), 1);
}

TEST(TrainingRun, SampleGridHasARowForEachClass) {
  const TemporaryDirectory directory;
  auto options = tiny_options();
  options.weight_y = 0.1;
  options.batch = 5;  // 18 samples are not a whole number of batches
  TrainingRun::start(tiny_model(3), tiny_data(), options, {directory.path(), kConfig}).run();
  const RunDirectory files(directory.path());
  EXPECT_EQ(io::read_image_shape(files.sample_grid(12)), (io::ImageShape{3 * 6 - 2, 6 * 6 - 2, 1}));
  EXPECT_GT(lines_of(files.metrics()).front().at("class_bits").get<double>(), 0.1);
}

TEST(TrainingRun, InitializesTheModelUnlessItIsInitialized) {
  const TemporaryDirectory directory;
  int initialized = 0;
  const RunCallbacks callbacks{.initialized = [&](const nn::InitializeReport&) { ++initialized; }};
  start(directory / "new", tiny_options(), callbacks);
  EXPECT_EQ(initialized, 1);
  auto model = started_tiny_model();
  const auto before = model->flat_parameters().values().clone();
  TrainingRun::start(model, tiny_data(), tiny_options(), {directory / "old", kConfig}, callbacks);
  EXPECT_EQ(initialized, 1);
  EXPECT_TRUE(model->flat_parameters().values().equal(before));
}

TEST(TrainingRun, RefusesInvalidOptionsAndData) {
  const TemporaryDirectory directory;
  const auto refuses = [&](std::int64_t classes, RunData data, TrainOptions options,
                           std::initializer_list<std::string_view> parts) {
    return throws<ConfigError>(
        [&] {
          TrainingRun::start(tiny_model(classes), data, options, {directory / "new", kConfig});
        },
        parts);
  };
  auto options = tiny_options();
  options.batch = 11;
  EXPECT_TRUE(refuses(0, tiny_data(), options, {"batch", "11", "10"}));
  EXPECT_TRUE(refuses(0, {tiny_images(10), nullptr, nullptr}, tiny_options(), {"validation images", "none"}));
  EXPECT_TRUE(refuses(2, tiny_data(), tiny_options(), {"training labels", "0 to 1", "an image has 2"}));
  options = tiny_options();
  options.keep = 0;
  EXPECT_TRUE(refuses(0, tiny_data(), options, {"keep"}));
  EXPECT_FALSE(fs::exists(directory / "new"));
}

TEST(TrainingRun, OverwriteReplacesTheFilesOfTheRunOnly) {
  const TemporaryDirectory directory;
  const RunDirectory files(directory / "run");
  auto options = tiny_options();
  options.steps = 1;
  start(files.root(), options).run();
  EXPECT_TRUE(throws<ConfigError>([&] { start(files.root()); }, {files.root().string(), "holds a run"}));
  put(files.root() / "notes.txt", "mine");
  put(files.samples() / "favourite.png", "mine");
  options.steps = 2;
  TrainingRun::start(tiny_model(), tiny_data(), options, {files.root(), kConfig, /*overwrite=*/true}).run();
  EXPECT_EQ(files_in(files.root()),
            (std::set<std::string>{"config.json", "metrics.jsonl", "timing.jsonl", "model.safetensors", "notes.txt",
                                   "checkpoints/step-000000000.safetensors", "checkpoints/step-000000002.safetensors",
                                   "report.html", "samples/favourite.png", "samples/interpolations.png",
                                   "samples/levels.png", "samples/step-000000002.png", "samples/temperatures.png"}));
  files.remove_run();
  EXPECT_EQ(files_in(files.root()), (std::set<std::string>{"notes.txt", "samples/favourite.png"}));
}

TEST(TrainingRun, NamesADirectoryWithoutCheckpointOrThatCannotBeCreated) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(throws<IoError>([&] { resume(directory.path()); }, {directory.path().string(), "no checkpoint"}));
  put(directory / "file", "");
  EXPECT_TRUE(throws<IoError>([&] { start(directory / "file" / "run"); }, {(directory / "file").string()}));
}

}  // namespace
}  // namespace glow::train::training_run_test
