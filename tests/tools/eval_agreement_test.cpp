// Checks that glow-eval scores the images that glow-train held out, with the same result and without the training's
// flags.
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/io/image.h>

#include "support/eval_tool.h"
#include "support/pictures.h"

namespace glow::testing::eval_agreement_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// Writes pictures `first` ... `end` - 1 to a folder; they are larger than the image size of every preset.
void put_pictures(const fs::path& folder, int first, int end, int channels = 3) {
  for (int i = first; i < end; ++i) {
    put_picture(folder / (std::to_string(i) + ".png"),
                make_picture(258 + i % 3 * 9, 261 + i % 2 * 20, channels, static_cast<std::uint32_t>(i)));
  }
}

/// Writes the binary version of CIFAR-10 with three images in each batch.
void put_cifar10(const fs::path& folder) {
  fs::create_directories(folder);
  constexpr int kImages = 3, kBytes = 32 * 32 * 3;
  std::uint32_t seed = 0;
  const auto batch = [&] {
    std::string bytes;
    for (int i = 0; i < kImages; ++i) {
      const auto picture = make_picture(32, 32, 3, ++seed).pixels;
      bytes += static_cast<char>(i);
      bytes.append(picture.begin(), picture.begin() + kBytes);
    }
    return bytes;
  };
  for (int i = 1; i <= 5; ++i) put(folder / ("data_batch_" + std::to_string(i) + ".bin"), batch());
  put(folder / "test_batch.bin", batch());
  put(folder / "batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
}

/// Writes the data set of a test case to a directory.
std::string put_data(const std::string& name, const fs::path& directory) {
  const auto folder = directory / name;
  if (name == "fashion") return "fashion-mnist:" + put_fashion_mnist(folder).string();
  if (name == "array") return "npy:" + put_images(directory / "array.npy", {40, 8, 8, 3}).string();
  if (name == "cifar10") {
    put_cifar10(folder);
    return "cifar10:" + folder.string();
  }
  if (name == "splits") {
    put_pictures(folder / "train", 0, 20);
    put_pictures(folder / "test", 20, 26);
  } else if (name == "own_valid") {
    put_pictures(folder / "train", 0, 9);
    put_pictures(folder / "valid", 20, 25);
  } else if (name == "classes") {
    put_pictures(folder / "cat", 0, 12);
    put_pictures(folder / "dog", 12, 24);
  } else {
    put_pictures(folder, 0, 20);
  }
  if (name == "corrupt") {
    for (const char* file : {"3.png", "12.png"}) put(folder / file, get(folder / file).substr(0, 200));
  }
  return "folder:" + folder.string();
}

struct Agreement {
  std::string name;
  std::string data;
  Arguments flags = {};
};

class GlowEvalAgreement : public GlowEval, public ::testing::WithParamInterface<Agreement> {
 protected:
  /// Trains a small model for a few steps, whatever the preset says.
  fs::path trained(const std::string& data, const Arguments& flags, const std::string& name = "run",
                   const std::string& seed = "7") {
    const auto run = file(name);
    const auto outcome = train(Arguments{"--data",
                                         data,
                                         "--levels",
                                         "1",
                                         "--depth",
                                         "1",
                                         "--width",
                                         "4",
                                         "--batch",
                                         "4",
                                         "--steps",
                                         "2",
                                         "--seed",
                                         seed,
                                         "--threads",
                                         "1",
                                         "--checkpoint-every",
                                         "0",
                                         "--out",
                                         run.string()} +
                               flags);
    EXPECT_TRUE(succeeded(outcome));
    return run;
  }

  /// The last value of `key` in the metrics of a run.
  static Json figure(const fs::path& run, const std::string& key) {
    Json last;
    std::istringstream metrics(get(run / "metrics.jsonl"));
    for (std::string line; std::getline(metrics, line);) {
      const auto json = Json::parse(line);
      if (json.contains(key)) last = json[key];
    }
    return last;
  }

  static Json scored(const fs::path& run, const std::string& data, const Arguments& more = {}) {
    const auto outcome = eval(Arguments{"--model", (run / "model.safetensors").string(), "--data", data, "--round-trip",
                                        "0", "--threads", "1", "--json"} +
                              more);
    EXPECT_TRUE(succeeded(outcome));
    return Json::parse(outcome.out, nullptr, /*allow_exceptions=*/false);
  }

  /// Changes a model file to the format of the previous version, without a training record.
  void forget_training(const fs::path& model) const {
    const io::SafetensorsReader reader(model);
    auto metadata = reader.metadata();
    EXPECT_EQ(metadata.erase("glow.data"), 1u);
    io::write_safetensors(file("plain.safetensors"), metadata, reader.entries());
    fs::rename(file("plain.safetensors"), model);
  }

  /// The names of the images in a split.
  std::vector<std::string> names(const fs::path& run, const std::string& data, const Arguments& more) {
    const auto scores = file("names.csv").string();
    scored(run, data, Arguments{"--scores", scores, "--overwrite"} + more);
    std::vector<std::string> names;
    for (const auto& line : csv(scores)) names.push_back(line.at(1));
    return names;
  }
};

TEST_P(GlowEvalAgreement, ScoresMatchTrainingBitForBit) {
  const auto data = put_data(GetParam().data, directory_.path());
  const auto run = trained(data, GetParam().flags);
  const auto valid = scored(run, data, {"--split", "valid"});
  EXPECT_EQ(valid["data"]["bits_per_dim"], figure(run, "valid_bits_per_dim"));
  EXPECT_EQ(valid["data"]["standard_error"], figure(run, "valid_standard_error"));
  const auto by_default = scored(run, data)["data"];
  const auto test = figure(run, "test_bits_per_dim");
  EXPECT_EQ(by_default["split"], test.is_null() ? "valid" : "test");
  EXPECT_EQ(by_default["bits_per_dim"], test.is_null() ? figure(run, "valid_bits_per_dim") : test);
}

INSTANTIATE_TEST_SUITE_P(Presets, GlowEvalAgreement,
                         ::testing::Values(Agreement{"demo", "fashion", {"--preset", "demo"}},
                                           Agreement{"fashion", "fashion", {"--preset", "fashion-mnist"}},
                                           Agreement{"cifar10", "cifar10", {"--preset", "cifar10"}},
                                           Agreement{"conditional", "cifar10", {"--preset", "cifar10-conditional"}},
                                           Agreement{"imagenet32", "splits", {"--preset", "imagenet32"}},
                                           Agreement{"imagenet64", "splits", {"--preset", "imagenet64"}},
                                           Agreement{"lsun64", "splits", {"--preset", "lsun64"}},
                                           Agreement{"celeba", "splits", {"--preset", "celeba-hq-256"}}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(
    Sources, GlowEvalAgreement,
    ::testing::Values(Agreement{"array", "array"}, Agreement{"own_valid", "own_valid", {"--image-size", "16"}},
                      Agreement{"classes", "classes", {"--image-size", "16", "--conditional"}},
                      Agreement{"corrupt", "corrupt", {"--image-size", "16", "--skip-corrupt"}},
                      Agreement{"native_crops", "folder", {"--image-size", "16", "--random-crop"}},
                      Agreement{"not_square", "folder", {"--image-size", "16x24", "--resize", "32"}},
                      Agreement{"framed", "fashion", {"--image-size", "12"}}),
    name_of);

class GlowEvalHeldOut : public GlowEvalAgreement {};

TEST_F(GlowEvalHeldOut, DoesNotDependOnSeedOrDataPath) {
  const auto data = put_data("folder", directory_.path());
  const auto run = trained(data, {"--image-size", "16"});
  const auto held_out = names(run, data, {});
  EXPECT_EQ(held_out.size(), 3u);  // including the heading
  EXPECT_EQ(names(run, data, {"--seed", "9"}), held_out);
  EXPECT_NE(scored(run, data, {"--seed", "9"})["data"]["bits_per_dim"], figure(run, "valid_bits_per_dim"));
  fs::rename(file("folder"), file("elsewhere"));
  EXPECT_EQ(scored(run, "folder:" + file("elsewhere").string())["data"]["bits_per_dim"],
            figure(run, "valid_bits_per_dim"));
}

TEST_F(GlowEvalHeldOut, RefusesOtherImagesAndContradictingFlags) {
  const auto data = put_data("array", directory_.path());
  const auto run = trained(data, {});
  const auto model = (run / "model.safetensors").string();
  // As many images of the same size: only the content differs.
  auto bytes = get(file("array.npy"));
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  put(file("other.npy"), bytes);
  for (const auto* split : {"auto", "valid", "train"}) {
    EXPECT_TRUE(failed(eval({"--model", model, "--data", "npy:" + file("other.npy").string(), "--split", split}),
                       "glow-eval", 2, {"--split: ", "other.npy", "was trained on other images", "--split all"}));
  }
  EXPECT_TRUE(failed(
      eval({"--model", model, "--data", "npy:" + file("other.npy").string(), "--split", "valid", "--split-seed", "7"}),
      "glow-eval", 2, {"--split: ", "was trained on other images"}));
  EXPECT_EQ(scored(run, "npy:" + file("other.npy").string(), {"--split", "all"})["data"]["images"], 40);
  // The images are the same, but the flag contradicts the training record in the model file.
  EXPECT_TRUE(failed(eval({"--model", model, "--data", data, "--split-seed", "8"}), "glow-eval", 2,
                     {"--split-seed: got 8, but the training of ", "4 images drawn by seed 7"}));
  EXPECT_TRUE(failed(eval({"--model", model, "--data", data, "--valid-images", "9"}), "glow-eval", 2,
                     {"--valid-images: got 9, but the training of ", "4 images drawn by seed 7"}));
  EXPECT_TRUE(failed(eval({"--model", model, "--data", data, "--split-seed", "7", "--split", "all"}), "glow-eval", 2,
                     {"--split-seed: nothing is held out for --split all"}));
}

TEST_F(GlowEvalHeldOut, RequiresFlagsForAModelWithoutTrainingRecord) {
  const auto data = put_data("array", directory_.path());
  const auto run = trained(data, {"--valid-images", "6"});
  const auto model = run / "model.safetensors";
  const auto held_out = names(run, data, {});
  forget_training(model);
  EXPECT_TRUE(failed(eval({"--model", model.string(), "--data", data}), "glow-eval", 2,
                     {"--split: ", "does not say", "--split-seed S"}));
  EXPECT_EQ(names(run, data, {"--split-seed", "7", "--valid-images", "6"}), held_out);
}

TEST_F(GlowEvalHeldOut, IsKeptWithInitFrom) {
  const auto data = put_data("array", directory_.path());
  const auto first = trained(data, {"--valid-images", "6"}, "first");
  const auto held_out = names(first, data, {});
  const Arguments on_from{"--init-from", (first / "model.safetensors").string()};
  const auto second = trained(data, on_from, "second", "3");
  EXPECT_EQ(names(second, data, {}), held_out);
  EXPECT_EQ(scored(second, data)["data"]["bits_per_dim"], figure(second, "valid_bits_per_dim"));
  const auto refused = train(
      Arguments{"--data", data, "--batch", "8", "--out", file("third").string(), "--valid-images", "9"} + on_from);
  EXPECT_TRUE(
      failed(refused, "glow-train", 2, {"--valid-images: got 9, but the training of ", "6 images drawn by seed 7"}));
}

TEST_F(GlowEvalHeldOut, InitFromWarnsIfTheModelWasTrainedOnOtherImages) {
  const auto data = put_data("array", directory_.path());
  const auto first = trained(data, {}, "first");
  const auto other = "npy:" + put_images(file("more.npy"), {41, 8, 8, 3}).string();
  const Arguments on{"--init-from", (first / "model.safetensors").string(),
                     "--batch",     "8",
                     "--steps",     "1",
                     "--threads",   "1",
                     "--dry-run",   "--data"};
  const auto note = [&](const Arguments& more) {
    const auto outcome = train(on + more);
    EXPECT_TRUE(succeeded(outcome));
    return outcome.err;
  };
  EXPECT_NE(note({other}).find("note: " + (first / "model.safetensors").string() + " was trained on other images"),
            std::string::npos);
  EXPECT_NE(note({other, "--split-seed", "7"}), "");
  EXPECT_EQ(note({data}), "");
  forget_training(first / "model.safetensors");
  EXPECT_NE(note({data}).find(" does not say what it was trained on"), std::string::npos);
  EXPECT_EQ(note({data, "--split-seed", "7"}), "");
}

TEST_F(GlowEvalHeldOut, RefusesChangedImagesInAValidationFolder) {
  const auto data = put_data("own_valid", directory_.path());
  const auto run = trained(data, {"--image-size", "16"});
  scored(run, data, {"--split", "valid"});
  for (int i = 20; i < 25; ++i) {
    fs::copy_file(file("own_valid") / "train" / (std::to_string(i - 20) + ".png"),
                  file("own_valid") / "valid" / (std::to_string(i) + ".png"), fs::copy_options::overwrite_existing);
  }
  EXPECT_TRUE(failed(eval({"--model", (run / "model.safetensors").string(), "--data", data, "--split", "valid"}),
                     "glow-eval", 2, {"--split: ", "was trained on other images"}));
}

TEST_F(GlowEvalHeldOut, FolderMayHaveASubsetOfTheClasses) {
  const auto run = trained(put_data("classes", directory_.path()), {"--image-size", "16", "--conditional"});
  put_pictures(file("some") / "dog", 30, 34);
  const auto scores = file("some.csv").string();
  const auto json = scored(run, "folder:" + file("some").string(), {"--split", "all", "--scores", scores});
  EXPECT_EQ(json["data"]["images"], 4);
  EXPECT_EQ(json["classification"]["images"], 4);
  for (std::size_t i = 1; i < csv(scores).size(); ++i) EXPECT_EQ(csv(scores)[i].at(2), "1");
  put_pictures(file("some") / "emu", 34, 35);
  EXPECT_TRUE(failed(eval({"--model", (run / "model.safetensors").string(), "--data", "folder:" + file("some").string(),
                           "--split", "all"}),
                     "glow-eval", 2, {"--data: ", "emu: expected a class", "--classes marginal"}));
}

TEST_F(GlowEvalHeldOut, SingleImageHasNoStandardError) {
  const auto data = put_data("array", directory_.path());
  const auto run = trained(data, {"--valid-images", "1"});
  EXPECT_TRUE(figure(run, "valid_bits_per_dim").is_number());
  EXPECT_NE(get(run / "metrics.jsonl").find("\"valid_standard_error\":null"), std::string::npos);
  EXPECT_TRUE(figure(run, "valid_standard_error").is_null());
  EXPECT_TRUE(scored(run, data)["data"]["standard_error"].is_null());
  const auto text = eval({"--model", (run / "model.safetensors").string(), "--data", data});
  EXPECT_EQ(text.out.find("nan"), std::string::npos) << text.out;
}

TEST_F(GlowEvalHeldOut, ImagesOfTheModelsSizeAreNotScaled) {
  // A model of scaled images scores its own samples, which are smaller than the size that training images were scaled
  // to.
  const auto data = put_data("folder", directory_.path());
  const auto run = trained(data, {"--image-size", "16", "--resize", "32", "--random-crop"});
  const auto samples = put_images(file("samples.npy"), {5, 16, 16, 3});
  const auto json = scored(run, data, {"--ood", "npy:" + samples.string()});
  EXPECT_EQ(json["data"]["geometry"],
            (Json{{"height", 16}, {"width", 16}, {"resize", 32}, {"random_crop", true}, {"from", "model"}}));
  EXPECT_EQ(json["ood"]["geometry"]["from"], "images");
  const auto told = scored(run, data, {"--resize", "0"})["data"];
  EXPECT_EQ(told["geometry"]["from"], "flags");
  EXPECT_NE(told["bits_per_dim"], json["data"]["bits_per_dim"]);
}

TEST_F(GlowEvalHeldOut, DataAndOodImagesGetDifferentNoise) {
  const auto data = put_data("array", directory_.path());
  const auto run = trained(data, {});
  const auto json = scored(run, data, {"--split", "all", "--ood", data});
  // The images are the same, but their noise and thus their scores differ.
  EXPECT_NE(json["data"]["bits_per_dim"], json["ood"]["bits_per_dim"]);
  EXPECT_NEAR(json["data"]["bits_per_dim"].get<double>(), json["ood"]["bits_per_dim"].get<double>(), 0.1);
}

}  // namespace
}  // namespace glow::testing::eval_agreement_test
