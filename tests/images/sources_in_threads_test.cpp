// Sources are read from several threads at once, for example by the prefetchers of training and evaluation.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/data/prefetcher.h>
#include <glow/error.h>
#include <glow/images/source.h>
#include <glow/io/npy.h>

#include "support/files.h"
#include "support/pictures.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::images::sources_in_threads_test {
namespace {

namespace fs = std::filesystem;
using glow::testing::make_picture;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

constexpr int kImages = 12;

fs::path put_folder(const fs::path& directory) {
  fs::create_directories(directory);
  for (int i = 0; i < kImages; ++i) {
    io::write_png(directory / (std::to_string(10 + i) + ".png"), make_picture(5 + i, 7, 3, i));
  }
  return directory;
}

fs::path put_array(const fs::path& file) {
  io::write_npy(file, "|u1", {kImages, 2, 3, 1}, std::string(kImages * 2 * 3, 'x'));
  return file;
}

/// Reads all images repeatedly, with their shapes, names and labels.
data::Prefetcher<io::Image> images_of(const ImageSource& source, int rounds) {
  return {[&source](std::int64_t number) {
            const auto index = number % source.size();
            auto image = source.image(index);
            EXPECT_EQ(image.shape, source.shape(index)) << source.name(index) << " " << source.label(index);
            return image;
          },
          0, rounds * source.size()};
}

class SourcesInThreads : public ::testing::TestWithParam<const char*> {
 protected:
  std::string specification() const {
    const bool is_folder = GetParam() == std::string("folder");
    return std::string(GetParam()) + ":" +
           (is_folder ? put_folder(directory_ / "pictures") : put_array(directory_ / "images.npy")).string();
  }

  TemporaryDirectory directory_;
};

TEST_P(SourcesInThreads, ReturnTheSameImagesToEveryThread) {
  const auto set = open_data_set(specification());
  constexpr int kRounds = 5;
  auto training = images_of(*set.train, kRounds), evaluation = images_of(*set.train, kRounds);
  for (int i = 0; i < kRounds * kImages; ++i) {
    const auto expected = set.train->image(i % kImages).pixels;
    EXPECT_EQ(training.next().pixels, expected);
    EXPECT_EQ(evaluation.next().pixels, expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, SourcesInThreads, ::testing::Values("folder", "npy"));

TEST(SourcesInThreads, ReportADamagedImageToEveryThread) {
  const TemporaryDirectory directory;
  const auto set = open_data_set("folder:" + put_folder(directory / "pictures").string());
  const auto damaged = directory / "pictures/13.png";
  put(damaged, glow::testing::get(damaged).substr(0, 60));
  auto training = images_of(*set.train, 1), evaluation = images_of(*set.train, 1);
  for (int i = 0; i < 3; ++i) training.next(), evaluation.next();
  for (auto* images : {&training, &evaluation}) {
    EXPECT_TRUE(throws<FormatError>([&] { images->next(); }, {damaged.string()}));
  }
}

}  // namespace
}  // namespace glow::images::sources_in_threads_test
