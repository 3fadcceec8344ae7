#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include <glow/io/image.h>

#include "support/edit_tool.h"

namespace glow::testing::edit_batches_test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class GlowEditBatches : public GlowEdit {};

TEST_F(GlowEditBatches, PicturesDoNotDependOnTheBatchSize) {
  put_colour(3);
  for (const auto& [subcommand, flags] :
       {std::pair{"vary", Arguments{"--variations", "2", "--amounts", "0.1,0.2", "--per-level"}},
        std::pair{"vary", Arguments{"--factors", "0.5,0.9,1"}},
        std::pair{"reconstruct", Arguments{"--temperature", "0.3"}},
        std::pair{"interpolate", Arguments{"--frames", "5"}}}) {
    const auto all = array(subcommand, kColourModel, Arguments{"--images", path("colour.npy")} + flags);
    for (const char* batch : {"1", "7"}) {
      const auto other =
          array(subcommand, kColourModel, Arguments{"--images", path("colour.npy"), "--batch", batch} + flags);
      ASSERT_EQ(other.size(), all.size());
      // Another batch size may change the rounding, which can move a value into the next bin.
      int largest = 0;
      for (std::size_t i = 0; i < all.size(); ++i) {
        largest =
            std::max(largest, std::abs(static_cast<unsigned char>(all[i]) - static_cast<unsigned char>(other[i])));
      }
      EXPECT_LE(largest, 1) << subcommand << " in batches of " << batch;
    }
  }
}

TEST_F(GlowEditBatches, GridShowsThePicturesOfTheArray) {
  put_colour(3);
  const Arguments way{"--images", path("colour.npy"), "--frames", "4", "--batch", "3"};
  ASSERT_TRUE(succeeded(run_edit("interpolate", kColourModel, way + Arguments{"--out", path("ways.png")})));
  const auto frames = array("interpolate", kColourModel, way);
  const auto grid = io::read_image(path("ways.png"));
  // Each row interpolates between two images. The image between two rows ends one and begins the next.
  const auto holds = [&](std::int64_t frame, int top, int left) {
    const auto picture = std::string_view(frames).substr(static_cast<std::size_t>(frame * kColourBytes), kColourBytes);
    for (int row = 0; row < 8; ++row) {
      const auto* seen = grid.pixels.data() + ((top + row) * grid.shape.width + left) * 3;
      for (std::size_t i = 0; i < 12 * 3; ++i) {
        // As above: these pictures were decoded in other batches.
        const auto wanted = static_cast<unsigned char>(picture[static_cast<std::size_t>(row) * 12 * 3 + i]);
        if (std::abs(static_cast<int>(seen[i]) - static_cast<int>(wanted)) > 1) return false;
      }
    }
    return true;
  };
  const auto times = [&](std::int64_t frame) {
    int count = 0;
    for (int top = 0; top + 8 <= grid.shape.height; ++top) {
      for (int left = 0; left + 12 <= grid.shape.width; ++left) count += holds(frame, top, left) ? 1 : 0;
    }
    return count;
  };
  for (std::int64_t frame = 0; frame < 7; ++frame) EXPECT_EQ(times(frame), frame == 3 ? 2 : 1) << frame;
}

class GlowEditMemory : public GlowEdit, public ::testing::WithParamInterface<const char*> {};

TEST_P(GlowEditMemory, PeakDoesNotGrowWithTheNumberOfImages) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's own memory grows";
  constexpr std::int64_t kFew = 2000, kMany = 10 * kFew;
  const auto z = path(std::string("z") + GetParam());
  const auto peak = [&](std::int64_t images, const std::string& subcommand, const Arguments& flags) {
    put_colour(images);
    const Arguments common{"--model", kColourModel, "--threads", "1", "--batch", "200", "--overwrite"};
    const auto outcome = run_process(command("glow-edit", Arguments{subcommand} + flags + common));
    EXPECT_TRUE(succeeded(outcome));
    return outcome.peak_bytes;
  };
  const Arguments encode{"--images", path("colour.npy"), "--out", z};
  const Arguments decode{"--latents", z, "--out", path("again.npy")};
  const auto few = peak(kFew, "encode", encode), few_decoded = peak(kFew, "decode", decode);
  const auto many = peak(kMany, "encode", encode), many_decoded = peak(kMany, "decode", decode);
  ASSERT_GT(few, 0);
  // The peak includes the mapped pages of the images, and of the latents when they are read.
  constexpr std::int64_t kGrown = (kMany - kFew) * kColourBytes, kLatents = 4 * kGrown;
  EXPECT_LT(many - few, kGrown + kLatents / 4) << "of " << few;
  EXPECT_LT(many_decoded - few_decoded, kLatents + kGrown / 2) << "of " << few_decoded;
}

INSTANTIATE_TEST_SUITE_P(, GlowEditMemory, ::testing::Values(".npy", ".safetensors"),
                         [](const auto& test) { return std::string(test.param).substr(1); });

}  // namespace
}  // namespace glow::testing::edit_batches_test
