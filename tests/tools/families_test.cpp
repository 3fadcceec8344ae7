// Uses every model family with all tools: trains, resumes, samples, scores and edits, with one flag for the family.

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/edit_tool.h"
#include "support/runs.h"
#include "support/tools.h"

namespace glow::testing::families_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct FamilyCase {
  std::string name;
  Arguments flags;
};

class Families : public ::testing::TestWithParam<FamilyCase> {
 protected:
  Arguments flags(const std::string& run) const {
    return Arguments{"--data",
                     "npy:" + images_.string(),
                     "--out",
                     (directory_ / run).string(),
                     "--batch",
                     "8",
                     "--valid-images",
                     "8",
                     "--threads",
                     "1",
                     "--quiet",
                     "--warmup-epochs",
                     "0"} +
           GetParam().flags;
  }
  std::string bytes_of(const std::string& run, std::int64_t step) const {
    return get(directory_ / run / "checkpoints" / checkpoint_name(step));
  }

  TemporaryDirectory directory_;
  fs::path images_ = put_images(directory_ / "images.npy", {40, 8, 8, 3});
};

TEST_P(Families, ResumedRunEqualsAnUninterruptedRun) {
  ASSERT_TRUE(succeeded(train(flags("whole") + Arguments{"--steps", "4"})));
  ASSERT_TRUE(succeeded(train(flags("halves") + Arguments{"--steps", "2"})));
  ASSERT_TRUE(succeeded(train(flags("halves") + Arguments{"--steps", "4", "--resume"})));
  // Checkpoints contain the configuration, which differs; therefore compare the models.
  EXPECT_EQ(get(directory_ / "halves" / "model.safetensors"), get(directory_ / "whole" / "model.safetensors"));
  EXPECT_TRUE(fs::exists(directory_ / "halves" / "report.html"));
}

TEST_P(Families, LossIsEqualForEveryMemoryPolicyAndCloseInBf16) {
  const auto loss = [&](const std::string& run, const Arguments& how) {
    EXPECT_TRUE(succeeded(train(flags(run) + Arguments{"--steps", "3", "--log-every", "1"} + how)));
    const auto text = get(directory_ / run / "metrics.jsonl");
    const auto third = text.find("\"step\":3,");
    EXPECT_NE(third, std::string::npos) << text;
    return Json::parse(text.substr(text.rfind('\n', third) + 1, text.find('\n', third) - text.rfind('\n', third) - 1))
        .at("bits_per_dim")
        .get<double>();
  };
  const auto stored = loss("store", {});
  EXPECT_NEAR(loss("recompute", {"--memory", "recompute"}), stored, 1e-4);
  EXPECT_NEAR(loss("reversible", {"--memory", "reversible"}), stored, 1e-4);
  EXPECT_NEAR(loss("bf16", {"--precision", "bf16"}), stored, 0.05);
}

TEST_P(Families, ModelWorksWithAllTools) {
  ASSERT_TRUE(succeeded(train(flags("run") + Arguments{"--steps", "3"})));
  const auto model = (directory_ / "run" / "model.safetensors").string();
  const auto out = [&](const char* name) { return (directory_ / name).string(); };
  EXPECT_TRUE(succeeded(sample({"--model", model, "--out", out("samples.png"), "--count", "4", "--threads", "1"})));
  const auto described = sample({"--model", model, "--describe"});
  EXPECT_NE(described.out.find(GetParam().flags[1]), std::string::npos) << described.out;

  const auto scored = eval({"--model", model, "--data", "npy:" + images_.string(), "--split", "all", "--draws", "2",
                            "--importance", "2", "--json", "--threads", "1"});
  ASSERT_TRUE(succeeded(scored));
  const auto data = Json::parse(scored.out).at("data");
  EXPECT_EQ(data.at("non_finite"), 0);
  EXPECT_GT(data.at("bits_per_dim").get<double>(), 1);
  EXPECT_LT(data.at("bits_per_dim").get<double>(), 20);

  const Arguments common{"--model", model, "--threads", "1"};
  ASSERT_TRUE(
      succeeded(edit(Arguments{"encode", "--images", images_.string(), "--out", out("z.safetensors")} + common)));
  ASSERT_TRUE(
      succeeded(edit(Arguments{"decode", "--latents", out("z.safetensors"), "--out", out("again.npy")} + common)));
  EXPECT_EQ(io::NpyReader(out("again.npy")).data(), io::NpyReader(images_).data());
  EXPECT_TRUE(succeeded(edit(
      Arguments{"interpolate", "--images", images_.string(), "--pick", "0,1", "--out", out("ways.png")} + common)));
}

INSTANTIATE_TEST_SUITE_P(
    All, Families,
    ::testing::Values(FamilyCase{"glow", {"--family", "glow", "--levels", "2", "--depth", "1", "--width", "8"}},
                      FamilyCase{"realnvp",
                                 {"--family", "realnvp", "--levels", "2", "--residual-blocks", "1", "--width", "4"}},
                      FamilyCase{"nice", {"--family", "nice", "--depth", "2", "--width", "8"}},
                      FamilyCase{"nice_dense_logistic",
                                 {"--family", "nice", "--depth", "2", "--width", "16", "--network", "dense",
                                  "--hidden-layers", "1", "--prior", "logistic"}}),
    name_of);

TEST(FamilyFlags, RefuseOptionsOfAnotherFamily) {
  const TemporaryDirectory directory;
  const auto images = "npy:" + put_images(directory / "images.npy", {40, 8, 8}).string();
  const auto refused = [&](const Arguments& flags, const std::vector<std::string>& parts) {
    return failed(train(Arguments{"--data", images, "--out", (directory / "run").string(), "--quiet"} + flags),
                  "glow-train", 2, parts);
  };
  EXPECT_TRUE(refused({"--family", "nice", "--levels", "2"}, {"--levels: the family nice"}));
  EXPECT_TRUE(refused({"--family", "realnvp", "--permutation", "lu"}, {"--permutation: the family realnvp"}));
  EXPECT_TRUE(refused({"--residual-blocks", "2"}, {"--residual-blocks: the family glow"}));
  EXPECT_TRUE(refused({"--family", "maf"}, {"--family", "'maf'", "glow, realnvp, nice"}));
  EXPECT_FALSE(fs::exists(directory / "run"));
}

TEST(FamilyFlags, PresetAppliesOnlyOptionsOfTheFamily) {
  const auto outcome = train({"--preset", "demo", "--family", "realnvp", "--dry-run", "--dry-run-steps", "0"});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_NE((outcome.out + outcome.err).find("RealNVP, 2 levels, networks of 8 residual blocks, width 96"),
            std::string::npos)
      << outcome.out << outcome.err;
}

}  // namespace
}  // namespace glow::testing::families_test
