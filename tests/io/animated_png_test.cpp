#include <glow/io/animated_png.h>

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/files.h"
#include "support/pictures.h"
#include "support/png_chunks.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::io::animated_png_test {
namespace {

using glow::testing::big_endian;
using glow::testing::get;
using glow::testing::make_picture;
using glow::testing::png_chunks;
using glow::testing::png_frames;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

/// Large enough that a frame's data are split into several chunks.
Animation animation(int channels, int frames) {
  Animation animation;
  for (int i = 0; i < frames; ++i) {
    animation.frames.push_back(make_picture(150, 170, channels, static_cast<std::uint32_t>(i)));
  }
  return animation;
}

class AnimatedPng : public ::testing::TestWithParam<int> {};

TEST_P(AnimatedPng, EveryFrameHasItsPixels) {
  const auto expected = animation(GetParam(), 3);
  const auto frames = png_frames(encode_animated_png(expected));
  ASSERT_EQ(frames.size(), 3u);
  const TemporaryDirectory directory;
  for (std::size_t i = 0; i < 3; ++i) {
    put(directory / "frame.png", frames[i]);
    const auto frame = read_image(directory / "frame.png");
    EXPECT_EQ(frame.shape, expected.frames[i].shape);
    EXPECT_TRUE(frame.pixels == expected.frames[i].pixels) << i;
  }
}

TEST_P(AnimatedPng, PlainPngReaderReadsTheFirstFrame) {
  const TemporaryDirectory directory;
  write_animated_png(directory / "a.apng", animation(GetParam(), 2));
  EXPECT_TRUE(read_image(directory / "a.apng").pixels == animation(GetParam(), 1).frames[0].pixels);
}

INSTANTIATE_TEST_SUITE_P(Channels, AnimatedPng, ::testing::Values(1, 2, 3, 4));

TEST(AnimatedPngChunks, AreInTheOrderOfTheSpecification) {
  auto wanted = animation(3, 4);
  wanted.frame_milliseconds = 40;
  wanted.plays = 2;
  const auto chunks = png_chunks(encode_animated_png(wanted));
  std::uint32_t sequence = 0, frames = 0;
  bool control_seen = false, data_seen = false;
  for (const auto& [type, data] : chunks) {
    if (type == "acTL") {
      EXPECT_FALSE(control_seen || data_seen);
      EXPECT_EQ(data, big_endian(4, 4) + big_endian(2, 4));
      control_seen = true;
    } else if (type == "fcTL") {
      // Sequence number, width, height, offsets, delay of 40/1000 s, no disposal, no blending.
      EXPECT_EQ(data, big_endian(sequence++, 4) + big_endian(170, 4) + big_endian(150, 4) + big_endian(0, 8) +
                          big_endian(40, 2) + big_endian(1000, 2) + big_endian(0, 2));
      ++frames;
    } else if (type == "IDAT") {
      EXPECT_TRUE(control_seen && frames == 1);
      data_seen = true;
    } else if (type == "fdAT") {
      EXPECT_TRUE(data_seen && frames > 1);
      EXPECT_EQ(data.substr(0, 4), big_endian(sequence++, 4));
    }
  }
  EXPECT_EQ(frames, 4u);
  EXPECT_EQ(chunks.front().type, "IHDR");
  EXPECT_EQ(chunks.back().type, "IEND");
}

TEST(AnimatedPngErrors, NameTheInvalidArgument) {
  EXPECT_TRUE(throws<FormatError>([] { encode_animated_png({}); }, {"without a frame"}));
  for (const std::int64_t delay : {-1, 0, 65536}) {
    auto slow = animation(1, 1);
    slow.frame_milliseconds = delay;
    EXPECT_TRUE(throws<FormatError>([&] { encode_animated_png(slow); }, {std::to_string(delay) + " ms", "1 to 65535"}));
  }
  auto mixed = animation(1, 1);
  mixed.frames.push_back(make_picture(2, 3, 1));
  EXPECT_TRUE(throws<FormatError>([&] { encode_animated_png(mixed); }, {"[150,170,1]", "[2,3,1]"}));
  EXPECT_TRUE(throws<FormatError>([] { encode_animated_png({.frames = {Image{}}}); }, {"cannot encode a PNG"}));
}

}  // namespace
}  // namespace glow::io::animated_png_test
