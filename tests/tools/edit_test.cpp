#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <glow/evaluate/round_trip.h>
#include <glow/io/image.h>
#include <glow/io/npy.h>
#include <glow/io/safetensors.h>

#include "support/edit_tool.h"
#include "support/pictures.h"
#include "support/png_chunks.h"
#include "tools/edit/editor.h"

namespace glow::testing::edit_test {
namespace {

/// Image `index` among those of kColourModel's size.
std::string_view colour_image(const std::string& bytes, std::int64_t index) {
  constexpr std::size_t kBytes = 8 * 12 * 3;
  return std::string_view(bytes).substr(static_cast<std::size_t>(index) * kBytes, kBytes);
}

class GlowEditBits : public GlowEdit, public ::testing::WithParamInterface<int> {};

TEST_P(GlowEditBits, RoundTripReturnsTheQuantizedBytes) {
  const auto images = put_images(directory_ / "images.npy", {24, 8, 8}).string();
  const auto bits = std::to_string(GetParam());
  ASSERT_TRUE(succeeded(train(
      Arguments{"--data", "npy:" + images, "--steps", "3", "--bits", bits, "--out", path("run")} + tiny_model())));
  const auto model = path("run/model.safetensors");
  std::string expected = image_bytes(24 * 64);
  for (auto& byte : expected) byte = static_cast<char>(byte & ~((1 << (8 - GetParam())) - 1));
  for (const char* name : {"z.npy", "z.safetensors"}) {
    const auto encoded = run_edit("encode", model, {"--images", images, "--out", path(name)});
    ASSERT_TRUE(succeeded(encoded));
    EXPECT_EQ(encoded.out, "latents of 24 images in " + path(name) + ", which come back byte for byte" +
                               (bits == "8" ? "" : " in the model's " + bits + " bits") + "\n");
    EXPECT_TRUE(array("decode", model, {"--latents", path(name), "--batch", "7"}) == expected) << name;
    EXPECT_EQ(shape_, (std::vector<std::int64_t>{24, 8, 8}));
  }
}

INSTANTIATE_TEST_SUITE_P(, GlowEditBits, ::testing::Range(1, 9));

TEST_F(GlowEdit, RoundTripThroughPngFilesIsExact) {
  const auto bytes = put_colour(3);
  const Arguments images{"--images", path("colour.npy")};
  ASSERT_TRUE(succeeded(run_edit("encode", kColourModel, images + Arguments{"--out", path("z.npy")})));
  ASSERT_TRUE(succeeded(run_edit("decode", kColourModel, {"--latents", path("z.npy"), "--out", path("pngs")})));
  EXPECT_EQ(count_files(directory_ / "pngs"), 3u);
  const Arguments folder{"--images", path("pngs"), "--out", path("z2.npy")};
  ASSERT_TRUE(succeeded(run_edit("encode", kColourModel, folder)));
  EXPECT_TRUE(get(directory_ / "z2.npy") == get(directory_ / "z.npy"));
  const Arguments one{"--images", path("pngs/000002.png"), "--out", path("z1.npy")};
  ASSERT_TRUE(succeeded(run_edit("encode", kColourModel, one)));
  ASSERT_TRUE(succeeded(run_edit("decode", kColourModel, {"--latents", path("z1.npy"), "--out", path("1.png")})));
  const auto picture = io::read_image(directory_ / "1.png");
  EXPECT_EQ(picture.shape, (io::ImageShape{8, 12, 3}));
  EXPECT_TRUE(std::string(picture.pixels.begin(), picture.pixels.end()) == colour_image(bytes, 2));
}

TEST_F(GlowEdit, DecodeTakesClassesFromTheFileOrAFlag) {
  io::write_npy(path("images.npy"), "|u1", {2, 4, 8, 3}, std::string(2 * 96, '\x70'));
  const Arguments encode{"--images", path("images.npy"), "--class", "bag", "--out"};
  const auto with_classes = run_edit("encode", kClassModel, encode + Arguments{path("z.safetensors")});
  const auto without = run_edit("encode", kClassModel, encode + Arguments{path("z.npy")});
  ASSERT_TRUE(succeeded(with_classes));
  ASSERT_TRUE(succeeded(without));
  const auto decoded = array("decode", kClassModel, {"--latents", path("z.safetensors")});
  EXPECT_EQ(decoded, std::string(2 * 96, '\x70'));
  EXPECT_EQ(with_classes.err, "");
  EXPECT_EQ(without.err, path("z.npy") + " keeps no classes: decode it with --class bag\n");
  EXPECT_EQ(array("decode", kClassModel, {"--latents", path("z.npy"), "--class", "1"}), decoded);
  EXPECT_NE(array("decode", kClassModel, {"--latents", path("z.safetensors"), "--class", "coat"}), decoded);
  EXPECT_TRUE(failed(run_edit("decode", kClassModel, {"--latents", path("z.npy"), "--out", path("out.npy")}),
                     "glow-edit", 2,
                     {"--class: ", "conditional", "the classes of " + path("z.npy") + " are not known"}));
}

TEST_F(GlowEdit, InterpolationPassesThroughItsImages) {
  const auto bytes = put_colour(4);
  for (const char* kind : {"spherical", "linear"}) {
    const auto frames = array("interpolate", kColourModel,
                              {"--images", path("colour.npy"), "--pick", "0,2,3", "--frames", "4", "--kind", kind,
                               "--middle-temperature", "0.8"});
    ASSERT_EQ(shape_, (std::vector<std::int64_t>{7, 8, 12, 3}));
    EXPECT_TRUE(colour_image(frames, 0) == colour_image(bytes, 0)) << kind;
    EXPECT_TRUE(colour_image(frames, 3) == colour_image(bytes, 2)) << kind;
    EXPECT_TRUE(colour_image(frames, 6) == colour_image(bytes, 3)) << kind;
    EXPECT_FALSE(colour_image(frames, 1) == colour_image(frames, 0)) << kind;
  }
}

TEST_F(GlowEdit, AnimationHasTheFramesOfTheArray) {
  put_colour(2);
  const Arguments way{"--images", path("colour.npy"), "--frames", "5", "--loop"};
  const auto frames = array("interpolate", kColourModel, way);
  // A loop does not repeat its first image at the end.
  ASSERT_EQ(shape_[0], 8);
  const auto out = path("way.apng");
  const auto outcome =
      run_edit("interpolate", kColourModel, way + Arguments{"--out", out, "--frame-milliseconds", "50"});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_EQ(outcome.out, "8 images in " + out + "\n");
  const auto pngs = png_frames(get(out));
  ASSERT_EQ(pngs.size(), 8u);
  for (std::size_t i = 0; i < 8; ++i) {
    put(path("frame.png"), pngs[i]);
    const auto frame = io::read_image(path("frame.png"));
    EXPECT_TRUE(std::string(frame.pixels.begin(), frame.pixels.end()) ==
                colour_image(frames, static_cast<std::int64_t>(i)))
        << i;
  }
}

TEST_F(GlowEdit, InterpolationGridHasOnePairPerRowAndLabels) {
  put_colour(3);
  const auto out = path("ways.png");
  const Arguments flags{"--images", path("colour.npy"), "--frames", "5", "--scale", "2", "--out", out};
  const auto outcome = run_edit("interpolate", kColourModel, flags);
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_EQ(outcome.out, "10 images in " + out + "\n");
  const auto picture = io::read_image(out);
  EXPECT_GT(picture.shape.width, 5 * 2 * 12 + 30);
  EXPECT_GT(picture.shape.height, 2 * 2 * 8 + 9);
  EXPECT_LT(picture.shape.height, 3 * 2 * 8 + 9);
}

TEST_F(GlowEdit, ReconstructionEqualsTheImageUntilALevelIsResampled) {
  const auto bytes = put_colour(2);
  const Arguments flags{"--images", path("colour.npy"), "--seed", "4", "--temperature", "0.3"};
  const auto shown = array("reconstruct", kColourModel, flags);
  // Four per image: the image, its reconstruction, one level resampled, both levels resampled.
  ASSERT_EQ(shape_, (std::vector<std::int64_t>{8, 8, 12, 3}));
  for (const std::int64_t image : {0, 1}) {
    EXPECT_TRUE(colour_image(shown, 4 * image) == colour_image(bytes, image));
    EXPECT_TRUE(colour_image(shown, 4 * image + 1) == colour_image(bytes, image));
    EXPECT_FALSE(colour_image(shown, 4 * image + 2) == colour_image(bytes, image));
    EXPECT_FALSE(colour_image(shown, 4 * image + 3) == colour_image(shown, 4 * image + 2));
  }
  EXPECT_TRUE(array("reconstruct", kColourModel, flags) == shown);
  const auto outcome = run_edit("reconstruct", kColourModel, flags + Arguments{"--out", path("grid.png")});
  EXPECT_TRUE(outcome.out.starts_with("2 of 2 images come back byte for byte; 8 images in "));
}

TEST_F(GlowEdit, Float64RoundTripIsExactAndWritesFloat64Latents) {
  const auto bytes = put_colour(2);
  const Arguments images{"--images", path("colour.npy")};
  ASSERT_TRUE(succeeded(run_edit("encode", kColourModel, images + Arguments{"--out", path("z32.npy")})));
  ASSERT_TRUE(
      succeeded(run_edit("encode", kColourModel, images + Arguments{"--out", path("z64.npy"), "--precision", "fp64"})));
  EXPECT_EQ(io::NpyReader(path("z32.npy")).dtype(), "<f4");
  EXPECT_EQ(io::NpyReader(path("z64.npy")).dtype(), "<f8");
  const auto single = numbers_of<float>(io::NpyReader(path("z32.npy")).data());
  const auto twice = numbers_of<double>(io::NpyReader(path("z64.npy")).data());
  ASSERT_EQ(single.size(), twice.size());
  for (std::size_t i = 0; i < single.size(); ++i) EXPECT_NEAR(single[i], twice[i], 1e-3) << i;
  // The file decides about the precision, unless it is given.
  const auto decode = [&](const std::string& latents, const Arguments& more) {
    return run_edit("decode", kColourModel,
                    Arguments{"--latents", path(latents), "--out", path("x.npy"), "--overwrite"} + more);
  };
  for (const auto& [latents, more, said] :
       {std::tuple{"z64.npy", Arguments{}, ": float64 latents, decoded in fp64\n"},
        std::tuple{"z64.npy", Arguments{"--precision", "fp64"}, ""},
        std::tuple{"z64.npy", Arguments{"--precision", "fp32"},
                   ": float64 latents, rounded to float32 by --precision fp32\n"},
        std::tuple{"z32.npy", Arguments{}, ""},
        std::tuple{"z32.npy", Arguments{"--precision", "fp64"}, ": float32 latents, decoded in fp64\n"}}) {
    const auto outcome = decode(latents, more);
    EXPECT_TRUE(succeeded(outcome));
    EXPECT_EQ(outcome.err, std::string(said).empty() ? "" : path(latents) + said);
    EXPECT_TRUE(io::NpyReader(path("x.npy")).data() == bytes) << latents;
  }
  for (const auto& [subcommand, flags] : {std::pair{"interpolate", Arguments{"--middle-temperature", "0.8"}},
                                          std::pair{"reconstruct", Arguments{"--temperature", "0.3"}},
                                          std::pair{"vary", Arguments{"--amounts", "0.05", "--temperature", "0.5"}}}) {
    const auto shown = array(subcommand, kColourModel, images + flags + Arguments{"--precision", "fp64"});
    EXPECT_TRUE(colour_image(shown, 0) == colour_image(bytes, 0)) << subcommand;
  }
}

/// A copy of the colour model whose first 1x1 convolution is almost singular: two of its outputs differ by 1e-6, so
/// that float32 loses the images.
std::string inexact_model(const std::string& path) {
  const io::SafetensorsReader reader(kColourModel);
  auto entries = reader.entries();
  std::string singular;
  for (auto& entry : entries) {
    if (entry.name != "levels.0.steps.0.permutation.weight") continue;
    auto weight = floats_of(entry.data);
    const auto channels = static_cast<std::size_t>(entry.shape[0]);
    for (std::size_t i = 0; i < channels; ++i) weight[channels + i] = weight[i] + 1e-6F * weight[channels + i];
    entry.data = singular = float_bytes(weight);
  }
  EXPECT_FALSE(singular.empty());
  io::write_safetensors(path, reader.metadata(), entries);
  return path;
}

TEST_F(GlowEdit, EncodeNamesTheImagesThatDoNotComeBack) {
  const auto bytes = put_colour(24);
  const auto model = inexact_model(path("inexact.safetensors"));
  const Arguments flags{"--images", path("colour.npy"), "--batch", "7", "--overwrite", "--out", path("z.safetensors")};
  const auto error = run_edit("encode", model, flags);
  EXPECT_TRUE(failed(
      error, "glow-edit", 1,
      {"24 of the 24 images in " + path("z.safetensors") + " do not come back byte for byte, off by up to ",
       "(the file is complete and can be used as it is; --verify note makes this no error; --precision fp64 is more "
       "accurate):\n  0: image 0 of ",
       "colour.npy, ", "\n  19: ", "\n  and 4 more\n"}));
  EXPECT_EQ(error.err.find("\n  20: "), std::string::npos);
  // The file is complete.
  array("decode", model, {"--latents", path("z.safetensors")});
  EXPECT_EQ(shape_[0], 24);
  const auto note = run_edit("encode", model, flags + Arguments{"--verify", "note"});
  EXPECT_TRUE(succeeded(note));
  EXPECT_EQ(note.out, "latents of 24 images in " + path("z.safetensors") + "\n");
  EXPECT_TRUE(note.err.starts_with("24 of the 24 images in ")) << note.err;
  const auto none = run_edit("encode", model, flags + Arguments{"--verify", "none"});
  EXPECT_TRUE(succeeded(none));
  EXPECT_EQ(none.out + none.err, note.out);
  const auto exact = run_edit("encode", model, flags + Arguments{"--precision", "fp64"});
  EXPECT_TRUE(succeeded(exact));
  EXPECT_EQ(exact.out, "latents of 24 images in " + path("z.safetensors") + ", which come back byte for byte\n");
  EXPECT_TRUE(array("decode", model, {"--latents", path("z.safetensors")}) == bytes);
}

TEST_F(GlowEdit, EditsSayWhichImagesDoNotComeBack) {
  const auto bytes = put_colour(3);
  const auto model = inexact_model(path("inexact.safetensors"));
  put(path("list.csv"), "file,a\n0,1\n1,0\n2,0\n");
  ASSERT_TRUE(succeeded(run_edit(
      "directions", model,
      {"--data", "npy:" + path("colour.npy"), "--attributes", path("list.csv"), "--out", path("d.safetensors")})));
  for (const auto& [subcommand, flags] :
       {std::pair{"apply", Arguments{"--directions", path("d.safetensors"), "--strengths", "0"}},
        std::pair{"interpolate", Arguments{"--frames", "2"}}, std::pair{"vary", Arguments{"--factors", "1"}},
        std::pair{"reconstruct", Arguments{"--temperature", "0"}}}) {
    const auto all = Arguments{"--images", path("colour.npy"), "--overwrite", "--out", path("x.npy")} + flags;
    const auto single = run_edit(subcommand, model, all);
    EXPECT_TRUE(succeeded(single));
    EXPECT_TRUE(single.err.starts_with("3 of the 3 images do not come back byte for byte, off by ")) << single.err;
    EXPECT_NE(single.err.find("(--precision fp64 is more accurate):\n  0: image 0 of "), std::string::npos);
    const auto twice = run_edit(subcommand, model, all + Arguments{"--precision", "fp64"});
    EXPECT_TRUE(succeeded(twice));
    EXPECT_EQ(twice.err, "");
    if (subcommand == std::string("reconstruct")) {
      EXPECT_TRUE(single.out.starts_with("0 of 3 images come back byte for byte; 12 images in ")) << single.out;
      EXPECT_TRUE(twice.out.starts_with("3 of 3 images come back byte for byte; ")) << twice.out;
    } else {
      EXPECT_TRUE(io::NpyReader(path("x.npy")).data() == bytes) << subcommand;
    }
  }
}

TEST(ChangedImagesTest, ValuesThatAreNotFiniteHaveNoDistance) {
  const data::Images images(std::make_shared<const PictureSource>(std::vector(3, make_picture(1, 1, 1))),
                            {.height = 1, .width = 1});
  const auto returned = [](bool first, bool second) {
    return evaluate::Returned{.changed = torch::tensor({true, true, false}),
                              .finite = torch::tensor({first, second, true}),
                              .grey_levels = torch::tensor({0, 7, 0}, torch::kLong),
                              .max_error = {},
                              .mean_error = {},
                              .decoded = {}};
  };
  tools::ChangedImages some, all;
  some.add(returned(false, true), 0);
  EXPECT_EQ(some.difference(), "off by up to 7 grey levels, 1 of them not finite");
  EXPECT_TRUE(some.line(0, images).ends_with(", not finite"));
  EXPECT_TRUE(some.line(1, images).ends_with(", 7 grey levels"));
  all.add(returned(false, false), 0);
  EXPECT_EQ(all.difference(), "with values that are not finite");
}

TEST_F(GlowEdit, SaysWhichImagesOfADataSetItUses) {
  const auto data = "fashion-mnist:" + put_fashion_mnist(directory_ / "fashion").string();
  ASSERT_TRUE(
      succeeded(train(Arguments{"--data", data, "--steps", "1", "--out", path("run"), "--quiet"} + tiny_model())));
  const auto said = [&](const std::string& subcommand, const Arguments& flags) {
    const auto outcome = run_edit(subcommand, path("run/model.safetensors"),
                                  flags + Arguments{"--overwrite", "--out", path("z.safetensors")});
    EXPECT_TRUE(succeeded(outcome));
    return outcome.err.substr(0, outcome.err.find('\n') + 1);
  };
  EXPECT_EQ(said("encode", {"--verify", "note", "--images", data}), "images: 20 of 80 images, the test images\n");
  EXPECT_EQ(said("encode", {"--verify", "note", "--images", data, "--pick", "1,2"}),
            "images: 2 of 80 images, the picked ones of the test images (--pick)\n");
  std::filesystem::remove(path("z.safetensors"));
  EXPECT_EQ(said("directions", {"--data", data}), "images: 60 of 80 images, the training images\n");
  EXPECT_EQ(said("directions", {"--data", data, "--count", "30"}),
            "images: 30 of 80 images, 30 at random of the training images (--count)\n");
}

TEST_F(GlowEdit, VariationsStartAtTheImageAndDepartWithTheAmount) {
  const auto bytes = put_colour(1);
  const Arguments flags{"--images", path("colour.npy"), "--amounts", "0,0.05,0.4", "--variations",
                        "3",        "--temperature",    "0.5"};
  const auto shown = array("vary", kColourModel, flags);
  ASSERT_EQ(shape_[0], 3 * 4);
  const auto distance = [&](std::int64_t place) {
    double sum = 0;
    for (std::size_t i = 0; i < colour_image(bytes, 0).size(); ++i) {
      sum += std::abs(static_cast<unsigned char>(colour_image(shown, place)[i]) -
                      static_cast<unsigned char>(colour_image(bytes, 0)[i]));
    }
    return sum;
  };
  for (std::int64_t row = 0; row < 3; ++row) EXPECT_EQ(distance(4 * row), 0) << row;
  for (std::int64_t column = 1; column <= 3; ++column) {
    EXPECT_EQ(distance(column), 0) << column;
    EXPECT_GT(distance(4 + column), 0) << column;
    EXPECT_GT(distance(8 + column), distance(4 + column)) << column;
  }
  EXPECT_TRUE(array("vary", kColourModel, flags) == shown);
  EXPECT_FALSE(array("vary", kColourModel, flags + Arguments{"--seed", "1"}) == shown);
}

TEST_F(GlowEdit, VariationNoiseDoesNotDependOnCountOrPick) {
  put_colour(4);
  const Arguments flags{"--images", path("colour.npy"), "--temperature", "0.5"};
  const Arguments vary = flags + Arguments{"--amounts", "0.4"};
  const auto all = array("vary", kColourModel, vary + Arguments{"--variations", "2"});
  const auto picked = array("vary", kColourModel, vary + Arguments{"--variations", "5", "--pick", "3,1"});
  // A row: the image, then its variations.
  for (const std::int64_t variation : {0, 1, 2}) {
    EXPECT_TRUE(colour_image(picked, variation) == colour_image(all, 3 * 3 + variation)) << variation;
    EXPECT_TRUE(colour_image(picked, 6 + variation) == colour_image(all, 3 * 1 + variation)) << variation;
  }
  EXPECT_FALSE(colour_image(picked, 4) == colour_image(picked, 5));
  const auto drawn = array("reconstruct", kColourModel, flags);
  const auto drawn_of_picked = array("reconstruct", kColourModel, flags + Arguments{"--pick", "3,1", "--batch", "1"});
  for (const std::int64_t column : {0, 1, 2, 3}) {
    EXPECT_TRUE(colour_image(drawn_of_picked, column) == colour_image(drawn, 3 * 4 + column)) << column;
    EXPECT_TRUE(colour_image(drawn_of_picked, 4 + column) == colour_image(drawn, 4 + column)) << column;
  }
}

TEST_F(GlowEdit, FolderNamesGiveTheClassesOfImages) {
  const std::vector<std::string> classes{"coat", "bag"};
  for (int i = 0; i < 4; ++i) {
    const auto folder = directory_ / "photos" / classes[static_cast<std::size_t>(i % 2)];
    put_picture(folder / (std::to_string(i) + ".png"), make_picture(4, 8, 3, static_cast<std::uint32_t>(i)));
  }
  // As a plain folder and as a data set.
  for (const auto& images : {path("photos"), "folder:" + path("photos")}) {
    if (images.starts_with("folder:")) {
      put_picture(directory_ / "photos" / "ankle boot" / "9.png", make_picture(4, 8, 3, 9));
    }
    ASSERT_TRUE(succeeded(
        run_edit("encode", kClassModel, {"--images", images, "--out", path("z.safetensors"), "--overwrite"})));
    const io::SafetensorsReader file(path("z.safetensors"));
    std::vector<std::int64_t> labels;
    for (const auto& entry : file.entries()) {
      if (entry.name != "labels") continue;
      labels.resize(entry.data.size() / sizeof(std::int64_t));
      std::memcpy(labels.data(), entry.data.data(), entry.data.size());
    }
    const std::vector<std::int64_t> expected = images.starts_with("folder:") ? std::vector<std::int64_t>{0, 1, 1, 2, 2}
                                                                             : std::vector<std::int64_t>{1, 1, 2, 2};
    EXPECT_EQ(labels, expected) << images;
    EXPECT_TRUE(succeeded(
        run_edit("vary", kClassModel,
                 {"--images", images, "--pick", "0,3", "--variations", "1", "--out", path("v.npy"), "--overwrite"})));
  }
  const Arguments array{"--images", path("photos"), "--out", path("several.npy")};
  EXPECT_TRUE(failed(run_edit("encode", kClassModel, array), "glow-edit", 2,
                     {"--out: " + path("several.npy") + " keeps no classes", "give --class"}));
  EXPECT_FALSE(std::filesystem::exists(path("several.npy")));
  EXPECT_TRUE(succeeded(run_edit("encode", kClassModel, array + Arguments{"--class", "bag"})));
  // Finds directions between the classes of the data, two of the model's three.
  std::filesystem::remove_all(directory_ / "photos" / "ankle boot");
  const Arguments directions{"--data", "folder:" + path("photos"), "--out", path("d.safetensors"), "--overwrite"};
  ASSERT_TRUE(succeeded(run_edit("directions", kClassModel, directions)));
  put_picture(directory_ / "photos" / "emu" / "7.png", make_picture(4, 8, 3, 7));
  EXPECT_TRUE(failed(run_edit("directions", kClassModel, directions), "glow-edit", 2,
                     {"--class: ", "7.png lies in no folder that is named after a class"}));
  std::filesystem::remove_all(directory_ / "photos" / "emu");
  put_picture(directory_ / "photos" / "stray.png", make_picture(4, 8, 3, 5));
  EXPECT_TRUE(failed(run_edit("encode", kClassModel, {"--images", path("photos"), "--out", path("z2.npy")}),
                     "glow-edit", 2, {"--class: ", "stray.png lies in no folder that is named after a class"}));
}

TEST_F(GlowEdit, ImagesAreScaledAndCroppedAsInTraining) {
  for (int i = 0; i < 20; ++i) {
    put_picture(directory_ / "photos" / (std::to_string(i) + ".png"),
                make_picture(30 + i % 3, 40, 3, static_cast<std::uint32_t>(i)));
  }
  ASSERT_TRUE(succeeded(train({"--data",
                               "folder:" + path("photos"),
                               "--image-size",
                               "8",
                               "--resize",
                               "16",
                               "--random-crop",
                               "--levels",
                               "1",
                               "--depth",
                               "1",
                               "--width",
                               "4",
                               "--batch",
                               "4",
                               "--steps",
                               "1",
                               "--threads",
                               "1",
                               "--quiet",
                               "--out",
                               path("run")})));
  const auto model = path("run/model.safetensors");
  const auto encoded = [&](const std::string& name, const Arguments& more, const std::string& said) {
    const auto outcome =
        run_edit("encode", model, Arguments{"--images", path("photos"), "--out", path(name), "--overwrite"} + more);
    EXPECT_TRUE(succeeded(outcome));
    EXPECT_EQ(outcome.err, "images: " + said + "\n");
    return get(path(name));
  };
  const auto as_trained = encoded("1.npy", {}, "shorter side scaled to 16, centre 8x8, as in the training");
  EXPECT_TRUE(encoded("2.npy", {"--resize", "16"}, "shorter side scaled to 16, centre 8x8, as the flags say") ==
              as_trained);
  const auto fitted = encoded("3.npy", {"--resize", "fit"}, "as much as fits, scaled to 8x8, as the flags say");
  EXPECT_FALSE(fitted == as_trained);
  EXPECT_TRUE(encoded("4.npy", {"--resize", "0"}, "as much as fits, scaled to 8x8, as the flags say") == fitted);
  encoded("5.npy", {"--random-crop"}, "centre 8x8, not scaled, as the flags say");
  EXPECT_TRUE(
      failed(run_edit("encode", model, {"--images", path("photos"), "--out", path("6.npy"), "--fit", "--resize", "16"}),
             "glow-edit", 2, {"--resize: is given twice, also by its old name --fit"}));
}

TEST_F(GlowEdit, SkipsTheCorruptImagesThatTrainingSkipped) {
  for (int i = 0; i < 20; ++i) {
    const auto folder = directory_ / "photos" / (i % 2 == 0 ? "even" : "odd");
    put_picture(folder / (std::to_string(i) + ".png"), make_picture(8, 8, 3, static_cast<std::uint32_t>(i)));
  }
  const auto torn = path("photos/odd/3.png");
  put(torn, get(torn).substr(0, 100));
  ASSERT_TRUE(succeeded(train({"--data",
                               "folder:" + path("photos"),
                               "--skip-corrupt",
                               "--image-size",
                               "8",
                               "--levels",
                               "1",
                               "--depth",
                               "1",
                               "--width",
                               "4",
                               "--batch",
                               "4",
                               "--steps",
                               "1",
                               "--threads",
                               "1",
                               "--quiet",
                               "--out",
                               path("run")})));
  const auto model = path("run/model.safetensors");
  for (const auto& [subcommand, images, out] :
       {std::tuple{"encode", Arguments{"--images", "folder:" + path("photos")}, "z.npy"},
        {"encode", Arguments{"--images", path("photos")}, "z2.npy"},
        {"directions", Arguments{"--data", "folder:" + path("photos")}, "classes.safetensors"}}) {
    const auto outcome = run_edit(subcommand, model, images + Arguments{"--out", path(out)});
    EXPECT_TRUE(succeeded(outcome));
    EXPECT_NE(outcome.err.find("left out " + torn), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.out.find("19 images"), std::string::npos) << outcome.out;
  }
}

TEST_F(GlowEdit, TemperatureOneReturnsTheImage) {
  const auto bytes = put_colour(1);
  const auto shown = array("vary", kColourModel, {"--images", path("colour.npy"), "--factors", "0.5,1", "--per-level"});
  ASSERT_EQ(shape_[0], 4);
  for (const std::int64_t row : {0, 1}) {
    EXPECT_FALSE(colour_image(shown, 2 * row) == colour_image(bytes, 0)) << row;
    EXPECT_TRUE(colour_image(shown, 2 * row + 1) == colour_image(bytes, 0)) << row;
  }
  EXPECT_FALSE(colour_image(shown, 0) == colour_image(shown, 2));
}

/// An attribute with a known direction in latent space, which every other image has. The random numbers are
/// approximately normal.
class GlowEditDirections : public GlowEdit {
 protected:
  static constexpr std::int64_t kImages = 600;
  static constexpr std::size_t kNumbers = 8 * 8;

  /// A model of images with medium brightness, so that no byte of images near them is clamped.
  void SetUp() override {
    auto bytes = image_bytes(64 * kNumbers);
    for (auto& byte : bytes) byte = static_cast<char>(96 + byte / 2);
    io::write_npy(path("train.npy"), "|u1", {64, 8, 8}, bytes);
    ASSERT_TRUE(succeeded(
        train(Arguments{"--data", "npy:" + path("train.npy"), "--steps", "3", "--out", path("run")} + tiny_model())));
  }
  std::string model() const { return path("run/model.safetensors"); }

  /// Writes images.npy and list.csv, and returns the planted direction.
  std::vector<float> plant() const {
    std::uint32_t state = 7;
    const auto normal = [&state] {
      float sum = -6;
      for (int i = 0; i < 12; ++i) {
        state = state * 1664525 + 1013904223;
        sum += static_cast<float>(state >> 8) / static_cast<float>(1 << 24);
      }
      return sum;
    };
    std::vector<float> planted;
    for (std::size_t i = 0; i < kNumbers; ++i) planted.push_back(normal() * 0.4f);
    std::vector<float> latents;
    std::string list = "place,planted,all\n";
    for (std::int64_t image = 0; image < kImages; ++image) {
      const bool has = image % 2 == 0;
      for (const float number : planted) latents.push_back(0.3f * normal() + (has ? number : 0.0f));
      list += std::to_string(image) + (has ? ",1,1\n" : ",-1,1\n");
    }
    io::write_npy(path("z.npy"), "<f4", {kImages, kNumbers}, float_bytes(latents));
    put(path("list.csv"), list);
    const Arguments decode{"--latents", path("z.npy"), "--out", path("images.npy")};
    EXPECT_TRUE(succeeded(run_edit("decode", model(), decode)));
    return planted;
  }

  Outcome find(const Arguments& more = {}) const {
    return run_edit("directions", model(),
                    Arguments{"--data", "npy:" + path("images.npy"), "--attributes", path("list.csv"), "--out",
                              path("found.safetensors")} +
                        more);
  }
};

TEST_F(GlowEditDirections, FindsThePlantedDirection) {
  const auto planted = plant();
  const auto outcome = find({"--batch", "50"});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_TRUE(outcome.out.starts_with("planted                 with 300, without 300, length ")) << outcome.out;
  EXPECT_NE(outcome.out.find("1 direction from 600 images in "), std::string::npos);
  EXPECT_NE(outcome.err.find("no direction for all"), std::string::npos);
  const io::SafetensorsReader file(path("found.safetensors"));
  EXPECT_EQ(file.metadata_value("glow.names"), R"(["planted"])");
  for (const auto& entry : file.entries()) {
    if (entry.name != "directions") continue;
    const auto found = floats_of(entry.data);
    ASSERT_EQ(found.size(), planted.size());
    double product = 0, found_square = 0, planted_square = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
      product += found[i] * planted[i];
      found_square += found[i] * found[i];
      planted_square += planted[i] * planted[i];
    }
    EXPECT_GT(product / std::sqrt(found_square * planted_square), 0.99);
  }
}

TEST_F(GlowEditDirections, OnlyStrengthZeroReturnsTheImage) {
  plant();
  ASSERT_TRUE(succeeded(find({"--precision", "fp64"})));
  const auto images = std::string(io::NpyReader(path("images.npy")).data());
  const auto strip = array("apply", model(),
                           {"--directions", path("found.safetensors"), "--images", path("images.npy"), "--pick", "5,6",
                            "--strengths", "-1,0,1", "--precision", "fp64"});
  ASSERT_EQ(shape_, (std::vector<std::int64_t>{6, 8, 8}));
  for (const std::size_t row : {0, 1}) {
    const auto image = images.substr((5 + row) * kNumbers, kNumbers);
    EXPECT_FALSE(strip.substr((3 * row) * kNumbers, kNumbers) == image);
    EXPECT_TRUE(strip.substr((3 * row + 1) * kNumbers, kNumbers) == image);
    EXPECT_FALSE(strip.substr((3 * row + 2) * kNumbers, kNumbers) == image);
  }
}

TEST_F(GlowEditDirections, ClassesAreAttributes) {
  const auto data = put_fashion_mnist(directory_ / "data").string();
  ASSERT_TRUE(succeeded(
      train(Arguments{"--data", "fashion-mnist:" + data, "--steps", "3", "--out", path("classes")} + tiny_model())));
  const auto model = path("classes/model.safetensors");
  const auto found = run_edit("directions", model,
                              {"--data", "fashion-mnist:" + data, "--count", "50", "--out", path("found.safetensors")});
  ASSERT_TRUE(succeeded(found));
  EXPECT_NE(found.out.find("\nTrouser                 with "), std::string::npos);
  EXPECT_NE(found.out.find("10 directions from 50 images"), std::string::npos);
  const auto strip = run_edit("apply", model,
                              {"--directions", path("found.safetensors"), "--direction", "Bag,Ankle boot", "--together",
                               "--images", "fashion-mnist:" + data, "--pick", "3", "--out", path("strip.png")});
  ASSERT_TRUE(succeeded(strip));
  EXPECT_EQ(strip.out, "9 images in " + path("strip.png") + "\n");
}

TEST_F(GlowEdit, HelpListsSubcommandsAndTheirFlags) {
  const auto help = edit({"--help"});
  ASSERT_TRUE(succeeded(help));
  for (const char* name : {"encode", "decode", "reconstruct", "interpolate", "directions", "apply", "vary"}) {
    EXPECT_NE(help.out.find(std::string("\n  ") + name + " "), std::string::npos) << name;
    const auto own = edit({name, "--help-all"});
    ASSERT_TRUE(succeeded(own));
    for (const char* text : {"--model FILE", "--out OUT", "--class NAME|I", "--overwrite", "--batch N",
                             "--precision KIND", "Examples\n  glow-edit "}) {
      EXPECT_NE(own.out.find(text), std::string::npos) << name << " " << text;
    }
  }
  EXPECT_TRUE(edit({"--version"}).out.starts_with("glow-edit "));
  EXPECT_NE(edit({"interpolate", "--help-all"}).out.find("--middle-temperature T|T0,T1,..."), std::string::npos);
}

}  // namespace
}  // namespace glow::testing::edit_test
