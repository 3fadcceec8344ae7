#include <filesystem>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/tools.h"

namespace glow::testing::eval_bad_input_test {
namespace {

namespace fs = std::filesystem;

/// Flags of a call in a directory that contains "grey.npy", 5 images of 4x8.
struct Refusal {
  std::string name;
  /// Appended to "--model MODEL --data npy:grey.npy --split all --scores scores.csv"; the last value of a flag counts.
  /// "DIRECTORY/" begins a path in the test's directory.
  Arguments flags;
  std::vector<std::string> message;
  std::string model = "grey_lu_affine";
  int exit_code = 2;
};

class GlowEvalRefusal : public ::testing::TestWithParam<Refusal> {};

TEST_P(GlowEvalRefusal, ErrorIsOneLineThatNamesTheFlagAndNothingIsWritten) {
  const TemporaryDirectory directory;
  put_images(directory / "grey.npy", {5, 4, 8});
  put_images(directory / "small.npy", {5, 2, 8});
  Arguments flags{"--model",  fixture_model(GetParam().model), "--data", "npy:DIRECTORY/grey.npy", "--split", "all",
                  "--scores", "DIRECTORY/scores.csv"};
  for (auto& flag : flags = flags + GetParam().flags) {
    const std::string here = "DIRECTORY";
    if (const auto place = flag.find(here); place != std::string::npos) {
      flag.replace(place, here.size(), directory.path().string());
    }
  }
  EXPECT_TRUE(failed(eval(flags), "glow-eval", GetParam().exit_code, GetParam().message));
  EXPECT_EQ(count_files(directory.path()), 2u);
}

INSTANTIATE_TEST_SUITE_P(
    Usage, GlowEvalRefusal,
    ::testing::Values(
        Refusal{"UnknownFlag", {"--out", "x"}, {"unknown flag --out"}},
        Refusal{"NoModel", {"--model", ""}, {"--model: expected a model file"}},
        Refusal{"NoImages", {"--data", ""}, {"--images: expected the images to score", "--data"}},
        Refusal{"ImagesAndData", {"--images", "DIRECTORY/grey.npy"}, {"--images: cannot be combined with --data"}},
        Refusal{"SortByWithoutAList", {"--sort-by", "bits_per_dim"}, {"--sort-by: ", "--worst", "--best"}},
        Refusal{
            "UnknownScore", {"--worst", "1", "--sort-by", "bits"}, {"--sort-by: ", "'bits'", "complexity_corrected"}},
        Refusal{"SortByAScoreThatIsNotComputed",
                {"--worst", "1", "--sort-by", "importance_bits_per_dim"},
                {"--sort-by: ", "--importance M"}},
        Refusal{"NegativeWorst", {"--worst", "-1"}, {"--worst: ", "got -1"}},
        Refusal{"NegativeBest", {"--best", "-1"}, {"--best: ", "got -1"}},
        Refusal{"UnknownData", {"--data", "mnist"}, {"--data: ", "\"mnist\"", "fashion-mnist[:DIR]"}},
        Refusal{"UnknownSplit", {"--split", "dev"}, {"--split: ", "'dev'", "auto, train, valid, test, all"}},
        Refusal{"NegativeDraws", {"--draws", "-1"}, {"--draws: ", "got -1"}},
        Refusal{"DrawsNotANumber", {"--draws", "some"}, {"--draws: expected a whole number or none", "'some'"}},
        Refusal{"NegativeImportance", {"--importance", "-1"}, {"--importance: ", "got -1"}},
        Refusal{"NegativeCount", {"--count", "-1"}, {"--count: ", "got -1"}},
        Refusal{"NegativeRoundTrip", {"--round-trip", "-1"}, {"--round-trip: ", "got -1"}},
        Refusal{"ZeroBatch", {"--batch", "0"}, {"--batch: ", "got 0"}},
        Refusal{"UnknownClasses", {"--classes", "both"}, {"--classes: ", "'both'", "label, marginal"}},
        Refusal{"ScoresWithWrongExtension", {"--scores", "DIRECTORY/s.txt"}, {"--scores: expected FILE.csv", "s.txt"}},
        Refusal{"HistogramWithWrongExtension",
                {"--histogram", "DIRECTORY/h.png"},
                {"--histogram: expected FILE.svg", "h.png"}},
        Refusal{"SameFileForScoresAndHistogram",
                {"--scores", "DIRECTORY/x", "--histogram", "DIRECTORY/x"},
                {"--histogram: ", "is the file of --scores"}}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Images, GlowEvalRefusal,
    ::testing::Values(
        Refusal{"Missing", {"--data", "npy:DIRECTORY/no.npy"}, {"no.npy", "No such file"}, "grey_lu_affine", 1},
        Refusal{"NoTestImages", {"--split", "test"}, {"--split: ", "grey.npy", "no test images"}},
        Refusal{
            "AutoSplitWithoutTrainingRecord",
            {"--split", "auto"},
            {"--split: it is not known which images of ", "grey.npy", "does not say", "--split all", "--split-seed"}},
        Refusal{"TooFewImagesToHoldOut",
                {"--split", "auto", "--split-seed", "0"},
                {"--split: ", "grey.npy", "no validation images", "--split all"}},
        Refusal{"AllHeldOut",
                {"--split", "valid", "--split-seed", "0", "--valid-images", "5"},
                {"--valid-images: 5 leaves no"}},
        Refusal{"WrongNumberOfChannels", {}, {"--data: ", "grey.npy have 1 channel,", " 3"}, "colour_conv1x1_affine"},
        Refusal{"TooSmall", {"--data", "npy:DIRECTORY/small.npy"}, {"--data: ", "small.npy", "2x8", "4x8"}},
        Refusal{"ResizeTooLarge", {"--resize", "64"}, {"--resize: image 0 of ", "64 is too large for an image of 4x8"}},
        Refusal{"WithoutClasses",
                {},
                {"--data: ", "grey.npy", "has no classes", "--classes marginal"},
                "conditional_shuffle_additive_plain"},
        Refusal{"MarginalForUnconditionalModel", {"--classes", "marginal"}, {"--classes: ", "unconditional"}},
        Refusal{"OodWithoutLabels",
                {"--ood", "npy:DIRECTORY/grey.npy"},
                {"--ood: ", "--classes marginal"},
                "conditional_shuffle_additive_plain"},
        Refusal{"OodMissing", {"--ood", "npy:DIRECTORY/no.npy"}, {"no.npy", "No such file"}, "grey_lu_affine", 1},
        Refusal{"OodUnknown", {"--ood", "noise"}, {"--ood: ", "\"noise\""}},
        Refusal{"OodTooSmall", {"--ood", "npy:DIRECTORY/small.npy"}, {"--ood: ", "small.npy", "2x8"}}),
    name_of);

TEST(GlowEvalFiles, ErrorNamesAMissingOrDamagedModel) {
  const TemporaryDirectory directory;
  const auto images = "npy:" + put_images(directory / "grey.npy", {5, 4, 8}).string();
  const auto model = (directory / "model.safetensors").string();
  const Arguments flags{"--model", model, "--data", images, "--split", "all"};
  EXPECT_TRUE(failed(eval(flags), "glow-eval", 1, {model, "No such file"}));
  auto bytes = get(kGreyModel);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  put(model, bytes);
  EXPECT_TRUE(failed(eval(flags), "glow-eval", 1, {model, "checksum"}));
}

TEST(GlowEvalFiles, RefusesExistingOutputWithoutOverwrite) {
  const TemporaryDirectory directory;
  const auto images = "npy:" + put_images(directory / "grey.npy", {5, 4, 8}).string();
  const Arguments flags{"--model", kGreyModel, "--data", images, "--split", "all"};
  const std::string heading =
      "index,name,label,bits_per_dim,spread,importance_bits_per_dim,complexity_corrected,predicted\n";
  for (const auto& [flag, name, mine] :
       {std::tuple{"--scores", "s.csv", heading}, std::tuple{"--histogram", "h.svg", std::string("mine")}}) {
    const auto out = directory / name;
    put(out, mine);
    EXPECT_TRUE(failed(eval(flags + Arguments{flag, out.string()}), "glow-eval", 2,
                       {std::string(flag) + ": " + out.string() + " exists", "--overwrite"}));
    EXPECT_EQ(get(out), mine);
    EXPECT_TRUE(succeeded(eval(flags + Arguments{flag, out.string(), "--overwrite"})));
    EXPECT_NE(get(out), mine);
  }
}

TEST(GlowEvalFiles, OverwriteRefusesToReplaceAnInputOrAForeignTable) {
  const TemporaryDirectory directory;
  const auto model = directory / "model.csv", images = directory / "grey.csv", table = directory / "table.csv",
             link = directory / "link.svg";
  put(model, get(kGreyModel));
  put_images(images, {5, 4, 8});
  put(table, "name,age\nann,40\n");
  fs::create_symlink(model, link);
  const Arguments flags{"--model", model.string(), "--data", "npy:" + images.string(), "--split", "all", "--overwrite"};
  struct Case {
    std::string flag;
    fs::path out, kept;
    std::string message;
  };
  for (const auto& [flag, out, kept, message] :
       {Case{"--scores", model, model, "is read here"}, Case{"--scores", images, images, "is read here"},
        Case{"--scores", table, table, "holds no scores"}, Case{"--histogram", link, model, "is read here"}}) {
    const auto before = get(kept);
    EXPECT_TRUE(
        failed(eval(flags + Arguments{flag, out.string()}), "glow-eval", 2, {flag + ": " + out.string(), message}));
    EXPECT_TRUE(get(kept) == before) << kept;
  }
}

TEST(GlowEvalFiles, UnwritablePathIsReportedBeforeScoring) {
  const TemporaryDirectory directory;
  const auto out = (directory / "none/scores.csv").string();
  EXPECT_TRUE(failed(eval({"--model", "no model", "--data", "fashion-mnist", "--scores", out}), "glow-eval", 1,
                     {"cannot write " + out}));
}

TEST(GlowEvalFiles, FileSizeLimitLeavesNoPartialFile) {
  const TemporaryDirectory directory;
  const auto images = "npy:" + put_images(directory / "grey.npy", {500, 4, 8}).string();
  const auto out = (directory / "scores.csv").string();
  // The limit leaves room for the file of 1 KB that clang's OpenMP writes at the start.
  const auto outcome =
      run_process(command("glow-eval", {"--model", kGreyModel, "--data", images, "--split", "all", "--scores", out}),
                  {.file_size = 4000});
  EXPECT_TRUE(failed(outcome, "glow-eval", 1, {"cannot write " + out, "File too large"}));
  EXPECT_EQ(count_files(directory.path()), 1u);
}

}  // namespace
}  // namespace glow::testing::eval_bad_input_test
