#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <tuple>

#include <sys/stat.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/io/safetensors.h>

#include "support/runs.h"
#include "support/tools.h"

namespace glow::testing::train_resume_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// A run of 2 steps.
class GlowTrainResume : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(succeeded(train(flags() + Arguments{"--steps", "2"}))); }

  Arguments flags() const {
    return Arguments{"--data", "npy:" + images_.string(), "--out", run_.string(), "--quiet"} + tiny_model();
  }

  TemporaryDirectory directory_;
  fs::path images_ = put_images(directory_ / "images.npy", {40, 8, 8});
  fs::path run_ = directory_ / "run";
};

TEST_F(GlowTrainResume, UsesTheOptionsOfConfigJson) {
  ASSERT_TRUE(succeeded(train({"--resume", "--out", run_.string(), "--steps", "4", "--log-every", "1", "--quiet"})));
  EXPECT_TRUE(fs::exists(run_ / "checkpoints" / "step-000000004.safetensors"));
  const auto metrics = get(run_ / "metrics.jsonl");
  EXPECT_NE(metrics.find("\"step\":3,"), std::string::npos) << metrics;
  const auto options = Json::parse(get(run_ / "config.json"))["options"];
  EXPECT_EQ(options["steps"], 4);
  EXPECT_EQ(options["log_every"], 1);
  EXPECT_EQ(options["depth"], 1);
}

TEST_F(GlowTrainResume, AcceptsTheSameCommandAgain) {
  EXPECT_TRUE(succeeded(train(flags() + Arguments{"--epochs", "1", "--resume"})));
  EXPECT_TRUE(fs::exists(run_ / "checkpoints" / "step-000000004.safetensors"));  // 32 images in batches of 8
}

TEST_F(GlowTrainResume, RefusesFewerStepsThanDone) {
  const auto config = get(run_ / "config.json");
  EXPECT_TRUE(failed(train({"--resume", "--out", run_.string(), "--steps", "1", "--quiet"}), "glow-train", 2,
                     {"--steps: the run has done 2 steps already, got 1"}));
  EXPECT_TRUE(failed(train({"--resume", "--out", run_.string(), "--epochs", "0.2", "--quiet"}), "glow-train", 2,
                     {"--epochs: the run has done 2 steps already, got 1"}));
  EXPECT_EQ(get(run_ / "config.json"), config);
}

TEST_F(GlowTrainResume, ChecksTheContentOfTheImagesNotTheirPath) {
  auto bytes = get(images_);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  put(directory_ / "other.npy", bytes);
  const Arguments resume{"--resume", "--out", run_.string(), "--steps", "4", "--quiet", "--data"};
  EXPECT_TRUE(failed(train(resume + Arguments{"npy:" + (directory_ / "other.npy").string()}), "glow-train", 1,
                     {"config.json: the content of the images has changed", "--accept-data"}));
  fs::rename(images_, directory_ / "moved.npy");
  EXPECT_TRUE(succeeded(train(resume + Arguments{"npy:" + (directory_ / "moved.npy").string()})));
}

TEST_F(GlowTrainResume, AcceptsARunOfThePreviousVersion) {
  auto config = nlohmann::ordered_json::parse(get(run_ / "config.json"));
  EXPECT_EQ(config["images"].erase("fingerprint"), 1u);
  EXPECT_EQ(config["options"].erase("split_seed"), 1u);
  put(run_ / "config.json", config.dump());
  const auto checkpoint = run_ / "checkpoints" / "step-000000002.safetensors";
  {
    const io::SafetensorsReader file(checkpoint);
    auto metadata = file.metadata();
    auto training = nlohmann::ordered_json::parse(metadata.at("glow.training"));
    training["format_version"] = 2;
    EXPECT_EQ(training.erase("options"), 1u);
    EXPECT_EQ(training.erase("warmup_epochs"), 1u);
    metadata["glow.training"] = training.dump();
    metadata["glow.config"] = config.dump();
    io::write_safetensors(directory_ / "older", metadata, file.entries());
  }
  fs::rename(directory_ / "older", checkpoint);
  EXPECT_TRUE(succeeded(train({"--resume", "--out", run_.string(), "--steps", "4", "--quiet"})));
  EXPECT_TRUE(fs::exists(run_ / "checkpoints" / "step-000000004.safetensors"));
  EXPECT_TRUE(Json::parse(get(run_ / "config.json"))["images"].contains("fingerprint"));
}

TEST_F(GlowTrainResume, UsesTheRecordedDecays) {
  auto config = nlohmann::ordered_json::parse(get(run_ / "config.json"));
  const auto put_decays = [&](double beta2, double ema_decay) {
    config["resolved"]["beta2"] = beta2;
    config["resolved"]["ema_decay"] = ema_decay;
    put(run_ / "config.json", config.dump());
  };
  const Arguments resume{"--resume", "--out", run_.string(), "--quiet", "--dry-run"};
  put_decays(0, 0.8);
  EXPECT_TRUE(failed(train(resume), "glow-train", 1, {"config.json: beta2: the run had 0", "--init-from"}));
  // The checkpoint, written by this version, records other decays.
  put_decays(0.75, 0.8);
  EXPECT_TRUE(failed(train({"--resume", "--out", run_.string(), "--quiet", "--steps", "3"}), "glow-train", 2,
                     {"--beta2: the state to continue from was trained with ", "got 0.75"}));
}

TEST_F(GlowTrainResume, KeepsTheWarmUpWhenTheRunGetsLonger) {
  const auto again = flags() + Arguments{"--overwrite", "--eval-every", "0", "--log-every", "1"};
  ASSERT_TRUE(succeeded(train(again + Arguments{"--steps", "40"})));
  const auto warmup = Json::parse(get(run_ / "config.json"))["options"]["warmup_epochs"].get<double>();
  EXPECT_NEAR(warmup, 4 * 8 * 64 / 1024.0 / 50'000, 1e-12);
  const auto resume = flags() + Arguments{"--resume", "--steps", "80"};
  ASSERT_TRUE(succeeded(train(resume)));
  EXPECT_EQ(Json::parse(get(run_ / "config.json"))["options"]["warmup_epochs"], warmup);
  const auto line = get(run_ / "metrics.jsonl");
  const auto last = line.substr(line.rfind("\"learning_rate\""));
  EXPECT_TRUE(last.starts_with("\"learning_rate\":0.001")) << last;
  // The word for "automatic" is no contradiction.
  EXPECT_TRUE(succeeded(train(resume + Arguments{"--warmup-epochs", "-1"})));
  EXPECT_TRUE(failed(train(resume + Arguments{"--warmup-epochs", "10"}), "glow-train", 2, {"--warmup-epochs 10 "}));
}

TEST_F(GlowTrainResume, SaysThatTheRunIsComplete) {
  const auto outcome = train({"--resume", "--out", run_.string()});
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_NE(outcome.err.find("complete: 2 of 2 steps; --steps N continues\n"), std::string::npos) << outcome.err;
  EXPECT_EQ(train({"--resume", "--out", run_.string(), "--steps", "3"}).err.find("complete: "), std::string::npos);
}

TEST_F(GlowTrainResume, NamesTheWaysOutInOneLine) {
  const auto model = (run_ / "model.safetensors").string();
  const Arguments resume{"--resume", "--out", run_.string(), "--quiet"};
  EXPECT_TRUE(failed(train(resume + Arguments{"--lr", "0.1"}), "glow-train", 2,
                     {"--lr 0.1 contradicts ", "where lr is 0.001; a resume may change --data, ", "--steps, --epochs",
                      "; a new run with --init-from " + model + " may change the other flags of training"}));
  EXPECT_TRUE(failed(train(resume + Arguments{"--width", "4"}), "glow-train", 2,
                     {"--width 4 contradicts ", "a resume may change --data, ", "; a new run may change everything"}));
  fs::remove(images_);
  EXPECT_TRUE(
      failed(train(resume), "glow-train", 1, {"cannot read " + images_.string(), "(moved? --resume --data npy:NEW)"}));
}

TEST_F(GlowTrainResume, ReportsIfItIsNotBitForBit) {
  const Arguments resume{"--resume", "--out", run_.string()};
  const auto text = [&](const Arguments& changes) {
    const auto outcome = train(resume + changes);
    EXPECT_TRUE(succeeded(outcome));
    return outcome.err;
  };
  const std::string note = "no longer bit for bit the run without the interruption: ";
  EXPECT_EQ(text({"--steps", "3"}).find(note), std::string::npos);
  EXPECT_NE(text({"--steps", "4", "--threads", "2", "--memory", "recompute"})
                .find(note + "threads 1, now 2, memory store, now recompute\n"),
            std::string::npos);
}

TEST_F(GlowTrainResume, RefusesFlagsAndDataThatContradictTheRun) {
  const auto config = (run_ / "config.json").string();
  const auto before = get(config);
  const Arguments resume{"--resume", "--out", run_.string(), "--quiet"};
  EXPECT_TRUE(failed(train(resume + Arguments{"--depth", "2"}), "glow-train", 2,
                     {"--depth 2 contradicts " + config, "depth is 1"}));
  EXPECT_TRUE(failed(train(resume + Arguments{"--no-edge-bias"}), "glow-train", 2,
                     {"--no-edge-bias contradicts " + config, "edge_bias is true"}));
  EXPECT_TRUE(failed(train(resume + Arguments{"--preset", "cifar10"}), "glow-train", 2, {"contradicts " + config}));
  put_images(images_, {41, 8, 8});
  EXPECT_TRUE(failed(train(resume + Arguments{"--steps", "3"}), "glow-train", 1, {config, "\"train\":33"}));
  EXPECT_EQ(get(config), before);
}

TEST_F(GlowTrainResume, RefusesADamagedConfiguration) {
  const Arguments resume{"--resume", "--out", run_.string(), "--quiet"};
  const auto config = run_ / "config.json";
  auto json = Json::parse(get(config));
  json["options"]["depht"] = 1;
  put(config, json.dump());
  EXPECT_TRUE(failed(train(resume), "glow-train", 1, {config.string(), "unknown option 'depht'"}));
  put(config, get(config).substr(0, 40));
  EXPECT_TRUE(failed(train(resume), "glow-train", 1, {config.string(), "not the configuration of a run"}));
  put(config, "{\"tool\":\"glow-train\",\"options\":" + std::string(500'000, '[') + std::string(500'000, ']') + "}");
  EXPECT_TRUE(failed(train(resume), "glow-train", 1, {config.string(), "not the configuration of a run"}));
}

/// A checkpoint of another run, in the place of this run's newest one.
class GlowTrainResumeCheckpoint : public GlowTrainResume {
 protected:
  fs::path foreign() const { return run_ / "checkpoints" / "step-000000003.safetensors"; }

  /// Copies the checkpoint of a run of 3 steps with other flags.
  void put_other_run(const Arguments& how) {
    const auto other = (directory_ / "other").string();
    ASSERT_TRUE(succeeded(train(flags() + Arguments{"--steps", "3", "--out", other} + how)));
    fs::copy_file(fs::path(other) / "checkpoints" / foreign().filename(), foreign());
  }

  /// Whether a resume reports the reason and leaves all files unchanged.
  ::testing::AssertionResult is_refused(const std::string& reason) const {
    const auto files = [&] {
      std::map<std::string, std::string> bytes;
      for (const auto& entry : fs::recursive_directory_iterator(run_)) {
        if (entry.is_regular_file()) bytes[entry.path().string()] = get(entry.path());
      }
      return bytes;
    };
    const auto before = files();
    const auto outcome = train({"--resume", "--out", run_.string(), "--steps", "4", "--quiet"});
    if (files() != before) return ::testing::AssertionFailure() << "files have changed; " << outcome.err;
    return failed(outcome, "glow-train", 1, {foreign().string() + ": " + reason});
  }

  /// Changes metadata of the checkpoint and corrects its checksum.
  void change_metadata(const std::string& key, const std::string& before, const std::string& after) const {
    const io::SafetensorsReader file(foreign());
    auto metadata = file.metadata();
    const auto place = metadata.at(key).find(before);
    ASSERT_NE(place, std::string::npos) << metadata.at(key);
    metadata.at(key).replace(place, before.size(), after);
    io::write_safetensors(foreign(), metadata, file.entries());
  }
};

TEST_F(GlowTrainResumeCheckpoint, RefusesAnotherModel) {
  put_other_run({"--depth", "2"});
  EXPECT_TRUE(is_refused("is of another run: model.depth is 2, here it is 1"));
}

TEST_F(GlowTrainResumeCheckpoint, RefusesAnotherModelOfTheSameSize) {
  put_other_run({"--bits", "5"});
  EXPECT_TRUE(is_refused("is of another run: model.bits is 5, here it is 8"));
}

TEST_F(GlowTrainResumeCheckpoint, RefusesOtherImages) {
  put_images(directory_ / "more.npy", {50, 8, 8});
  put_other_run({"--data", "npy:" + (directory_ / "more.npy").string()});
  EXPECT_TRUE(is_refused("is of another run: images.train is 42, here it is 32"));
}

TEST_F(GlowTrainResumeCheckpoint, RefusesWeightsThatDoNotFitTheModel) {
  put_other_run({"--depth", "2"});
  change_metadata("glow.config", R"("depth": 2)", R"("depth": 1)");
  change_metadata("glow.config", R"("depth": 2)", R"("depth": 1)");
  EXPECT_TRUE(is_refused("tensor 'parameters' does not fit the model: expected Float ["));
}

TEST_F(GlowTrainResumeCheckpoint, RefusesAnUnknownFormatVersion) {
  put_other_run({});
  change_metadata("glow.training", R"("format_version":4)", R"("format_version":9)");
  EXPECT_TRUE(is_refused("glow.training: format_version 9, this library reads 2 to 4"));
}

TEST_F(GlowTrainResumeCheckpoint, RefusesAModelFile) {
  fs::copy_file(run_ / "model.safetensors", foreign());
  EXPECT_TRUE(is_refused("expected a checkpoint of glow-train, is a model of Glow\n"));
}

TEST_F(GlowTrainResumeCheckpoint, FlippedBitIsReportedAndTheEarlierCheckpointUsed) {
  put_other_run({});
  auto bytes = get(foreign());
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  put(foreign(), bytes);
  const auto outcome = train({"--resume", "--out", run_.string(), "--steps", "4"});
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_NE(outcome.err.find("skipped a damaged checkpoint: " + foreign().string() + ": "), std::string::npos);
  EXPECT_NE(outcome.err.find("going on from "), std::string::npos);
  for (const auto& entry : fs::directory_iterator(run_ / "checkpoints")) put(entry.path(), bytes);
  EXPECT_TRUE(failed(train({"--resume", "--out", run_.string(), "--steps", "5", "--quiet"}), "glow-train", 1,
                     {"step-000000004.safetensors: ", "checksum"}));
}

/// Parameters: --memory and --precision
class GlowTrainResumeExact : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(GlowTrainResumeExact, FilesMatchAnUninterruptedRun) {
  const auto& [memory, precision] = GetParam();
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {40, 8, 8});
  const auto flags = [&, &memory = memory, &precision = precision](const std::string& name, const std::string& steps,
                                                                   const Arguments& how) {
    return Arguments{"--data",
                     "npy:" + data.string(),
                     "--out",
                     directory / name,
                     "--steps",
                     steps,
                     "--memory",
                     memory,
                     "--precision",
                     precision,
                     "--log-every",
                     "1",
                     "--sample-every",
                     "4",
                     "--eval-every",
                     "4",
                     "--checkpoint-every",
                     "4",
                     "--warmup-epochs",
                     "0",
                     "--quiet"} +
           tiny_model() + how;
  };
  ASSERT_TRUE(succeeded(train(flags("whole", "8", {}))));
  ASSERT_TRUE(succeeded(train(flags("halves", "4", {}))));
  // Resume in another process.
  ASSERT_TRUE(succeeded(run_process(command("glow-train", flags("halves", "8", {"--resume"})))));
  for (const auto* file : {"metrics.jsonl", "model.safetensors", "samples/step-000000008.png"}) {
    EXPECT_EQ(get(directory / "whole" / file), get(directory / "halves" / file)) << file;
  }
  const auto checkpoint = [&](const char* name) {
    return io::SafetensorsReader(directory / name / "checkpoints" / "step-000000008.safetensors");
  };
  const auto whole = checkpoint("whole"), halves = checkpoint("halves");
  ASSERT_EQ(whole.entries().size(), halves.entries().size());
  for (std::size_t i = 0; i < whole.entries().size(); ++i) {
    EXPECT_TRUE(whole.entries()[i].data == halves.entries()[i].data) << whole.entries()[i].name;
  }
  EXPECT_EQ(whole.metadata_value("glow.training"), halves.metadata_value("glow.training"));
}

INSTANTIATE_TEST_SUITE_P(, GlowTrainResumeExact,
                         ::testing::Combine(::testing::Values("store", "recompute", "reversible"),
                                            ::testing::Values("fp32", "fp64", "bf16")),
                         [](const auto& test) { return std::get<0>(test.param) + "_" + std::get<1>(test.param); });

class GlowTrainSignal : public ::testing::TestWithParam<std::pair<int, int>> {};

TEST_P(GlowTrainSignal, LeavesACheckpointToResumeFrom) {
  const auto [signal, exit_code] = GetParam();
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {40, 8, 8});
  const auto out = directory / "run";
  Process process(command("glow-train", Arguments{"--data", "npy:" + data.string(), "--out", out.string(),
                                                  "--log-every", "1", "--steps", "1000000"} +
                                            tiny_model()));
  ASSERT_TRUE(process.wait_for("step 2/1,000,000: "));
  process.send(signal);
  const auto outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, exit_code) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find("--resume continues"), std::string::npos) << outcome.err;
  const auto step = newest_step(out);
  ASSERT_GE(step, 2);
  ASSERT_TRUE(succeeded(train({"--resume", "--out", out.string(), "--steps", std::to_string(step + 1), "--quiet"})));
  EXPECT_TRUE(fs::exists(out / "model.safetensors"));
}

INSTANTIATE_TEST_SUITE_P(, GlowTrainSignal,
                         ::testing::Values(std::pair{SIGINT, 130}, std::pair{SIGTERM, 143}, std::pair{SIGHUP, 129},
                                           std::pair{SIGUSR1, 138}, std::pair{SIGUSR2, 140}, std::pair{SIGXCPU, 152}),
                         [](const auto& test) { return "Exit" + std::to_string(test.param.second); });

TEST(GlowTrainHangup, LeavesACheckpointWhenTheReaderOfItsMessagesHasEnded) {
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {40, 8, 8});
  const auto out = directory / "run", pipe = directory / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto train = command("glow-train", Arguments{"--data", "npy:" + data.string(), "--out", out.string(),
                                                     "--log-every", "1", "--steps", "1000000"} +
                                               tiny_model());
  Process process(Arguments{"/bin/sh", "-c", "exec \"$@\" 2> " + pipe.string(), "sh"} + train);
  {
    std::ifstream messages(pipe);
    for (std::string line; line.find("step 2/1,000,000: ") == std::string::npos;) {
      ASSERT_TRUE(std::getline(messages, line));
    }
    process.pause();
  }
  process.send(SIGHUP);
  process.send(SIGCONT);
  EXPECT_EQ(process.wait().exit_code, 129);
  EXPECT_GE(newest_step(out), 2);
}

TEST(GlowTrainEvaluationSignal, ResumeRepeatsTheInterruptedEvaluation) {
  const TemporaryDirectory directory;
  const auto data = put_images(directory / "images.npy", {2008, 8, 8});
  const auto flags = [&](const char* name) {
    return Arguments{"--data", "npy:" + data.string(), "--out", directory / name, "--eval-every",
                     "1",      "--log-every",          "1"} +
           tiny_model() + Arguments{"--valid-images", "2000", "--warmup-epochs", "10"};
  };
  // The run consists almost only of evaluations, whose progress a terminal shows.
  Process process(command("glow-train", flags("run") + Arguments{"--steps", "1000000"}), {.on_terminal = true});
  ASSERT_TRUE(process.wait_for("/2,000 images"));
  process.send(SIGTERM);
  EXPECT_EQ(process.wait().exit_code, 143);
  const auto end = std::to_string(newest_step(directory / "run") + 1);
  ASSERT_TRUE(succeeded(train({"--resume", "--out", directory / "run", "--steps", end, "--quiet"})));
  ASSERT_TRUE(succeeded(train(flags("whole") + Arguments{"--steps", end, "--quiet"})));
  for (const auto* file : {"metrics.jsonl", "model.safetensors"}) {
    EXPECT_EQ(get(directory / "whole" / file), get(directory / "run" / file)) << file;
  }
}

}  // namespace
}  // namespace glow::testing::train_resume_test
