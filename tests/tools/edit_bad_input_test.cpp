#include <algorithm>
#include <csignal>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <glow/io/npy.h>

#include "support/edit_tool.h"

namespace glow::testing::edit_bad_input_test {
namespace {

/// "DIRECTORY/" begins a path in the test's directory, which contains colour.npy (3 images of the model's shape),
/// grey.npy, small.npy, z.npy (their latents), and list.csv (attributes of other images).
struct Usage {
  std::string name;
  Arguments arguments;
  std::vector<std::string> message;
  int exit_code = 2;
  std::string model = kColourModel;
};

class GlowEditBadInput : public GlowEdit {};

class GlowEditUsage : public GlowEdit, public ::testing::WithParamInterface<Usage> {
 protected:
  Arguments in_directory(const Arguments& arguments) const {
    const std::string here = "DIRECTORY/";
    Arguments result;
    for (const auto& each : arguments) {
      result.push_back(each.starts_with(here) ? path(each.substr(here.size())) : each);
    }
    return result;
  }
};

TEST_P(GlowEditUsage, ErrorIsOneLineThatNamesTheFlag) {
  put_colour(3);
  put_images(directory_ / "grey.npy", {2, 8, 12});
  put_images(directory_ / "small.npy", {2, 4, 12, 3});
  io::write_npy(path("z.npy"), "<f4", {1, kColourBytes}, std::string(kColourBytes * 4, '\0'));
  put(path("list.csv"), "file,a\nfar.png,1\n");
  const auto before = count_files(directory_.path());
  auto arguments = in_directory(GetParam().arguments);
  arguments.insert(arguments.begin() + 1, {"--model", GetParam().model});
  EXPECT_TRUE(failed(edit(arguments), "glow-edit", GetParam().exit_code, GetParam().message));
  EXPECT_EQ(count_files(directory_.path()), before);
}

Arguments encode_images(const std::string& images, const Arguments& more = {}) {
  return Arguments{"encode", "--images", images, "--out", "DIRECTORY/out.npy"} + more;
}
Arguments encode(const Arguments& more) { return encode_images("DIRECTORY/colour.npy", more); }
Arguments decode(const Arguments& more) {
  return Arguments{"decode", "--latents", "DIRECTORY/z.npy", "--out", "DIRECTORY/out.png"} + more;
}
Arguments interpolate(const Arguments& more) {
  return Arguments{"interpolate", "--images", "DIRECTORY/colour.npy", "--out", "DIRECTORY/out.png"} + more;
}
Arguments vary(const Arguments& more) {
  return Arguments{"vary", "--images", "DIRECTORY/colour.npy", "--out", "DIRECTORY/out.png"} + more;
}
Arguments directions(const Arguments& more) {
  return Arguments{"directions", "--data", "npy:colour.npy", "--out", "DIRECTORY/out.safetensors"} + more;
}

INSTANTIATE_TEST_SUITE_P(
    , GlowEditUsage,
    ::testing::Values(
        Usage{"UnknownSubcommand", {"encod"}, {"unknown subcommand 'encod'", "encode, decode, reconstruct"}},
        Usage{"OutIsTheStandardOutput", decode({"--out", "-"}), {"--out: '-' is not", "./-"}},
        Usage{"UnknownFlag", encode({"--latents", "z.npy"}), {"unknown flag --latents"}},
        Usage{"UnsupportedPrecision",
              encode({"--precision", "bf16"}),
              {"--precision: expected fp32 or fp64", "got bf16"}},
        Usage{"UnknownVerification", encode({"--verify", "yes"}), {"--verify: ", "'yes'", "error, note, none"}},
        Usage{"NoModel", encode({"--model", ""}), {"--model: expected a model file"}},
        Usage{"NoOut", encode({"--out", ""}), {"--out: expected a file or folder"}},
        Usage{"NoImages", encode_images(""), {"--images: expected images"}},
        Usage{"NoLatents", decode({"--latents", ""}), {"--latents: expected a file of latents"}},
        Usage{"ZeroBatch", encode({"--batch", "0"}), {"--batch: ", "got 0"}},
        Usage{"MissingImages", encode_images("DIRECTORY/none.npy"), {"none.npy", "No such file"}, 1},
        Usage{"MissingPicture", encode_images("DIRECTORY/none.png"), {"none.png", "No such file"}, 1},
        Usage{"GreyImages", encode_images("DIRECTORY/grey.npy"), {"--images: ", "1 channel, the model's 3"}},
        Usage{"SmallImages",
              encode_images("DIRECTORY/small.npy"),
              {"--images: image 0 of ", "4x12", "8x12", "--resize fit"}},
        Usage{"TooSmallToFit",
              encode_images("DIRECTORY/small.npy", {"--resize", "fit"}),
              {"--images: ", "too large for"}},
        Usage{"PickOutOfRange", encode({"--pick", "0,3"}), {"--pick: expected 0 to 2, got 3"}},
        Usage{"PickNotANumber", encode({"--pick", "0,x"}), {"--pick: expected a whole number, got 'x'"}},
        Usage{
            "LatentsAsPicture", encode({"--out", "DIRECTORY/z.png"}), {"--out: expected FILE.npy or FILE.safetensors"}},
        Usage{"ClassForUnconditionalModel", encode({"--class", "0"}), {"--class: ", "unconditional"}},
        Usage{"LatentsOfAnotherModel", decode({}), {"z.npy", "[N,32]", "[1,288]"}, 1, kGreyModel},
        Usage{"ImagesAsLatents", decode({"--latents", "DIRECTORY/colour.npy"}), {"colour.npy", "float32", "|u1"}, 1},
        Usage{"LatentsOfUnknownFormat",
              decode({"--latents", "DIRECTORY/list.csv"}),
              {"list.csv: expected a file of latents", "is a text"},
              1},
        Usage{"DecodeToAnimation", decode({"--out", "DIRECTORY/out.apng"}), {"--out: expected FILE.png, FILE.npy or"}},
        Usage{"HugeScale", decode({"--scale", "65"}), {"--scale: ", "got 65"}},
        Usage{
            "ScaledArray", decode({"--out", "DIRECTORY/out.npy", "--scale", "2"}), {"--scale: only a grid", "out.npy"}},
        Usage{"ScaledAnimation",
              interpolate({"--out", "DIRECTORY/out.apng", "--scale", "2"}),
              {"--scale: only a grid", "out.apng"}},
        Usage{"FrameTimeForAGrid",
              interpolate({"--frame-milliseconds", "50"}),
              {"--frame-milliseconds: only an animation"}},
        Usage{"InterpolationOfOneImage", interpolate({"--pick", "1"}), {"--images: expected at least 2, got 1"}},
        Usage{"OneFrame", interpolate({"--frames", "1"}), {"--frames: ", "got 1"}},
        Usage{"UnknownKind", interpolate({"--kind", "cubic"}), {"--kind: ", "'cubic'", "spherical, linear"}},
        Usage{"ThreeMiddleTemperatures",
              interpolate({"--middle-temperature", "1,1,1"}),
              {"--middle-temperature: ", "2 levels"}},
        Usage{"ZeroFrameTime",
              interpolate({"--out", "DIRECTORY/out.apng", "--frame-milliseconds", "0"}),
              {"--frame-milliseconds: ", "got 0"}},
        Usage{"GifOutput", interpolate({"--out", "DIRECTORY/out.gif"}), {"--out: ", "FILE.apng", "out.gif"}},
        Usage{"LargeAmount", vary({"--amounts", "0.5,1.5"}), {"--amounts: expected 0 to 1, got 1.5"}},
        Usage{"NoiseAndTemperatures", vary({"--amounts", "0.5", "--factors", "0.5"}), {"--amounts: ", "--factors"}},
        Usage{"CountAndTemperatures",
              vary({"--variations", "8", "--factors", "0.5"}),
              {"--variations: is for noise", "--factors"}},
        Usage{"NoiseTemperatureAndTemperatures",
              vary({"--temperature", "1", "--factors", "0.5"}),
              {"--temperature: is for noise", "--factors"}},
        Usage{"SeedAndTemperatures", vary({"--seed", "0", "--factors", "0.5"}), {"--seed: is for noise", "--factors"}},
        Usage{"NegativeTemperatures", vary({"--factors", "-1"}), {"--factors: ", "-1"}},
        Usage{"ZeroCount", vary({"--variations", "0"}), {"--variations: ", "got 0"}},
        Usage{"NoData", directions({"--data", ""}), {"--data: expected a data set"}},
        Usage{"UnknownData", directions({"--data", "images"}), {"--data: ", "no known kind"}},
        Usage{"SeedWithoutCount", directions({"--seed", "1"}), {"--seed: ", "--count"}},
        Usage{"DirectionsAsArray", directions({"--out", "DIRECTORY/d.npy"}), {"--out: expected FILE.safetensors"}},
        Usage{"ApplyWithoutDirections",
              {"apply", "--images", "DIRECTORY/colour.npy", "--out", "DIRECTORY/out.png"},
              {"--directions: expected a file of directions"}},
        Usage{"ModelAsDirections",
              {"apply", "--images", "DIRECTORY/colour.npy", "--out", "DIRECTORY/out.png", "--directions", kColourModel},
              {kColourModel, "expected a file of directions, is a model of Glow"},
              1},
        Usage{"ModelAfterImages",
              {"encode", "--images", "DIRECTORY/colour.npy", kColourModel, "--out", "DIRECTORY/out.npy"},
              {"--images: " + kColourModel + " is a model file", "put the model first, or use --model"},
              2,
              ""},
        Usage{"ImagesWithoutClass",
              {"encode", "--images", "DIRECTORY/small.npy", "--resize", "fit", "--out", "DIRECTORY/out.npy"},
              {"--class: ", "class of 3", "small.npy are not known"},
              2,
              kClassModel}),
    name_of);

TEST_F(GlowEditBadInput, MissingSubcommandListsThem) {
  EXPECT_TRUE(failed(edit({}), "glow-edit", 2, {"expected a subcommand: encode, decode"}));
}

TEST_F(GlowEditBadInput, DirectionsRequireClassesOrAUsableAttributeList) {
  put_colour(3);
  put(path("list.csv"), "file,a\nfar.png,1\n");
  const Arguments flags{"--data", "npy:" + path("colour.npy"), "--out", path("d.safetensors")};
  EXPECT_TRUE(failed(run_edit("directions", kColourModel, flags), "glow-edit", 2, {"--attributes: ", "no classes"}));
  EXPECT_TRUE(failed(run_edit("directions", kColourModel, flags + Arguments{"--attributes", path("list.csv")}),
                     "glow-edit", 2, {"--attributes: ", "lists none", "colour.npy"}));
  put(path("list.csv"), "file,a,b\n0,1,0\n1,1,-1\n2,1,\n");
  EXPECT_TRUE(failed(run_edit("directions", kColourModel, flags + Arguments{"--attributes", path("list.csv")}),
                     "glow-edit", 2, {"--attributes: none of ", "list.csv has images with it and images without it"}));
  EXPECT_FALSE(std::filesystem::exists(path("d.safetensors")));
}

TEST_F(GlowEditBadInput, RefusesExistingOutputWithoutOverwrite) {
  put_colour(2);
  for (const auto& [subcommand, name] :
       {std::pair{"encode", "out.npy"}, std::pair{"interpolate", "out.png"}, std::pair{"interpolate", "out.apng"},
        std::pair{"reconstruct", "out.npy"}, std::pair{"vary", "out.png"}}) {
    put(path(name), "mine");
    const Arguments flags{"--images", path("colour.npy"), "--out", path(name)};
    EXPECT_TRUE(failed(run_edit(subcommand, kColourModel, flags), "glow-edit", 2,
                       {"--out: " + path(name) + " exists", "--overwrite"}));
    EXPECT_EQ(get(path(name)), "mine");
    EXPECT_TRUE(succeeded(run_edit(subcommand, kColourModel, flags + Arguments{"--overwrite"})));
    EXPECT_NE(get(path(name)), "mine");
  }
}

TEST_F(GlowEditBadInput, OverwriteRefusesToReplaceAnInput) {
  put_colour(2);
  const auto model = path("model.safetensors");
  put(model, get(kColourModel));
  const Arguments images{"--images", path("colour.npy")};
  ASSERT_TRUE(succeeded(run_edit("encode", model, images + Arguments{"--out", path("z.npy")})));
  ASSERT_TRUE(succeeded(run_edit("decode", model, {"--latents", path("z.npy"), "--out", path("pngs")})));
  std::filesystem::create_symlink(path("colour.npy"), path("link.npy"));
  const Arguments pictures{"--images", path("pngs"), "--pick", "0,1"};
  struct Case {
    std::string subcommand;
    Arguments flags;
    std::string out, kept;
  };
  for (const auto& [subcommand, flags, out, kept] :
       {Case{"encode", images, "model.safetensors", "model.safetensors"},
        Case{"encode", images, "colour.npy", "colour.npy"}, Case{"encode", images, "link.npy", "colour.npy"},
        Case{"encode", {"--images", "npy:" + path("colour.npy")}, "colour.npy", "colour.npy"},
        Case{"decode", {"--latents", path("z.npy")}, "z.npy", "z.npy"},
        Case{"interpolate", pictures, "pngs/000001.png", "pngs/000001.png"},
        Case{"interpolate", pictures, "pngs", "pngs/000000.png"},
        Case{"vary", {"--images", path("pngs/000001.png")}, "pngs/000001.png", "pngs/000001.png"}}) {
    const auto before = get(path(kept));
    const auto outcome = run_edit(subcommand, model, flags + Arguments{"--out", path(out), "--overwrite"});
    EXPECT_TRUE(failed(outcome, "glow-edit", 2, {"--out: " + path(out), "is read here"}));
    EXPECT_TRUE(get(path(kept)) == before) << kept;
  }
}

TEST_F(GlowEditBadInput, OverwriteReplacesOnlySafetensorsOfItsFormat) {
  put_colour(2);
  const Arguments flags{"--images", path("colour.npy"), "--overwrite", "--out"};
  const auto another_model = get(kGreyModel);
  put(path("another.safetensors"), another_model);
  put(path("damaged.safetensors"), "mine");
  for (const auto& name : {"another.safetensors", "damaged.safetensors"}) {
    EXPECT_TRUE(failed(run_edit("encode", kColourModel, flags + Arguments{path(name)}), "glow-edit", 2,
                       {"--out: " + path(name), "not of the format glow-latents"}));
  }
  EXPECT_TRUE(get(path("another.safetensors")) == another_model);
  EXPECT_EQ(get(path("damaged.safetensors")), "mine");
  const auto latents = path("z.safetensors");
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(succeeded(run_edit("encode", kColourModel, flags + Arguments{latents})));
  EXPECT_TRUE(
      failed(run_edit("directions", kColourModel,
                      {"--data", "npy:" + path("colour.npy"), "--attributes", "none", "--overwrite", "--out", latents}),
             "glow-edit", 2, {"--out: " + latents, "not of the format glow-directions"}));
}

TEST_F(GlowEditBadInput, RefusesAFolderWithMorePicturesThanTheCallWrites) {
  put_colour(4);
  const auto folder = path("pngs");
  std::filesystem::create_directory(folder);
  for (const char* name : {"mine.png", "000001.jpg", "20240131.png", "00001.png"}) put(path("pngs/") + name, "mine");
  ASSERT_TRUE(succeeded(run_edit("encode", kColourModel, {"--images", path("colour.npy"), "--out", path("z4.npy")})));
  const Arguments two{"--images", path("colour.npy"), "--pick", "2,3", "--out", path("z2.npy")};
  ASSERT_TRUE(succeeded(run_edit("encode", kColourModel, two)));
  ASSERT_TRUE(succeeded(run_edit("decode", kColourModel, {"--latents", path("z4.npy"), "--out", folder})));
  EXPECT_EQ(count_files(folder), 8u);
  std::filesystem::remove(path("pngs/000000.png"));
  std::filesystem::remove(path("pngs/000001.png"));
  // The new call would replace none of the remaining pictures.
  const Arguments decode{"--latents", path("z2.npy"), "--out", folder};
  EXPECT_TRUE(failed(run_edit("decode", kColourModel, decode), "glow-edit", 2, {"--out: ", "000002.png exists"}));
  // They may be files of the user: the tool neither removes them nor adds new ones to the folder.
  EXPECT_TRUE(failed(run_edit("decode", kColourModel, decode + Arguments{"--overwrite"}), "glow-edit", 2,
                     {"--out: ", "000002.png is beyond the 2 pictures of this call"}));
  EXPECT_EQ(count_files(folder), 6u);
  // An input is not replaced either.
  EXPECT_TRUE(failed(
      run_edit("reconstruct", kColourModel, {"--images", path("pngs/000003.png"), "--out", folder, "--overwrite"}),
      "glow-edit", 2, {"--out: ", "000003.png is read here"}));
  for (const char* name : {"000002.png", "000003.png"}) std::filesystem::remove(path("pngs/") + name);
  for (int call = 0; call < 2; ++call) {
    ASSERT_TRUE(succeeded(run_edit("decode", kColourModel, decode + Arguments{"--overwrite"})));
    EXPECT_EQ(count_files(folder), 6u);
    EXPECT_TRUE(std::filesystem::exists(path("pngs/000001.png")));
  }
  for (const char* name : {"mine.png", "000001.jpg", "20240131.png", "00001.png"}) {
    EXPECT_EQ(get(path("pngs/") + name), "mine") << name;
  }
}

TEST_F(GlowEditBadInput, FailureBeforeWritingLeavesTheFolderUnchanged) {
  put_colour(2);
  const auto folder = path("pngs");
  std::filesystem::create_directory(folder);
  put(path("pngs/000000.png"), "old");
  std::vector<float> numbers(kColourBytes, std::numeric_limits<float>::infinity());
  io::write_npy(path("z.npy"), "<f4", {1, kColourBytes}, float_bytes(numbers));
  const auto outcome = run_edit("decode", kColourModel, {"--latents", path("z.npy"), "--out", folder, "--overwrite"});
  EXPECT_TRUE(failed(outcome, "glow-edit", 1, {"not finite"}));
  EXPECT_EQ(get(path("pngs/000000.png")), "old");
}

TEST_F(GlowEditBadInput, FileSizeLimitLeavesNoPartialFile) {
  put_colour(2);
  const auto before = count_files(directory_.path());
  for (const auto& [subcommand, name] : {std::pair{"encode", "out.npy"}, std::pair{"encode", "out.safetensors"},
                                         std::pair{"interpolate", "out.apng"}, std::pair{"interpolate", "out.png"}}) {
    const FileSizeLimit limit(1000);
    const auto outcome = run_edit(subcommand, kColourModel, {"--images", path("colour.npy"), "--out", path(name)});
    EXPECT_TRUE(failed(outcome, "glow-edit", 1, {"cannot write " + path(name), "File too large"}));
  }
  EXPECT_EQ(count_files(directory_.path()), before);
}

TEST_F(GlowEditBadInput, InterruptionLeavesNoPartialFile) {
  put_colour(50000);
  const auto before = count_files(directory_.path());
  // Progress is shown on a terminal only.
  Process process(command("glow-edit", {"encode", "--model", kColourModel, "--images", path("colour.npy"), "--batch",
                                        "4", "--out", path("out.npy"), "--threads", "1"}),
                  {.on_terminal = true});
  ASSERT_TRUE(process.wait_for("] encoded "));
  process.send(SIGINT);
  const auto outcome = process.wait();
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_NE(outcome.err.find("glow-edit: stopped by SIGINT"), std::string::npos) << outcome.err;
  EXPECT_EQ(count_files(directory_.path()), before);
}

TEST_F(GlowEditBadInput, SaysHowADecimalCommaWasTaken) {
  put_colour(1);
  const auto outcome =
      run_edit("vary", kColourModel,
               {"--images", path("colour.npy"), "--out", path("out.npy"), "--variations", "1", "--amounts", "0,1"});
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_EQ(outcome.err, "note: --amounts 0,1 was taken as two numbers; a decimal is written with a point, 0.1\n");
}

TEST_F(GlowEditBadInput, RefusesNonFiniteLatents) {
  std::vector<float> numbers(kColourBytes);
  numbers[7] = std::numeric_limits<float>::infinity();
  io::write_npy(path("z.npy"), "<f4", {1, kColourBytes}, float_bytes(numbers));
  EXPECT_TRUE(failed(run_edit("decode", kColourModel, {"--latents", path("z.npy"), "--out", path("out.png")}),
                     "glow-edit", 1, {"z.npy", "not finite"}));
  EXPECT_EQ(count_files(directory_.path()), 1u);
}

TEST_F(GlowEditBadInput, EditWithNonFiniteImagesIsWrittenAndReported) {
  put_colour(1);
  const auto outcome =
      run_edit("vary", kColourModel, {"--images", path("colour.npy"), "--factors", "1,1e30", "--out", path("out.png")});
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_EQ(outcome.err, "1 image in " + path("out.png") +
                             " has values that are not finite: the model cannot decode these latents\n");
}

TEST_F(GlowEditBadInput, DecodeFailsForNonFiniteImages) {
  constexpr std::int64_t kImages = 14;
  std::vector<float> numbers(kImages * kColourBytes);
  const auto decode_with_huge = [&](std::int64_t first, std::int64_t last) {
    std::fill(numbers.begin() + first * kColourBytes, numbers.begin() + (last + 1) * kColourBytes, 1e30F);
    io::write_npy(path("z.npy"), "<f4", {kImages, kColourBytes}, float_bytes(numbers));
    return run_edit("decode", kColourModel,
                    {"--latents", path("z.npy"), "--batch", "3", "--overwrite", "--out", path("out.png")});
  };
  EXPECT_TRUE(failed(decode_with_huge(4, 4), "glow-edit", 1, {"1 image in ", "out.png", "not finite: image 4\n"}));
  EXPECT_TRUE(failed(decode_with_huge(4, 13), "glow-edit", 1,
                     {"10 images in ", "not finite: images 4, 5, 6, 7, 8, 9, 10, 11, ...\n"}));
}

}  // namespace
}  // namespace glow::testing::edit_bad_input_test
