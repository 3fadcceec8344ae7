// A white bar is drawn on every other picture of a folder and recorded in a list of attributes; glow-edit finds its
// direction and moves images along it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/io/image.h>
#include <glow/io/npy.h>
#include <glow/io/safetensors.h>

#include "support/edit_tool.h"
#include "support/pictures.h"

namespace glow::testing::edit_attributes_test {
namespace {

constexpr std::int64_t kImages = 120;
constexpr std::int64_t kSize = 8;
constexpr std::size_t kBytes = kSize * kSize * 3;
constexpr int kContrast = 40;

/// A list of the attributes of all pictures, in one of the supported formats.
struct ListForm {
  std::string name;
  /// Whether the file begins with the number of images.
  bool counts;
  std::string heading;
  /// The name of an image: the minimum number of digits of its index, then the extension.
  std::size_t digits;
  std::string extension;
  std::string separator, yes, no, end;
};

const std::vector<ListForm>& list_forms() {
  static const std::vector<ListForm> forms{
      // With the blanks of the original lists of the data sets.
      {"CelebA", true, "Bar Late ", 6, ".jpg", " ", " 1", "-1", ""},
      {"CelebAHQ", true, "Bar Late", 1, ".jpg ", " ", "1", "-1", " "},
      {"Csv", false, "image,Bar,Late", 1, ".png", ",", "1", "0", ""},
  };
  return forms;
}

std::string number_of(std::int64_t index, const ListForm& form) {
  auto text = std::to_string(index);
  if (text.size() < form.digits) text.insert(0, form.digits - text.size(), '0');
  return text;
}

std::string line_of(std::int64_t index, bool bar, bool late, const ListForm& form) {
  auto line = number_of(index, form) + form.extension;
  for (const bool has : {bar, late}) {
    line += form.separator;
    line += has ? form.yes : form.no;
  }
  return line + form.end + "\n";
}

bool has_bar(std::int64_t index) { return index % 2 == 0; }
bool is_late(std::int64_t index) { return index / 2 % 2 == 0; }

/// Whether a byte belongs to the white bar: the third and fourth row.
bool in_bar(std::size_t byte) {
  const auto row = byte / (kSize * 3);
  return row == 2 || row == 3;
}

/// A picture without symmetry, with the bar if it has the attribute. Twice the bar's contrast, added or subtracted,
/// clamps no value.
io::Image picture_of(std::int64_t index) {
  auto picture = make_picture(kSize, kSize, 3, static_cast<std::uint32_t>(index + 1));
  for (std::size_t byte = 0; byte < kBytes; ++byte) {
    auto& value = picture.pixels[byte];
    value = static_cast<std::uint8_t>(90 + value / 8 + (has_bar(index) && in_bar(byte) ? kContrast : 0));
  }
  return picture;
}

/// The difference of brightness between the bar's rows and the others.
double bar_of(const std::string& pictures, std::int64_t place) {
  double bar = 0, others = 0;
  for (std::size_t byte = 0; byte < kBytes; ++byte) {
    const auto value = static_cast<unsigned char>(pictures[static_cast<std::size_t>(place) * kBytes + byte]);
    (in_bar(byte) ? bar : others) += value;
  }
  return bar / (2 * kSize * 3) - others / (6 * kSize * 3);
}

std::string all_pictures() {
  std::string bytes;
  for (std::int64_t i = 0; i < kImages; ++i) {
    const auto picture = picture_of(i);
    bytes.append(picture.pixels.begin(), picture.pixels.end());
  }
  return bytes;
}

/// The file of a model of these pictures, trained once.
const std::string& model() {
  static const TemporaryDirectory directory;
  static const auto file = [] {
    const auto images = (directory / "images.npy").string(), run = (directory / "run").string();
    io::write_npy(images, "|u1", {kImages, kSize, kSize, 3}, all_pictures());
    EXPECT_TRUE(succeeded(train(Arguments{"--data", "npy:" + images, "--steps", "3", "--out", run} + tiny_model())));
    return run + "/model.safetensors";
  }();
  return file;
}

/// The pictures as an array and in a folder.
class GlowEditAttributes : public GlowEdit {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(directory_ / "faces");
    io::write_npy(path("images.npy"), "|u1", {kImages, kSize, kSize, 3}, all_pictures());
  }

  /// Finds the directions with a list in the format `form`.
  Outcome find(const ListForm& form) {
    // In reverse order, and with an image that does not exist: rows are matched by name, not by position.
    std::string list = form.counts ? std::to_string(kImages + 1) + "\n" : "";
    list += form.heading + "\n" + line_of(kImages, true, true, form);
    for (std::int64_t i = kImages - 1; i >= 0; --i) {
      list += line_of(i, has_bar(i), is_late(i), form);
      io::write_png(directory_ / "faces" / (number_of(i, form) + ".png"), picture_of(i));
    }
    put(path("list"), list);
    return run_edit("directions", model(),
                    {"--data", "folder:" + path("faces"), "--attributes", path("list"), "--batch", "50", "--out",
                     path("found.safetensors")});
  }

  /// The edited pictures of image 0, which has the bar, and image 1, which does not.
  std::string strips(const Arguments& more) {
    return array(
        "apply", model(),
        Arguments{"--directions", path("found.safetensors"), "--images", path("images.npy"), "--pick", "0,1"} + more);
  }
};

class GlowEditLists : public GlowEditAttributes, public ::testing::WithParamInterface<ListForm> {};

TEST_P(GlowEditLists, FindsTheDirectionOfTheBarAndMovesAlongIt) {
  const auto outcome = find(GetParam());
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_TRUE(outcome.out.starts_with("Bar                     with 60, without 60, length ")) << outcome.out;
  EXPECT_NE(outcome.out.find("\nLate                    with 60, without 60, length "), std::string::npos);
  EXPECT_NE(outcome.out.find("2 directions from 120 images in "), std::string::npos) << outcome.out;
  const auto bar = strips({"--direction", "Bar", "--strengths", "-1,0,1"});
  ASSERT_EQ(shape_, (std::vector<std::int64_t>{6, kSize, kSize, 3}));
  EXPECT_NEAR(bar_of(bar, 0), 0, 0.2 * kContrast);  // removed from the image that has it
  EXPECT_NEAR(bar_of(bar, 1), kContrast, 0.2 * kContrast);
  EXPECT_NEAR(bar_of(bar, 4), 0, 0.2 * kContrast);
  EXPECT_NEAR(bar_of(bar, 5), kContrast, 0.2 * kContrast);  // added to the image that does not have it
  const auto late = strips({"--direction", "Late", "--strengths", "-1,0,1"});
  for (const std::int64_t place : {0, 1, 2}) EXPECT_NEAR(bar_of(late, place), kContrast, 0.2 * kContrast) << place;
}

INSTANTIATE_TEST_SUITE_P(, GlowEditLists, ::testing::ValuesIn(list_forms()), name_of);

TEST_F(GlowEditAttributes, DefaultStrengthsAreNineFromMinusTwoToTwo) {
  ASSERT_TRUE(succeeded(find(list_forms().front())));
  const auto strip = strips({"--direction", "Bar"});
  ASSERT_EQ(shape_, (std::vector<std::int64_t>{2 * 9, kSize, kSize, 3}));
  const auto images = all_pictures();
  for (const std::int64_t row : {0, 1}) {
    EXPECT_TRUE(strip.substr(static_cast<std::size_t>(9 * row + 4) * kBytes, kBytes) ==
                images.substr(static_cast<std::size_t>(row) * kBytes, kBytes));
    for (std::int64_t column = 1; column < 9; ++column) {
      EXPECT_GT(bar_of(strip, 9 * row + column), bar_of(strip, 9 * row + column - 1)) << row << " " << column;
    }
  }
  EXPECT_TRUE(strips({"--direction", "Bar", "--strengths", "-2,-1.5,-1,-0.5,0,0.5,1,1.5,2"}) == strip);
}

/// The largest difference between the bytes of two pictures.
int largest_difference(const std::string& one, const std::string& other) {
  int largest = 0;
  for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) {
    largest = std::max(largest, std::abs(static_cast<unsigned char>(one[i]) - static_cast<unsigned char>(other[i])));
  }
  return largest;
}

TEST_F(GlowEditAttributes, TogetherAppliesTheSumOfTheDirections) {
  ASSERT_TRUE(succeeded(find(list_forms().front())));
  const auto strip = strips({"--together"});
  ASSERT_EQ(shape_[0], 2 * 9);
  // The expected result: the latents, plus the strength times the sum of the vectors, decoded.
  const Arguments images{"--images", path("images.npy"), "--pick", "0,1"};
  ASSERT_TRUE(succeeded(run_edit("encode", model(), images + Arguments{"--out", path("z.npy")})));
  const auto latents = floats_of(io::NpyReader(path("z.npy")).data());
  const io::SafetensorsReader file(path("found.safetensors"));
  const auto& entries = file.entries();
  const auto entry = std::ranges::find(entries, "directions", &io::TensorEntry::name);
  ASSERT_NE(entry, entries.end());
  const auto vectors = floats_of(entry->data);
  ASSERT_EQ(vectors.size(), 2 * kBytes);
  const auto moved = [&](float first, float second) {
    std::vector<float> all;
    for (std::size_t row = 0; row < 2; ++row) {
      for (int column = 0; column < 9; ++column) {
        const float strength = static_cast<float>(column - 4) / 2;
        for (std::size_t i = 0; i < kBytes; ++i) {
          all.push_back(latents[row * kBytes + i] + strength * (first * vectors[i] + second * vectors[kBytes + i]));
        }
      }
    }
    io::write_npy(path("moved.npy"), "<f4", {2 * 9, static_cast<std::int64_t>(kBytes)}, float_bytes(all));
    return array("decode", model(), {"--latents", path("moved.npy")});
  };
  EXPECT_LE(largest_difference(moved(1, 1), strip), 1);  // only rounding differs
  EXPECT_GT(largest_difference(moved(1, 0), strip), 3);
  EXPECT_GT(largest_difference(moved(0, 1), strip), 3);
  const auto rows = strips({});
  EXPECT_EQ(shape_[0], 2 * 2 * 9);  // without --together each direction has its own row
}

}  // namespace
}  // namespace glow::testing::edit_attributes_test
