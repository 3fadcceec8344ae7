#include <filesystem>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/io/image.h>
#include <glow/version.h>

#include "support/files.h"
#include "support/pictures.h"
#include "support/tools.h"

namespace glow::testing::train_run_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

Json config_of(const fs::path& run) { return Json::parse(get(run / "config.json")); }

/// Every file below a directory, as relative paths.
std::set<std::string> files_below(const fs::path& directory) {
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) files.insert(fs::relative(entry.path(), directory).string());
  }
  return files;
}

class GlowTrainRun : public ::testing::Test {
 protected:
  Arguments flags(const std::string& out = "run") const {
    return Arguments{"--data", "npy:" + images_.string(), "--out", (directory_ / out).string()} + tiny_model();
  }

  TemporaryDirectory directory_;
  fs::path images_ = put_images(directory_ / "images.npy", {40, 8, 8});
};

TEST_F(GlowTrainRun, WritesFilesAndPrintsResultsToStdoutAndLogToStderr) {
  const auto outcome = train(flags() + Arguments{"--steps", "4", "--log-every", "1", "--eval-every", "2"});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_EQ(files_below(directory_ / "run"),
            (std::set<std::string>{"checkpoints/step-000000000.safetensors", "checkpoints/step-000000004.safetensors",
                                   "config.json", "metrics.jsonl", "model.safetensors", "report.html",
                                   "samples/interpolations.png", "samples/levels.png", "samples/step-000000004.png",
                                   "samples/temperatures.png", "timing.jsonl"}));
  for (const char* line : {"parameters", "32 training, 8 validation (held out), no test split", "cpu, 1 thread, fp32",
                           "step 1/4: ", "step 4/4: ", "images/s", "step 2: validation ", "step 4: validation "}) {
    EXPECT_NE(outcome.err.find(line), std::string::npos) << line << " in " << outcome.err;
    EXPECT_EQ(outcome.out.find(line), std::string::npos) << line << " in " << outcome.out;
  }
  for (const auto& text :
       {std::string("bits/dim"), std::string("has no test split"), (directory_ / "run" / "model.safetensors").string(),
        (directory_ / "run" / "report.html").string()}) {
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << " in " << outcome.out;
  }
  EXPECT_EQ(outcome.err.find('\r'), std::string::npos) << "a bar where there is no terminal";
}

TEST_F(GlowTrainRun, DivergingRunRollsBackTwiceThenNamesTheLayer) {
  const auto outcome = train(flags() + Arguments{"--steps", "100", "--lr", "1e30", "--warmup-epochs", "0",
                                                 "--skip-limit", "3", "--checkpoint-every", "1"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.out, "");
  for (const char* line :
       {"warning: step 2 is skipped", "back to step 0, on with half the learning rate",
        "on with 1/4 of the learning rate", "\nglow-train: step 4: ", "not finite: levels.0.steps.0."}) {
    EXPECT_NE(outcome.err.find(line), std::string::npos) << line << " in " << outcome.err;
  }
  EXPECT_TRUE(fs::exists(directory_ / "run" / "checkpoints" / "step-000000000.safetensors"));
}

TEST_F(GlowTrainRun, FailsForImagesWithNonFiniteDensity) {
  const auto outcome = train(flags() + Arguments{"--steps", "2", "--lr", "1e30", "--warmup-epochs", "0"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.out.find("1 step whose loss or gradient was not finite"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.err.find("glow-train: 8 validation or test images have a density that is not finite"),
            std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.out.find("none: the model has no inverse"), std::string::npos) << outcome.out;
}

TEST_F(GlowTrainRun, ConfigStoresOptionsAndResolvedDefaults) {
  ASSERT_TRUE(succeeded(train(flags() + Arguments{"--steps", "1", "--no-edge-bias", "--lr", "0.003", "--quiet"})));
  const auto config = config_of(directory_ / "run");
  EXPECT_EQ(config["options"]["image_size"], "8x8");
  EXPECT_EQ(config["options"]["hidden_width"], 8);
  EXPECT_EQ(config["options"]["edge_bias"], false);
  EXPECT_EQ(config["options"]["lr"], 0.003);
  EXPECT_EQ(config["options"]["beta2"], 0.0);
  EXPECT_EQ(config["model"]["channels"], 1);
  EXPECT_EQ(config["images"]["train"], 32);
  EXPECT_EQ(config["images"]["valid"], 8);
  EXPECT_EQ(config["images"]["test"], 0);
  EXPECT_EQ(config["images"]["fingerprint"].get<std::string>().size(), 64u);
  EXPECT_EQ(config["resolved"]["steps"], 1);
  EXPECT_EQ(config["resolved"]["init_images"], 32);
  EXPECT_EQ(config["resolved"]["beta2"], 1 - 1 / 100'000.0);  // 50,000 images of 32x32 in batches of 8 of 8x8
  EXPECT_EQ(config["resolved"]["ema_decay"], config["resolved"]["beta2"]);
  EXPECT_EQ(config["resolved"]["device"], "cpu");
  EXPECT_EQ(config["versions"]["glow"], kVersion);
}

TEST_F(GlowTrainRun, ConfigStoresACommandThatRepeatsTheRun) {
  // A preset's --epochs that --steps overrides, switches that are on and off, and a number with decimals.
  ASSERT_TRUE(succeeded(train(Arguments{"--preset", "cifar10"} + flags() +
                              Arguments{"--steps", "3", "--no-edge-bias", "--flip", "--lr", "0.0125", "--quiet"})));
  auto command = config_of(directory_ / "run")["command"].get<Arguments>();
  EXPECT_EQ(command.front(), "glow-train");
  EXPECT_EQ(command.back(), (directory_ / "run").string());
  command.back() = (directory_ / "again").string();
  ASSERT_TRUE(succeeded(train(Arguments(command.begin() + 1, command.end()))));
  const auto without_command = [&](const char* run) {
    auto config = config_of(directory_ / run);
    config.erase("command");
    return config;
  };
  EXPECT_EQ(without_command("again")["model"], without_command("run")["model"]);
  for (const auto* file : {"metrics.jsonl", "model.safetensors", "samples/levels.png"}) {
    EXPECT_TRUE(get(directory_ / "again" / file) == get(directory_ / "run" / file)) << file;
  }
}

TEST_F(GlowTrainRun, FlagsOverrideThePresetWhichOverridesDefaults) {
  const auto outcome = train(Arguments{"--preset", "demo"} + flags() + Arguments{"--steps", "1", "--quiet"});
  ASSERT_TRUE(succeeded(outcome));
  const auto options = config_of(directory_ / "run")["options"];
  EXPECT_EQ(options["depth"], 1);                         // the flag, not the preset's
  EXPECT_EQ(options["data"], "npy:" + images_.string());  // the flag, not the preset's
  EXPECT_EQ(options["bits"], 5);                          // the preset, not 8
  EXPECT_EQ(options["coupling"], "affine");               // the default
  EXPECT_EQ(outcome.out + outcome.err, "");               // --quiet
}

TEST_F(GlowTrainRun, DryRunPrintsTheSummaryAndWritesNothing) {
  const auto outcome = train(flags() + Arguments{"--steps", "4", "--dry-run"});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_EQ(outcome.err, "");
  for (const char* text : {"parameters", "an estimate", "4 steps of 8 images", "\ntime         about ", " (4 steps at ",
                           " images/s, measured on this machine", "of memory were in use during these steps"}) {
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << " in " << outcome.out;
  }
  EXPECT_EQ(files_below(directory_.path()), std::set<std::string>{"images.npy"});
  const auto without_trial = train(flags() + Arguments{"--steps", "4", "--dry-run", "--dry-run-steps", "0"});
  ASSERT_TRUE(succeeded(without_trial));
  EXPECT_EQ(without_trial.out, outcome.out.substr(0, outcome.out.find("time  ")));
}

/// The files are whole and the run is resumable afterwards, since a dry run of --resume changes nothing either.
TEST_F(GlowTrainRun, DryRunOfAResumeChangesNothing) {
  ASSERT_TRUE(succeeded(train(flags() + Arguments{"--steps", "2", "--quiet"})));
  const auto state = [&] {
    std::map<std::string, std::string> bytes;
    for (const auto& file : files_below(directory_ / "run")) bytes[file] = get(directory_ / "run" / file);
    return bytes;
  };
  const auto before = state();
  const auto outcome = train(flags() + Arguments{"--resume", "--steps", "400", "--dry-run"});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_NE(outcome.out.find(" (400 steps at "), std::string::npos) << outcome.out;
  EXPECT_TRUE(state() == before);
}

struct WarmUp {
  std::string name;
  Arguments flags;
  std::string text;
};

class GlowTrainWarmUp : public ::testing::TestWithParam<WarmUp> {};

TEST_P(GlowTrainWarmUp, IsInTheSummary) {
  const TemporaryDirectory directory;
  const auto images = put_images(directory / "images.npy", {40, 64, 64});
  const auto outcome = train(Arguments{"--data", "npy:" + images.string(), "--dry-run", "--dry-run-steps", "0"} +
                             tiny_model() + GetParam().flags);
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_NE(outcome.out.find("\n             " + GetParam().text + "\n"), std::string::npos) << outcome.out;
}

// Images of 64x64 count four times, so that an epoch of 50,000 has 1,562.5 batches of 8.
INSTANTIATE_TEST_SUITE_P(
    , GlowTrainWarmUp,
    ::testing::Values(WarmUp{"Short", {"--steps", "254"}, "warm-up 25 steps (a tenth of the run)"},
                      WarmUp{"InEpochs", {"--epochs", "64"}, "warm-up 25 steps (a tenth of the run)"},
                      WarmUp{"Long", {"--steps", "200000"}, "warm-up 15,625 steps"},
                      WarmUp{"Given", {"--steps", "20000", "--warmup-epochs", "1"}, "warm-up 1,563 steps"},
                      WarmUp{"LongerThanTheRun",
                             {"--steps", "254", "--warmup-epochs", "1.25"},
                             "warm-up 1,954 steps: longer than the run (254 steps), which ends at 13 % of --lr"},
                      WarmUp{"None", {"--steps", "9"}, "no warm-up"}),
    [](const auto& test) { return test.param.name; });

TEST_F(GlowTrainRun, SmallSetsForTheDefaultModelAreNoted) {
  const auto note = [&](const Arguments& more) {
    const auto outcome = train(
        Arguments{"--data", "npy:" + images_.string(), "--batch", "8", "--dry-run", "--dry-run-steps", "0"} + more);
    EXPECT_TRUE(succeeded(outcome));
    return outcome.err;
  };
  EXPECT_EQ(note({}), "note: 40 pictures are few for 32 million parameters; --preset pictures is made for such sets\n");
  EXPECT_EQ(note({"--depth", "4"}), "");
  EXPECT_EQ(note({"--preset", "pictures", "--levels", "2", "--image-size", "8"}), "");
  put_images(images_, {2000, 8, 8});
  EXPECT_EQ(note({}), "");
}

TEST_F(GlowTrainRun, ShortRunsAreEvaluatedTenTimes) {
  ASSERT_TRUE(succeeded(train(flags() + Arguments{"--steps", "120", "--quiet"})));
  const auto options = config_of(directory_ / "run")["options"];
  for (const auto* key : {"eval_every", "sample_every", "checkpoint_every"}) EXPECT_EQ(options[key], 12) << key;
  EXPECT_TRUE(fs::exists(directory_ / "run" / "samples" / "step-000000012.png"));
}

TEST_F(GlowTrainRun, ShowsAProgressBarOnATerminal) {
  const auto outcome = run_process(command("glow-train", flags() + Arguments{"--steps", "4", "--log-every", "1"}),
                                   {.on_terminal = true});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_NE(outcome.err.find("\r\x1b[K[#####---------------] step 1/4: "), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find("\nstep 1/4"), std::string::npos) << outcome.err;
}

TEST_F(GlowTrainRun, OverwriteReplacesTheFilesOfTheRunOnly) {
  ASSERT_TRUE(succeeded(train(flags() + Arguments{"--steps", "2", "--quiet"})));
  put(directory_ / "run" / "notes.txt", "mine");
  const auto again = flags() + Arguments{"--steps", "3", "--quiet"};
  EXPECT_TRUE(failed(train(again), "glow-train", 2, {"--out: ", "not empty", "--overwrite"}));
  ASSERT_TRUE(succeeded(train(again + Arguments{"--overwrite"})));
  EXPECT_EQ(files_below(directory_ / "run"),
            (std::set<std::string>{"checkpoints/step-000000000.safetensors", "checkpoints/step-000000003.safetensors",
                                   "config.json", "metrics.jsonl", "model.safetensors", "notes.txt", "report.html",
                                   "samples/interpolations.png", "samples/levels.png", "samples/step-000000003.png",
                                   "samples/temperatures.png", "timing.jsonl"}));
}

TEST_F(GlowTrainRun, FailedOverwriteKeepsTheRun) {
  ASSERT_TRUE(succeeded(train(flags() + Arguments{"--steps", "1", "--quiet"})));
  const auto before = files_below(directory_ / "run");
  const auto folder = directory_ / "pictures";
  fs::create_directory(folder);
  const auto png = io::encode_png(make_picture(8, 8, 3));
  for (int i = 0; i < 20; ++i) put(folder / (std::to_string(i) + ".png"), png.substr(0, png.size() - 40));
  const Arguments over{"--out", (directory_ / "run").string(), "--overwrite", "--quiet"};
  const Arguments pictures{"--data", "folder:" + folder.string(), "--image-size", "8"};
  EXPECT_TRUE(failed(train(over + pictures + tiny_model()), "glow-train", 1, {".png"}));
  const auto itself =
      flags() + Arguments{"--overwrite", "--init-from", (directory_ / "run/model.safetensors").string()};
  EXPECT_TRUE(failed(train(itself), "glow-train", 2, {"--init-from: ", "--overwrite would replace"}));
  EXPECT_EQ(files_below(directory_ / "run"), before);
}

TEST_F(GlowTrainRun, TrainsConditionallyInFloat64WithATestSplit) {
  const auto data = put_fashion_mnist(directory_ / "idx");
  const auto outcome =
      train(Arguments{"--data", "fashion-mnist:" + data.string(), "--out", (directory_ / "run").string(), "--steps",
                      "2", "--conditional", "--weight-y", "0.01", "--precision", "fp64"} +
            tiny_model());
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_NE(outcome.err.find("10 classes"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("52 training, 8 validation (held out), 20 test"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.out.find("bits/dim of 20 images"), std::string::npos) << outcome.out;
}

TEST_F(GlowTrainRun, TrainsOnAFolderOfLargerPicturesWithAugmentation) {
  const auto folder = directory_ / "pictures";
  for (int i = 0; i < 20; ++i) {
    put_picture(folder / (std::to_string(i) + ".png"), make_picture(14 + i % 3, 17, 3, static_cast<std::uint32_t>(i)));
  }
  const auto outcome = train(Arguments{"--data", "folder:" + folder.string(), "--out", (directory_ / "run").string(),
                                       "--image-size", "8x12", "--resize", "12", "--random-crop", "--flip", "--shift",
                                       "--memory", "reversible", "--precision", "bf16", "--steps", "2"} +
                             tiny_model());
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_NE(outcome.err.find("8x12 RGB"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("bf16"), std::string::npos) << outcome.err;
  const auto metrics = get(directory_ / "run/metrics.jsonl");
  EXPECT_NE(metrics.find("reconstruction_error"), std::string::npos) << metrics;
}

TEST_F(GlowTrainRun, StartsFromTheWeightsAndOptionsOfAModel) {
  ASSERT_TRUE(succeeded(train(flags("first") + Arguments{"--steps", "2", "--permutation", "lu", "--quiet"})));
  const auto model = (directory_ / "first" / "model.safetensors").string();
  const Arguments second{"--data",          "npy:" + images_.string(),
                         "--out",           (directory_ / "second").string(),
                         "--init-from",     model,
                         "--batch",         "8",
                         "--valid-images",  "8",
                         "--steps",         "1",
                         "--threads",       "1",
                         "--ema-decay",     "0",
                         "--warmup-epochs", "1",
                         "--quiet"};
  EXPECT_TRUE(failed(train(second + Arguments{"--depth", "3"}), "glow-train", 2, {"--depth 3 contradicts " + model}));
  // The learning rate of the first step is 0, so that the weights do not change.
  ASSERT_TRUE(succeeded(train(second)));
  EXPECT_TRUE(get(directory_ / "second" / "model.safetensors") == get(model));
}

}  // namespace
}  // namespace glow::testing::train_run_test
