#include "train/pictures.h"

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <glow/io/image.h>

#include "support/pictures.h"
#include "support/random_weights.h"
#include "support/temporary_directory.h"
#include "support/tiny_training.h"

namespace glow::train::pictures_test {
namespace {

using glow::testing::kTinySize;
using glow::testing::make_picture;
using glow::testing::PictureSource;
using glow::testing::random_model;
using glow::testing::TemporaryDirectory;
using glow::testing::tiny_images;
using glow::testing::tiny_model;
using glow::testing::tiny_options;
namespace fs = std::filesystem;

using Pixels = std::vector<std::uint8_t>;

/// Writes the pictures of a step. The accessors return single images of them.
class DrawnPictures {
 public:
  explicit DrawnPictures(const nn::Glow& model, std::int64_t batch = 4,
                         std::shared_ptr<const data::Images> images = tiny_images(6))
      : images_(std::move(images)) {
    run_.create();
    auto options = tiny_options();
    options.batch = batch;
    options.seed = 5;
    grid_path_ = write_pictures(run_, 7, model, *images_, options, [this] { ++batches_; });
  }

  /// The grey image at `row` and `column` of a picture.
  static Pixels tile(const fs::path& path, int row, int column) {
    constexpr int kApart = kTinySize + 2;
    const auto image = io::read_image(path);
    Pixels pixels;
    for (int pixel = 0; pixel < kTinySize * kTinySize; ++pixel) {
      const auto y = row * kApart + pixel / kTinySize, x = column * kApart + pixel % kTinySize;
      pixels.push_back(image.pixels.at(static_cast<std::size_t>(y * image.shape.width + x)));
    }
    return pixels;
  }
  Pixels temperatures(int row, int column) const { return tile(run_.temperatures(), row, column); }
  Pixels interpolations(int row, int column) const { return tile(run_.interpolations(), row, column); }
  Pixels levels(int row, int column) const { return tile(run_.levels(), row, column); }
  Pixels grid(int row, int column) const { return tile(grid_path_, row, column); }
  Pixels original(std::int64_t index) const {
    const auto bytes = images_->bytes({index % images_->size()});
    return Pixels(bytes.data_ptr<std::uint8_t>(), bytes.data_ptr<std::uint8_t>() + bytes.numel());
  }
  const RunDirectory& run() const { return run_; }
  const fs::path& grid_path() const { return grid_path_; }
  int batches() const { return batches_; }

 private:
  TemporaryDirectory directory_;
  RunDirectory run_{directory_.path()};
  std::shared_ptr<const data::Images> images_;
  fs::path grid_path_;
  int batches_ = 0;
};

/// A model with random weights, so that no layer is the identity.
nn::Glow busy_model(std::int64_t classes = 0) { return random_model(tiny_model(classes)->options()); }

TEST(Pictures, TemperatureRowsShowTheSameSamples) {
  const DrawnPictures pictures(busy_model());
  for (int column = 0; column < 6; ++column) {
    EXPECT_EQ(pictures.temperatures(0, column), pictures.temperatures(0, 0)) << "temperature 0 is one image";
    EXPECT_EQ(pictures.temperatures(2, column), pictures.grid(0, column)) << "temperature 0.7";
    EXPECT_NE(pictures.temperatures(4, column), pictures.temperatures(3, column));
  }
  EXPECT_NE(pictures.temperatures(4, 0), pictures.temperatures(4, 1));
}

TEST(Pictures, InterpolationsStartAndEndAtTheImages) {
  const DrawnPictures pictures(busy_model());
  for (int row = 0; row < 4; ++row) {
    EXPECT_EQ(pictures.interpolations(row, 0), pictures.original(2 * row));
    EXPECT_EQ(pictures.interpolations(row, 6), pictures.original(2 * row + 1));
    for (int column = 1; column < 6; ++column) {
      EXPECT_NE(pictures.interpolations(row, column), pictures.interpolations(row, column - 1));
    }
  }
}

TEST(Pictures, EachLevelRowResamplesOneMoreLevel) {
  const auto model = busy_model();
  const DrawnPictures pictures(model), of_others(model, 4, tiny_images(6, 30));
  for (int column = 0; column < 6; ++column) {
    EXPECT_EQ(pictures.levels(0, column), pictures.original(column));
    EXPECT_EQ(pictures.levels(1, column), pictures.original(column)) << "reconstructed";
    EXPECT_NE(pictures.levels(2, column), pictures.levels(1, column)) << "one of two levels";
    EXPECT_NE(pictures.levels(2, column), pictures.levels(3, column));
    EXPECT_NE(pictures.levels(2, column), of_others.levels(2, column));
    EXPECT_EQ(pictures.levels(3, column), of_others.levels(3, column)) << "nothing is left of the images";
  }
}

TEST(Pictures, DoNotDependOnTheBatch) {
  const auto model = busy_model();
  const DrawnPictures few(model, 4), many(model, 100);
  for (int row = 0; row < 4; ++row) {
    for (int column = 0; column < 6; ++column) {
      EXPECT_EQ(few.temperatures(row, column), many.temperatures(row, column));
      EXPECT_EQ(few.interpolations(row, column), many.interpolations(row, column));
      EXPECT_EQ(few.levels(row, column), many.levels(row, column));
    }
  }
}

TEST(Pictures, ConditionalModelReconstructsTheImages) {
  const DrawnPictures pictures(busy_model(3));
  for (int column = 0; column < 6; ++column) EXPECT_EQ(pictures.levels(1, column), pictures.original(column));
  EXPECT_EQ(pictures.interpolations(1, 6), pictures.original(3)) << "though its class is another";
  EXPECT_NE(pictures.temperatures(0, 0), pictures.temperatures(0, 1)) << "each class has its own mean image";
  EXPECT_EQ(pictures.temperatures(0, 0), pictures.temperatures(0, 3));
}

TEST(Pictures, ShowChannelsSideBySideIfTheyAreNotRgb) {
  constexpr int kChannels = 2;
  const auto images = std::make_shared<const data::Images>(
      std::make_shared<PictureSource>(std::vector{make_picture(kTinySize, kTinySize, kChannels)}),
      data::Geometry{.height = kTinySize, .width = kTinySize});
  const auto model = random_model(nn::GlowOptions{
      .channels = kChannels, .height = kTinySize, .width = kTinySize, .levels = 2, .depth = 1, .hidden_width = 4});
  const TemporaryDirectory directory;
  const RunDirectory run(directory.path());
  run.create();
  write_pictures(run, 1, model, *images, tiny_options(), [] {});
  EXPECT_EQ(io::read_image_shape(run.levels()), (io::ImageShape{4 * 6 - 2, 6 * kChannels * 6 - 2, 1}));
}

TEST(Pictures, AreWrittenAfterAllAreDrawn) {
  const auto model = busy_model();
  const DrawnPictures pictures(model);
  int batches = pictures.batches();
  EXPECT_EQ(pictures.grid_path(), pictures.run().sample_grid(7));
  const TemporaryDirectory directory;
  const RunDirectory run(directory.path());
  run.create();
  const auto stop_at_last = [&] {
    if (--batches == 0) throw std::runtime_error("stop");
  };
  EXPECT_THROW(write_pictures(run, 7, model, *tiny_images(6), tiny_options(), stop_at_last), std::runtime_error);
  EXPECT_TRUE(fs::is_empty(run.samples()));
}

}  // namespace
}  // namespace glow::train::pictures_test
