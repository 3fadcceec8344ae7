#include <cmath>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/io/image.h>
#include <glow/io/npy.h>
#include <glow/io/safetensors.h>

#include "support/eval_tool.h"

namespace glow::testing::eval_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

TEST_F(GlowEval, HelpListsEveryFlag) {
  const auto outcome = eval({"--help-all"});
  EXPECT_TRUE(succeeded(outcome));
  for (const char* flag :
       {"--images IMAGES", "--worst N",      "--best N",         "--sort-by SCORE",   "--model FILE",
        "--data SOURCE",   "--split KIND",   "--valid-images N", "--split-seed S",    "--resize R",
        "--random-crop",   "--count N",      "--draws M",        "--importance M",    "--classes KIND",
        "--seed S",        "--round-trip N", "--ood IMAGES",     "--scores FILE.csv", "--histogram FILE.svg",
        "--overwrite",     "--json",         "--batch N",        "--device NAME",     "--precision KIND",
        "--threads N",     "--version",      "--help",           "(default: auto)",   "Examples\n  glow-eval"}) {
    EXPECT_NE(outcome.out.find(flag), std::string::npos) << flag;
  }
}

TEST_F(GlowEval, BitsPerDimEqualThePythonReferenceForAnyBatchSize) {
  struct Way {
    std::string precision, batch;
    double tolerance;
  };
  for (const std::string name : {"grey_lu_affine", "colour_conv1x1_additive"}) {
    const ScoreReference reference(name);
    const auto bits = reference.mean_over_draws("bits_per_dim");
    const Arguments flags{"--model", fixture_model(name), "--data", array(reference), "--split", "all"};
    for (const auto& way :
         {Way{"fp64", "1", 1e-9}, Way{"fp64", "3", 1e-9}, Way{"fp32", "2", 1e-6}, Way{"fp32", "64", 1e-6}}) {
      const auto json = results(flags + Arguments{"--draws", "4", "--importance", "4", "--seed", reference.seed(),
                                                  "--batch", way.batch, "--precision", way.precision});
      const auto& data = json["data"];
      EXPECT_EQ(data["images"], 7);
      EXPECT_NEAR(data["bits_per_dim"].get<double>(), mean_of(bits), way.tolerance) << name << way.batch;
      EXPECT_NEAR(data["standard_error"].get<double>(), standard_error_of(bits), way.tolerance);
      EXPECT_NEAR(data["importance_bits_per_dim"].get<double>(), mean_of(reference.numbers("importance_bits_per_dim")),
                  way.tolerance);
      EXPECT_LT(data["importance_bits_per_dim"], data["bits_per_dim"]);
    }
    const auto centres = results(flags + Arguments{"--draws", "0", "--precision", "fp64"});
    EXPECT_NEAR(centres["data"]["bits_per_dim"].get<double>(), mean_of(reference.numbers("center_bits_per_dim")), 1e-9);
    EXPECT_EQ(centres["precision"], "fp64");
  }
}

TEST_F(GlowEval, ConditionalModelScoresByLabelOrMarginalAndClassifies) {
  const std::string name = "conditional_conv1x1_affine";
  const ScoreReference reference(name);
  const auto data = folder(reference, {"ankle boot", "bag", "coat"});
  const Arguments flags{"--model", fixture_model(name), "--data", data,     "--split",        "all",         "--draws",
                        "4",       "--importance",      "4",      "--seed", reference.seed(), "--precision", "fp64"};
  const auto labels = reference.labels(), predicted = reference.predicted();
  std::int64_t correct = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) correct += labels[i] == predicted[i] ? 1 : 0;

  const auto by_label = results(flags + Arguments{"--scores", file("label.csv").string()});
  EXPECT_NEAR(by_label["data"]["bits_per_dim"].get<double>(), mean_of(reference.mean_over_draws("bits_per_dim")), 1e-9);
  EXPECT_EQ(by_label["classes"], "label");
  EXPECT_EQ(by_label["classification"]["images"], 7);
  EXPECT_EQ(by_label["classification"]["correct"], correct);
  const auto lines = csv(file("label.csv"));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    EXPECT_EQ(lines.at(i + 1).at(2), std::to_string(labels[i]));
    EXPECT_EQ(lines.at(i + 1).at(7), std::to_string(predicted[i]));
  }

  const auto marginal = results(Arguments{"--classes", "marginal"} + flags);
  EXPECT_NEAR(marginal["data"]["bits_per_dim"].get<double>(),
              mean_of(reference.mean_over_draws("marginal_bits_per_dim")), 1e-9);
  EXPECT_NEAR(marginal["data"]["importance_bits_per_dim"].get<double>(),
              mean_of(reference.numbers("marginal_importance_bits_per_dim")), 1e-9);
  EXPECT_EQ(marginal["classification"]["images"], 7);
  EXPECT_EQ(marginal["classification"]["correct"], correct);
}

TEST_F(GlowEval, MarginalScoresIgnoreMissingAndUnknownClasses) {
  const std::string name = "conditional_conv1x1_affine";
  const ScoreReference reference(name);
  const auto others = folder(reference, {"ankle boot", "bag", "dress"});
  for (std::int64_t i = 0; i < 7; ++i) put_picture(file("flat") / (std::to_string(i) + ".png"), reference.image(i));
  for (const auto& data : {others, "folder:" + file("flat").string()}) {
    const auto json = results({"--model", fixture_model(name), "--data", data, "--split", "all", "--classes",
                               "marginal", "--scores", file("scores.csv").string(), "--overwrite"});
    EXPECT_EQ(json["data"]["images"], 7);
    EXPECT_TRUE(json["classification"].is_null());
    EXPECT_EQ(csv(file("scores.csv")).at(1).at(2), "");
  }
}

TEST_F(GlowEval, ScoresFileHasALinePerImageInOrder) {
  const ScoreReference reference("grey_lu_affine");
  const Arguments flags{"--model", kGreyModel, "--data",         array(reference), "--split",
                        "all",     "--seed",   reference.seed(), "--precision",    "fp64"};
  results(flags + Arguments{"--draws", "4", "--importance", "4", "--scores", file("scores.csv").string()});
  const auto lines = csv(file("scores.csv"));
  ASSERT_EQ(lines.size(), 8u);
  EXPECT_EQ(lines[0], (std::vector<std::string>{"index", "name", "label", "bits_per_dim", "spread",
                                                "importance_bits_per_dim", "complexity_corrected", "predicted"}));
  const auto bits = reference.mean_over_draws("bits_per_dim"),
             importance = reference.numbers("importance_bits_per_dim");
  const auto draws = reference.numbers("bits_per_dim");
  for (std::size_t i = 0; i < 7; ++i) {
    const auto& line = lines[i + 1];
    ASSERT_EQ(line.size(), 8u);
    EXPECT_EQ(line[0], std::to_string(i));
    EXPECT_NE(line[1].find("images.npy"), std::string::npos);
    EXPECT_EQ(line[2], "");
    EXPECT_NEAR(std::stod(line[3]), bits[i], 1e-9);
    const double spread = standard_error_of({draws[i], draws[7 + i], draws[14 + i], draws[21 + i]}) * 2;
    EXPECT_NEAR(std::stod(line[4]), spread, 1e-9);
    EXPECT_NEAR(std::stod(line[5]), importance[i], 1e-9);
    const auto png =
        8.0 * static_cast<double>(io::encode_png(reference.image(static_cast<std::int64_t>(i))).size()) / 32;
    EXPECT_NEAR(std::stod(line[6]), bits[i] - png, 1e-9);
    EXPECT_EQ(line[7], "");
  }
  // A single draw has no spread, and no other score was requested.
  const auto again = flags + Arguments{"--scores", file("scores.csv").string()};
  EXPECT_TRUE(failed(eval(again), "glow-eval", 2, {"--scores: ", "scores.csv exists", "--overwrite"}));
  results(again + Arguments{"--overwrite", "--count", "2"});
  const auto fewer = csv(file("scores.csv"));
  ASSERT_EQ(fewer.size(), 3u);
  EXPECT_EQ(fewer[1][4] + fewer[1][5], "");
  EXPECT_NEAR(std::stod(fewer[2][3]), draws[1], 1e-9);
}

TEST_F(GlowEval, NamesInTheScoresFileAreQuoted) {
  const ScoreReference reference("colour_conv1x1_additive");
  put_picture(file("pictures") / "a,\"b\".png", reference.image(0));
  results({"--model", fixture_model("colour_conv1x1_additive"), "--data", "folder:" + file("pictures").string(),
           "--split", "all", "--scores", file("scores.csv").string()});
  EXPECT_NE(get(file("scores.csv")).find("/a,\"\"b\"\".png\","), std::string::npos);
}

TEST_F(GlowEval, SplitsMatchTraining) {
  const auto data = "fashion-mnist:" + put_fashion_mnist(file("fashion")).string();
  const auto run = file("run");
  ASSERT_TRUE(succeeded(train(tiny_model() + Arguments{"--data", data, "--steps", "1", "--out", run.string()})));
  const Arguments flags{"--model", (run / "model.safetensors").string(), "--data", data};
  const auto scored = [&](const Arguments& more) { return results(flags + more)["data"]; };
  EXPECT_EQ(scored({})["split"], "test");
  EXPECT_EQ(scored({"--split", "valid"})["images"], 8);
  EXPECT_EQ(scored({"--split", "train"})["images"], 52);
  EXPECT_EQ(scored({"--split", "all"})["images"], 60);
}

TEST_F(GlowEval, SplitAllIsTrainAndValidationFolder) {
  const ScoreReference reference("colour_conv1x1_additive");
  for (std::int64_t i = 0; i < 7; ++i) {
    const auto place = file("splits") / (i < 4 ? "train" : i < 6 ? "valid" : "test");
    put_picture(place / (std::to_string(i) + ".png"), reference.image(i));
  }
  const Arguments flags{"--model",     fixture_model("colour_conv1x1_additive"),
                        "--data",      "folder:" + file("splits").string(),
                        "--scores",    file("scores.csv").string(),
                        "--overwrite", "--split"};
  const auto scored = [&](const std::string& split) {
    EXPECT_EQ(results(flags + Arguments{split})["data"]["split"], split);
    auto lines = csv(file("scores.csv"));
    lines.erase(lines.begin());
    for (auto& line : lines) line[0].clear();
    return lines;
  };
  const auto train = scored("train"), valid = scored("valid"), all = scored("all");
  ASSERT_EQ(train.size(), 4u);
  ASSERT_EQ(valid.size(), 2u);
  ASSERT_EQ(all.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(all[i][1], i < 4 ? train[i][1] : valid[i - 4][1]);
}

TEST_F(GlowEval, OodReportsAurocAndHistogram) {
  const ScoreReference reference("colour_conv1x1_additive");
  io::write_npy(file("flat.npy"), "|u1", {5, 8, 8, 3}, std::string(5 * 8 * 8 * 3, '\x80'));
  const Arguments flags{
      "--model", fixture_model("colour_conv1x1_additive"), "--data", array(reference), "--split", "all",
      "--ood",   "npy:" + file("flat.npy").string()};
  const auto json = results(flags + Arguments{"--histogram", file("bits.svg").string()});
  EXPECT_EQ(json["ood"]["images"], 5);
  EXPECT_EQ(json["ood"]["split"], "all");
  // Flat grey is more likely than noise; the correction for complexity reverses this.
  EXPECT_LT(json["ood"]["bits_per_dim"], json["data"]["bits_per_dim"]);
  EXPECT_EQ(json["auroc"]["bits_per_dim"]["value"], 0);
  EXPECT_EQ(json["auroc"]["complexity_corrected"]["value"], 1);
  EXPECT_LT(json["ood"]["png_bits_per_dim"], json["data"]["png_bits_per_dim"]);
  const auto picture = get(file("bits.svg"));
  EXPECT_TRUE(picture.starts_with("<svg "));
  for (const char* text : {"images.npy, all (7)", "flat.npy, all (5", "bits/dim"}) {
    EXPECT_NE(picture.find(text), std::string::npos) << text;
  }
}

TEST_F(GlowEval, ReportsTheRoundTripError) {
  const ScoreReference reference("grey_lu_affine");
  const Arguments flags{"--model", kGreyModel, "--data", array(reference), "--split", "all"};
  const auto single = results(flags)["round_trip"];
  EXPECT_EQ(single["images"], 7);
  EXPECT_EQ(single["changed"], 0);
  EXPECT_GT(single["max_error"], 0);
  EXPECT_LT(single["max_error"], 1e-4);
  const auto two_in_float64 = results(flags + Arguments{"--round-trip", "2", "--precision", "fp64"})["round_trip"];
  EXPECT_EQ(two_in_float64["images"], 2);
  EXPECT_LT(two_in_float64["max_error"], 1e-12);
  EXPECT_TRUE(results(flags + Arguments{"--round-trip", "0"})["round_trip"].is_null());
}

TEST_F(GlowEval, PrintsTheResultsAsText) {
  const ScoreReference reference("conditional_conv1x1_affine");
  const auto data = folder(reference, {"ankle boot", "bag", "coat"});
  const auto outcome = eval({"--model", kClassModel, "--data", data, "--split", "all", "--draws", "4", "--importance",
                             "4", "--seed", reference.seed()});
  ASSERT_TRUE(succeeded(outcome));
  for (const char* text : {"split all: 7 images", "geometry     4x8, as they are", "bits/dim     7.2128 +- ",
                           "4 draws, standard error due to the noise 0.0", "importance   7.2122 +- ",
                           "accuracy     14.29 % of 7 images", "max|decode(encode(x)) - x| ",
                           "7 images encoded and decoded, all come back byte for byte in the "
                           "model's 5 bits\n"}) {
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << " in " << outcome.out;
  }
}

TEST_F(GlowEval, WritesAllFilesBeforeFailingForNonFiniteDensities) {
  // An LU map whose last weight is close to overflow: only the density of bright images overflows.
  const ScoreReference reference("grey_lu_affine");
  const auto model = file("model.safetensors");
  auto bytes = get(kGreyModel);
  const io::SafetensorsReader reader(kGreyModel);
  std::vector<io::TensorEntry> entries = reader.entries();
  const float huge = 3e38F;
  std::string weight;
  for (auto& entry : entries) {
    if (entry.name != "levels.0.steps.0.permutation.upper") continue;
    weight = std::string(entry.data);
    std::memcpy(weight.data() + 3 * sizeof huge, &huge, sizeof huge);
    entry.data = weight;
  }
  io::write_safetensors(model, reader.metadata(), entries);
  const auto outcome = eval({"--model", model.string(), "--data", array(reference), "--split", "all", "--scores",
                             file("scores.csv").string(), "--histogram", file("bits.svg").string(), "--json"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.err, "glow-eval: 7 of 7 images have a density that is not finite\n");
  const auto json = Json::parse(outcome.out, nullptr, false);
  EXPECT_EQ(json["data"]["non_finite"], 7);
  EXPECT_TRUE(json["data"]["bits_per_dim"].is_null());
  EXPECT_EQ(csv(file("scores.csv")).size(), 8u);
  EXPECT_NE(get(file("bits.svg")).find("without 7 not finite"), std::string::npos);
}

TEST_F(GlowEval, WritesNothingWhenInterrupted) {
  const auto images = put_images(file("many.npy"), {20000, 4, 8});
  Process process(
      command("glow-eval", {"--model", kGreyModel, "--data", "npy:" + images.string(), "--split", "all", "--batch", "1",
                            "--draws", "100", "--scores", file("scores.csv").string(), "--threads", "1"}),
      {.on_terminal = true});
  ASSERT_TRUE(process.wait_for("images"));
  process.send(SIGINT);
  const auto outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.err.find("glow-eval: stopped by SIGINT"), std::string::npos);
  EXPECT_EQ(count_files(directory_.path()), 1u);
}

}  // namespace
}  // namespace glow::testing::eval_test
