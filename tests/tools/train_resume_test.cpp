#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/tools.h"

namespace glow::testing {
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

TEST_F(GlowTrainResume, GoesOnWithWhatConfigJsonSays) {
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

TEST_F(GlowTrainResume, RefusesWhatContradictsTheRun) {
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
}

class GlowTrainSignal : public ::testing::TestWithParam<std::pair<int, int>> {};

TEST_P(GlowTrainSignal, LeavesACheckpointThatAResumeGoesOnFrom) {
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
  EXPECT_NE(outcome.err.find("--resume goes on"), std::string::npos) << outcome.err;
  ASSERT_EQ(count_files(out / "checkpoints"), 1u);

  const auto checkpoint = fs::directory_iterator(out / "checkpoints")->path().stem().string();
  const auto step = std::stol(checkpoint.substr(std::string("step-").size()));
  ASSERT_TRUE(succeeded(train({"--resume", "--out", out.string(), "--steps", std::to_string(step + 1), "--quiet"})));
  EXPECT_TRUE(fs::exists(out / "model.safetensors"));
}

INSTANTIATE_TEST_SUITE_P(, GlowTrainSignal, ::testing::Values(std::pair{SIGINT, 130}, std::pair{SIGTERM, 143}),
                         [](const auto& test) { return "Exit" + std::to_string(test.param.second); });

}  // namespace
}  // namespace glow::testing
