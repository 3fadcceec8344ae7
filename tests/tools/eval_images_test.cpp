// glow-eval --images: everything that is given is scored, subsets are announced, and the images with the largest and
// smallest scores are listed.
#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/io/image.h>

#include "support/eval_tool.h"
#include "tools/eval/eval_result.h"

namespace glow::testing::eval_images_test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class GlowEvalImages : public GlowEval {
 protected:
  /// Writes `count` pictures of the grey model's size, 0.png, 1.png ..., and returns the path of their folder.
  std::string put_grey(const std::string& folder, int count, int first = 0) const {
    for (int i = first; i < first + count; ++i) {
      put_picture(file(folder) / (std::to_string(i) + ".png"), make_picture(4, 8, 1, static_cast<std::uint32_t>(i)));
    }
    return file(folder).string();
  }

  /// bits/dim by image, with `flags` for the images.
  Numbers scored(const Arguments& flags) const {
    EXPECT_TRUE(succeeded(eval(
        Arguments{"--model", kGreyModel, "--threads", "1", "--overwrite", "--scores", file("scores.csv").string()} +
        flags)));
    return column(file("scores.csv"), "bits_per_dim");
  }
};

TEST_F(GlowEvalImages, ScoresDoNotDependOnHowTheImagesAreGiven) {
  const auto folder = put_grey("photos", 7);
  std::string list, bytes;
  for (int i = 0; i < 7; ++i) {
    const auto path = file("photos") / (std::to_string(i) + ".png");
    list += (i == 0 ? "" : ",") + path.string();
    const auto pixels = io::read_image(path).pixels;
    bytes.append(pixels.begin(), pixels.end());
  }
  const auto npy = file("photos.npy").string();
  io::write_npy(npy, "|u1", {7, 4, 8}, bytes);
  const auto expected = scored({"--data", "folder:" + folder, "--split", "all"});
  ASSERT_EQ(expected.size(), 7u);
  EXPECT_EQ(std::set<double>(expected.begin(), expected.end()).size(), 7u);
  for (const auto& images : {folder, "folder:" + folder, list, npy, "npy:" + npy}) {
    EXPECT_EQ(scored({"--images", images}), expected) << images;
  }
  const auto fashion = "fashion-mnist:" + put_fashion_mnist(file("fashion")).string();
  const Arguments crop{"--random-crop"};
  EXPECT_EQ(scored(Arguments{"--images", fashion} + crop), scored(Arguments{"--data", fashion} + crop));
}

TEST_F(GlowEvalImages, AFolderIsScoredWithItsFoldersOfSplits) {
  put_grey("photos/train", 3);
  put_grey("photos/valid", 2, 3);
  put_grey("photos/test", 2, 5);
  put_grey("photos", 1, 7);
  const auto data = results({"--model", kGreyModel, "--images", file("photos").string()})["data"];
  EXPECT_EQ(data["images"], 8);
  EXPECT_EQ(data["images_given"], 8);
  EXPECT_EQ(data["split"], "all");
  EXPECT_TRUE(data["subset"].is_null());
}

struct SubsetCase {
  std::string name;
  /// "HERE" is the test's directory.
  Arguments flags;
  /// In the text, and the number of images that were given.
  std::string text;
  std::int64_t images, given;
};

class GlowEvalSubset : public GlowEvalImages, public ::testing::WithParamInterface<SubsetCase> {
 protected:
  std::string in_directory(std::string text) const {
    const auto here = text.find("HERE");
    return here == std::string::npos ? text : text.replace(here, 4, directory_.path().string());
  }
};

TEST_P(GlowEvalSubset, IsAnnouncedInTextAndJson) {
  put_grey("flat", 30);
  put_picture(file("flat") / "small.png", make_picture(2, 8, 1));
  put_grey("splits/train", 4);
  put_grey("splits/valid", 3, 4);
  put_grey("splits/test", 2, 7);
  put_grey("learn/train", 4);
  put_grey("learn/valid", 3, 4);
  Arguments flags{"--model", kGreyModel, "--threads", "1"};
  for (const auto& flag : GetParam().flags) flags.push_back(in_directory(flag));
  const auto outcome = eval(flags);
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_NE(outcome.out.find(in_directory(GetParam().text) + "\n"), std::string::npos) << outcome.out;
  const auto json = Json::parse(eval(flags + Arguments{"--json"}).out)["data"];
  EXPECT_EQ(json["images"], GetParam().images);
  EXPECT_EQ(json["images_given"], GetParam().given);
  EXPECT_EQ(json["subset"].is_null(), GetParam().images == GetParam().given);
}

INSTANTIATE_TEST_SUITE_P(
    , GlowEvalSubset,
    ::testing::Values(
        SubsetCase{"AllOfAFolder", {"--images", "HERE/splits"}, "images       HERE/splits: 9 images", 9, 9},
        SubsetCase{
            "First", {"--images", "HERE/splits", "--count", "5"}, ": 5 of 9 images, the first 5 (--count)", 5, 9},
        SubsetCase{"CountBeyondTheEnd", {"--images", "HERE/splits", "--count", "99"}, "/splits: 9 images", 9, 9},
        SubsetCase{"FolderWithItsKind", {"--images", "folder:HERE/splits"}, ": 9 images", 9, 9},
        SubsetCase{"NoTestImages", {"--images", "folder:HERE/learn"}, "/learn: 7 images", 7, 7},
        SubsetCase{"HeldOut",
                   {"--data", "folder:HERE/flat", "--split-seed", "3", "--skip-small"},
                   ", split valid: 3 of 31 images, those held out from the training of those that can be used (1 left "
                   "out; --split all scores all)",
                   3,
                   31},
        SubsetCase{"OwnValidationImages",
                   {"--data", "folder:HERE/splits", "--split", "valid"},
                   ", split valid: 3 of 9 images, the validation images (--images folder:HERE/splits scores all)",
                   3,
                   9},
        SubsetCase{
            "TrainingAndValidation",
            {"--data", "folder:HERE/splits", "--split", "all"},
            ", split all: 7 of 9 images, the training and validation images (--images folder:HERE/splits scores all)",
            7,
            9},
        SubsetCase{"Skipped",
                   {"--images", "HERE/flat", "--skip-small"},
                   "/flat: 30 of 31 images, those that can be used (1 left out)",
                   30,
                   31},
        SubsetCase{"RoundTrip",
                   {"--images", "HERE/splits", "--round-trip", "3"},
                   "3 of 9 images encoded and decoded, all come back byte for byte",
                   9,
                   9},
        SubsetCase{"Other",
                   {"--images", "HERE/splits", "--ood", "folder:HERE/splits"},
                   "other        folder:HERE/splits: 9 images",
                   9,
                   9}),
    name_of);

TEST_F(GlowEvalImages, ListsTheWorstAndTheBestByTheirPaths) {
  const auto folder = put_grey("photos of mine", 6);
  const auto bits = scored({"--images", folder});
  const auto corrected = column(file("scores.csv"), "complexity_corrected");
  for (const auto& [score, numbers] : {std::pair{"bits_per_dim", bits}, std::pair{"complexity_corrected", corrected}}) {
    std::vector<std::int64_t> order(6);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, {}, [&numbers = numbers](std::int64_t i) { return numbers[static_cast<std::size_t>(i)]; });
    const auto json =
        results({"--model", kGreyModel, "--images", folder, "--worst", "2", "--best", "99", "--sort-by", score});
    ASSERT_EQ(json["worst"].size(), 2u);
    ASSERT_EQ(json["best"].size(), 6u);
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(json["best"][i]["index"], order[i]) << score;
    EXPECT_EQ(json["worst"][0]["index"], order[5]) << score;
    EXPECT_EQ(json["worst"][1]["index"], order[4]) << score;
    EXPECT_EQ(json["worst"][0]["name"], folder + "/" + std::to_string(order[5]) + ".png");
    EXPECT_EQ(json["worst"][0]["bits_per_dim"], bits[static_cast<std::size_t>(order[5])]);
    EXPECT_EQ(json["sort_by"], score);
  }
  const auto text = eval({"--model", kGreyModel, "--images", folder, "--worst", "1", "--threads", "1"}).out;
  const auto worst = std::to_string(std::ranges::max_element(bits) - bits.begin());
  EXPECT_NE(text.find(worst + "  '" + folder + "/" + worst + ".png'\n"), std::string::npos) << text;
}

/// The result of scoring images of these names, of which only the names are used.
tools::EvalResult result_of(const std::vector<std::string>& names, const Numbers& bits) {
  struct NamedSource : PictureSource {
    explicit NamedSource(const std::vector<std::string>& own)
        : PictureSource(std::vector(own.size(), make_picture(4, 8, 1))), names(own) {}
    std::string name(std::int64_t index) const override { return names.at(static_cast<std::size_t>(index)); }
    std::vector<std::string> names;
  };
  tools::EvalResult result;
  result.data.images.fitted.images = std::make_shared<const data::Images>(std::make_shared<const NamedSource>(names),
                                                                          data::Geometry{.height = 4, .width = 8});
  result.data.scores.bits_per_dim = torch::tensor(bits, torch::kDouble);
  result.data.summary = evaluate::summarise(result.data.scores);
  return result;
}

TEST_F(GlowEvalImages, ScoresThatAreNotFiniteAreTheWorstAndTiesKeepTheOrder) {
  const auto nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const auto result = result_of({"a", "b", "c", "d", "e", "f", "g"}, {2, 1, nan, 2, -infinity, 1, infinity});
  tools::EvalSettings settings;
  settings.worst = settings.best = 7;
  const auto json = Json::parse(tools::result_json(settings, result));
  const auto order = [&](const char* list) {
    std::vector<int> indices;
    for (const auto& image : json[list]) indices.push_back(image["index"]);
    return indices;
  };
  EXPECT_EQ(order("worst"), (std::vector<int>{2, 4, 6, 0, 3, 1, 5}));
  EXPECT_EQ(order("best"), (std::vector<int>{1, 5, 0, 3, 2, 4, 6}));
  EXPECT_TRUE(json["worst"][0]["bits_per_dim"].is_null());
}

TEST_F(GlowEvalImages, NamesWithControlCharactersAreQuoted) {
  const auto result = result_of({"plain/a.png", "it's\n.png", "image 3 of faces.npy"}, {1, 2, 3});
  tools::EvalSettings settings;
  settings.worst = 3;
  const auto text = tools::result_text(settings, result);
  for (const char* line :
       {"1.0000  0  plain/a.png\n", "2.0000  1  $'it\\'s\\x0a.png'\n", "3.0000  2  image 3 of faces.npy\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << " in " << text;
  }
}

TEST_F(GlowEvalImages, RoundTripNamesTheImagesThatChange) {
  auto result = result_of({"a.png", "b\n.png", "c.png"}, {1, 2, 3});
  result.round_trip = evaluate::RoundTrip{.images = 3, .max_error = 1, .mean_error = 0.5, .changed = {1, 2}};
  const tools::EvalSettings settings;
  const auto text = tools::result_text(settings, result);
  EXPECT_NE(text.find("3 images encoded and decoded, 2 do not come back byte for byte:\n"), std::string::npos) << text;
  EXPECT_NE(text.find("1: b?.png\n"), std::string::npos) << text;
  EXPECT_NE(text.find("2: c.png\n"), std::string::npos) << text;
  const auto json = Json::parse(tools::result_json(settings, result))["round_trip"];
  EXPECT_EQ(json["changed"], 2);
  EXPECT_EQ(json["changed_images"], (std::vector<int>{1, 2}));
}

TEST_F(GlowEvalImages, OneImageHasNoStandardError) {
  const auto folder = put_grey("photos", 1);
  const auto outcome = eval({"--model", kGreyModel, "--images", folder + "/0.png", "--threads", "1"});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_NE(outcome.out.find(": 1 image\n"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("nan"), std::string::npos) << outcome.out;
}

TEST_F(GlowEvalImages, ConditionalModelsNameTheWayToScoreImagesWithoutClasses) {
  for (int i = 0; i < 4; ++i) {
    put_picture(file(i < 2 ? "classes/bag" : "classes/coat") / (std::to_string(i) + ".png"),
                make_picture(4, 8, 3, static_cast<std::uint32_t>(i)));
  }
  const auto folder = file("classes").string();
  const Arguments flags{"--model", kClassModel, "--threads", "1", "--images"};
  const auto by_class = results({"--model", kClassModel, "--images", folder});
  EXPECT_EQ(by_class["classification"]["images"], 4);
  put_picture(file("classes/stray.png"), make_picture(4, 8, 3, 9));
  EXPECT_TRUE(failed(eval(flags + Arguments{folder}), "glow-eval", 2,
                     {"--images: ", "stray.png lies in no folder", "--classes marginal"}));
  EXPECT_TRUE(failed(eval(flags + Arguments{folder + "/stray.png"}), "glow-eval", 2,
                     {"--images: ", "stray.png lies in no folder", "--classes marginal"}));
  EXPECT_TRUE(failed(eval(flags + Arguments{folder + "/stray.png", folder + "/stray.png"}), "glow-eval", 2,
                     {"--images: no image of ", "stray.png and 1 more lies in a folder"}));
  // Files and folders as words have the classes of their own folders.
  const auto by_file =
      results({"--model", kClassModel, "--images", folder + "/bag", folder + "/coat/2.png", folder + "/coat/3.png"});
  EXPECT_EQ(by_file["data"]["bits_per_dim"], by_class["data"]["bits_per_dim"]);
  const auto marginal = results({"--model", kClassModel, "--images", folder, "--classes", "marginal"});
  EXPECT_EQ(marginal["data"]["images"], 5);
  EXPECT_EQ(marginal["classification"]["images"], 4);
}

TEST_F(GlowEvalImages, RefusesFlagsAboutHeldOutImagesAndNamesOfNothing) {
  const auto folder = put_grey("photos", 2);
  const Arguments flags{"--model", kGreyModel, "--images"};
  for (const auto& more :
       {Arguments{"--split", "all"}, Arguments{"--split-seed", "1"}, Arguments{"--valid-images", "1"}}) {
    EXPECT_TRUE(failed(eval(flags + Arguments{folder} + more), "glow-eval", 2,
                       {more[0] + ": is about the splits of --data", "--images scores everything"}));
  }
  EXPECT_TRUE(failed(eval(flags + Arguments{"fashon-mnist"}), "glow-eval", 2,
                     {"--images: there is no file or folder \"fashon-mnist\"", "fashion-mnist[:DIR]"}));
  EXPECT_TRUE(failed(eval(flags + Arguments{"fashion-mnist", folder}), "glow-eval", 2,
                     {"--images: fashion-mnist is a data set, which must be given alone"}));
  EXPECT_TRUE(failed(eval(flags + Arguments{folder, kGreyModel}), "glow-eval", 2,
                     {"--images: " + kGreyModel + " is a model file", "put the model first, or use --model"}));
  EXPECT_TRUE(failed(eval({"--images", folder, kGreyModel}), "glow-eval", 2,
                     {"--images: " + kGreyModel + " is a model file", "put the model first, or use --model"}));
  std::filesystem::create_directories(file("cifar"));
  put(file("cifar/data_batch_1.bin"), std::string(3073, '\0'));
  EXPECT_TRUE(failed(eval(flags + Arguments{file("cifar").string()}), "glow-eval", 1,
                     {"cifar10:" + file("cifar").string() + " may read it"}));
  EXPECT_TRUE(failed(eval(flags + Arguments{"none/photos"}), "glow-eval", 1, {"none/photos", "No such file"}));
}

TEST_F(GlowEvalImages, SeveralFoldersAndFilesAreScoredInTheirOrder) {
  const auto one = put_grey("one", 3), two = put_grey("two", 2, 3);
  const auto files =
      scored({"--images", one + "/0.png", one + "/1.png", one + "/2.png", two + "/3.png", two + "/4.png"});
  ASSERT_EQ(files.size(), 5u);
  for (const auto& words : {Arguments{one, two}, Arguments{"folder:" + one, "folder:" + two},
                            Arguments{one, two + "/3.png", two + "/4.png"}}) {
    EXPECT_EQ(scored(Arguments{"--images"} + words), files);
    EXPECT_EQ(csv(file("scores.csv"))[4][1], two + "/3.png");
  }
}

TEST_F(GlowEvalImages, DamagedAndSmallPicturesOfAListCanBeLeftOut) {
  const auto folder = put_grey("photos", 2);
  const auto torn = file("photos/torn.png").string(), bad = file("photos/bad.png").string();
  put_picture(torn, make_picture(4, 8, 1));
  put(torn, get(torn).substr(0, 60));  // its header can be read
  put(bad, "no picture");
  put_picture(file("photos/small.png"), make_picture(2, 8, 1));
  const Arguments good{"--model", kGreyModel, "--threads", "1", "--images", folder + "/0.png", folder + "/1.png"};
  for (const auto& damaged : {torn, bad}) {
    EXPECT_TRUE(failed(eval(good + Arguments{damaged}), "glow-eval", 1,
                       {damaged, "(--skip-corrupt leaves out damaged images)"}));
  }
  EXPECT_TRUE(failed(eval(good + Arguments{folder + "/small.png"}), "glow-eval", 2, {"small.png", "--skip-small"}));
  const auto outcome = eval(good + Arguments{torn, bad, folder + "/small.png", "--skip-corrupt", "--skip-small"});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_NE(outcome.out.find("2 of 5 images, those that can be used (3 left out)"), std::string::npos) << outcome.out;
  for (const char* name : {"torn.png", "bad.png", "small.png"}) {
    EXPECT_NE(outcome.err.find("left out " + folder + "/" + name), std::string::npos) << outcome.err;
  }
  // Of one file nothing would be left.
  const auto single = eval({"--model", kGreyModel, "--threads", "1", "--images", torn});
  EXPECT_EQ(single.err.find("--skip-corrupt"), std::string::npos) << single.err;
}

TEST_F(GlowEvalImages, SmallAndDamagedPicturesCanBeLeftOut) {
  const auto folder = put_grey("photos", 3);
  put_picture(file("photos/small.png"), make_picture(2, 8, 1));
  const Arguments flags{"--model", kGreyModel, "--images", folder, "--threads", "1"};
  EXPECT_TRUE(failed(eval(flags), "glow-eval", 2, {"--images: ", "small.png", "--skip-small"}));
  const auto torn = file("photos/torn.png");
  put_picture(torn, make_picture(4, 8, 1));
  put(torn, get(torn).substr(0, 60));
  const auto small = eval(flags + Arguments{"--skip-small"});
  EXPECT_EQ(small.exit_code, 1);
  EXPECT_TRUE(small.err.starts_with("left out " + file("photos/small.png").string())) << small.err;
  EXPECT_NE(small.err.find("\nglow-eval: " + torn.string()), std::string::npos) << small.err;
  const auto outcome = eval(flags + Arguments{"--skip-small", "--skip-corrupt"});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_NE(outcome.out.find("3 of 5 images, those that can be used (2 left out)"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.err.find("torn.png"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace glow::testing::eval_images_test
