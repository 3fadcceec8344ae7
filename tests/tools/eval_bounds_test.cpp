// Checks the bounds that glow-eval reports, and the comparison of conditional models with other images, against its
// scores.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/io/image.h>
#include <glow/io/npy.h>

#include "support/eval_tool.h"
#include "support/pictures.h"

namespace glow::testing::eval_bounds_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class GlowEvalBounds : public GlowEval {
 protected:
  /// Trains a model of 1-bit images, whose bins are so wide that the density varies much within a bin.
  void SetUp() override {
    const auto images = put_images(file("images.npy"), {400, 8, 8}).string();
    ASSERT_TRUE(succeeded(train(Arguments{"--data", "npy:" + images, "--steps", "30", "--bits", "1", "--lr", "0.005",
                                          "--warmup-epochs", "0", "--eval-every", "0", "--out", file("run").string()} +
                                tiny_model())));
  }

  /// The values of all images in the column `heading`.
  Numbers scored(const std::string& heading, const Arguments& more) {
    json_ = results(Arguments{"--model", file("run/model.safetensors").string(), "--data",
                              "npy:" + file("images.npy").string(), "--split", "all", "--seed", "5", "--round-trip",
                              "0", "--scores", file("scores.csv").string(), "--overwrite"} +
                    more);
    return column(file("scores.csv"), heading);
  }

  static Arguments importance(std::int64_t draws) { return {"--importance", std::to_string(draws)}; }
  static Arguments plain(std::int64_t draws) { return {"--draws", std::to_string(draws)}; }

  Json json_;
};

TEST_F(GlowEvalBounds, ImportanceBoundIsAtMostThePlainBoundOfTheSameDraws) {
  for (const std::int64_t draws : {2, 8}) {
    const auto weighted = scored("importance_bits_per_dim", plain(draws) + importance(draws));
    const auto mean = column(file("scores.csv"), "bits_per_dim");
    ASSERT_EQ(weighted.size(), 400u);
    for (std::size_t i = 0; i < weighted.size(); ++i) EXPECT_LT(weighted[i], mean[i]) << draws << " " << i;
    EXPECT_LT(json_["data"]["importance_bits_per_dim"], json_["data"]["bits_per_dim"]);
  }
  const auto one = scored("importance_bits_per_dim", plain(1) + importance(1));
  EXPECT_EQ(one, column(file("scores.csv"), "bits_per_dim"));
  EXPECT_EQ(json_["data"]["importance_bits_per_dim"], json_["data"]["bits_per_dim"]);
}

TEST_F(GlowEvalBounds, ImportanceBoundDecreasesWithTheNumberOfDraws) {
  auto before = scored("importance_bits_per_dim", importance(1));
  for (const std::int64_t draws : {4, 16, 64}) {
    const auto now = scored("importance_bits_per_dim", importance(draws));
    Numbers falls;
    for (std::size_t i = 0; i < now.size(); ++i) falls.push_back(before[i] - now[i]);
    // Differences of each image, so that the variation between images does not count as noise.
    EXPECT_GT(mean_of(falls), 4 * standard_error_of(falls)) << draws;
    EXPECT_NEAR(json_["data"]["importance_bits_per_dim"].get<double>(), mean_of(now), 1e-6);
    before = now;
  }
}

/// The fraction of pairs in which the outside image has more bits; a tie counts as half.
double share_of_pairs(const Numbers& inside, const Numbers& outside) {
  double pairs = 0;
  for (const double in : inside) {
    for (const double out : outside) pairs += out > in ? 1 : out == in ? 0.5 : 0;
  }
  return pairs / static_cast<double>(inside.size() * outside.size());
}

class GlowEvalClasses : public GlowEval {
 protected:
  /// Writes pictures to one folder for each class; their values are those of the whole range divided by `darker`.
  std::string put_classes(const std::string& name, int count, std::uint32_t seed, int darker) {
    const std::vector<std::string> classes{"ankle boot", "bag", "coat"};
    for (int i = 0; i < count; ++i) {
      auto picture = make_picture(4, 8, 3, seed + static_cast<std::uint32_t>(i));
      for (auto& value : picture.pixels) value = static_cast<std::uint8_t>(value / darker);
      const auto place = file(name) / classes[static_cast<std::size_t>(i) % 3];
      put_picture(place / (std::to_string(i) + ".png"), picture);
    }
    return "folder:" + file(name).string();
  }

  Arguments flags(const std::string& classes) const {
    return {"--model",     kClassModel,
            "--split",     "all",
            "--draws",     "0",  // with dequantisation the two sets would have different noise
            "--classes",   classes,
            "--scores",    file("scores.csv").string(),
            "--histogram", file("bits.svg").string(),
            "--precision", "fp64",
            "--overwrite"};
  }
};

TEST_F(GlowEvalClasses, AurocIsComputedFromTheMarginalScores) {
  const auto data = put_classes("known", 31, 1, 1), others = put_classes("others", 20, 100, 2);
  results(flags("marginal") + Arguments{"--data", others});
  const auto outside = column(file("scores.csv"), "bits_per_dim");
  ASSERT_EQ(outside.size(), 20u);
  const auto json = results(flags("marginal") + Arguments{"--data", data, "--ood", others});
  const auto inside = column(file("scores.csv"), "bits_per_dim");
  ASSERT_EQ(inside.size(), 31u);
  EXPECT_NEAR(json["ood"]["bits_per_dim"].get<double>(), mean_of(outside), 1e-9);
  const double share = share_of_pairs(inside, outside);
  EXPECT_GT(share, 0);  // some pairs of either kind, so that the test is not trivial
  EXPECT_LT(share, 1);
  EXPECT_NEAR(json["auroc"]["bits_per_dim"]["value"].get<double>(), share, 1e-9);
  EXPECT_GT(json["auroc"]["bits_per_dim"]["standard_error"], 0);
  const auto picture = get(file("bits.svg"));
  for (const char* text : {"known, all (31)", "others, all (20)", "bits/dim"}) {
    EXPECT_NE(picture.find(text), std::string::npos) << text;
  }
}

TEST_F(GlowEvalClasses, HistogramShowsTheRequestedDensity) {
  const auto data = put_classes("known", 31, 1, 1);
  std::vector<std::string> pictures;
  for (const auto* classes : {"label", "marginal"}) {
    EXPECT_EQ(results(flags(classes) + Arguments{"--data", data})["classes"], classes);
    pictures.push_back(get(file("bits.svg")));
    EXPECT_TRUE(pictures.back().starts_with("<svg "));
    EXPECT_NE(pictures.back().find("known, all (31)"), std::string::npos);
  }
  EXPECT_NE(pictures[0], pictures[1]);
}

}  // namespace
}  // namespace glow::testing::eval_bounds_test
