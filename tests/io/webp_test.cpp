#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/io/image.h>

#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::io::webp_test {
namespace {

using glow::testing::little_endian;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

using Pixels = std::vector<std::uint8_t>;

// Files of Pillow 13.0 with libwebp 1.6, in hexadecimal.

/// Lossless, 4x3 pixels (width first here): lossless_pixels.
constexpr std::string_view kLossless =
    "5249464652000000574542505650384c450000002f038000005f40968d349dbfd66b1cc78d2fa1a66d03e6ecc014f801a6206d0366c7c2"
    "94ccbfb5c2fc77615f2828738984b95f020401244e196430de061bcc1ad1ffc81d0500";
/// The same with alpha.
constexpr std::string_view kLosslessAlpha =
    "524946465c000000574542505650384c500000002f038000105f20144056fe5a69c491889ab60d98b30353e00798988638549044ff6a36"
    "356d1b41b706ce7d680ef5a1c91ade0012a0b4bbbba5050028ddfebb20082071ca2083f136d860d688fe47ee28";
/// Lossy, 5x6 pixels.
constexpr std::string_view kLossy =
    "524946464a00000057454250565038203e0000009001009d012a0500060001402625b0027400f3020000fdd7bc5b3c588bb72f5dc4dfd6"
    "ef0dd81cf3467fc62ffb7d6f043ffc62ffb38dd7ff46d6bec80000";
/// Lossy with alpha: chunks VP8X, ALPH, VP8.
constexpr std::string_view kLossyAlpha =
    "524946467c00000057454250565038580a00000010000000040000050000414c50481700000001b90a44f43f40a46de3dfe644949e5e42"
    "c404e402e40700565038203e0000009001009d012a0500060001402625b0027400f30c6000fdd7bc5b3c588bb72f5dc4dfd6ef0dd81cf3"
    "467fc62ffb7d6f043ffc62ffb38dd7fe30dfde400000";
/// kLossy after a colour profile: chunks VP8X, ICCP, VP8.
constexpr std::string_view kLossyProfile =
    "524946467200000057454250565038580a00000020000000040000050000494343500d0000006e6f7420612070726f66696c6500565038"
    "203e0000009001009d012a0500060001402625b0027400f3020000fdd7bc5b3c588bb72f5dc4dfd6ef0dd81cf3467fc62ffb7d6f043ffc"
    "62ffb38dd7ff46d6bec80000";
/// Two frames.
constexpr std::string_view kAnimation =
    "52494646d600000057454250565038580a00000002000000030000020000414e494d06000000000000000000414e4d4652000000000000"
    "000000030000020000000000025650384c390000002f038000005f40906de33ada6bd4e51064d2b6a9b3ed8c4c2c988624229957f35f84"
    "ad0080be3f00410089422cb1cc32cb2c9346f43f30dd0100414e4d4650000000000000000000030000020000000000005650384c370000"
    "002f038000005f40906de33a9c5bd6e51062c134740e25b5c48269c869229134ff45d80580da1f40906d93b18ce52c6739cb8523fa1f5f"
    "2300";

std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (; !digits.empty(); digits.remove_prefix(2)) {
    bytes += static_cast<char>(std::stoi(std::string(digits.substr(0, 2)), nullptr, 16));
  }
  return bytes;
}

/// The pixels that Pillow encoded without loss.
Pixels lossless_pixels(int channels) {
  Pixels pixels;
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 4; ++x) {
      const bool is_first = y == 0 && x == 0;
      const bool is_last = y == 2 && x == 3;
      const int values[] = {60 * y + 7 * x + 10, 200 - 31 * x + 5 * y, 20 + 50 * x + 3 * y,
                            is_first  ? 0
                            : is_last ? 255
                                      : 40 + 53 * x + 9 * y};
      for (int c = 0; c < channels; ++c) pixels.push_back(static_cast<std::uint8_t>(values[c]));
    }
  }
  return pixels;
}

/// A chunk: name, size, data, a zero if the size is odd.
std::string chunk(const std::string& name, const std::string& data) {
  return name + little_endian(data.size(), 4) + data + std::string(data.size() % 2, '\0');
}

/// A WebP file of these chunks.
std::string riff(const std::string& chunks) { return chunk("RIFF", "WEBP" + chunks); }

constexpr std::size_t kChunkHeader = 8;
constexpr std::size_t kRiffHeader = 12;

/// The header of an extended file of 4x3 pixels.
std::string extended_header(int flags) {
  return chunk("VP8X", little_endian(flags, 4) + little_endian(4 - 1, 3) + little_endian(3 - 1, 3));
}
constexpr int kAlphaFlag = 0x10;

Image decode(const std::string& bytes) {
  const Image image = decode_image(bytes, "a.webp");
  EXPECT_EQ(decode_image_shape(bytes, "a.webp"), image.shape);
  return image;
}

::testing::AssertionResult refuses(const std::string& bytes, std::string_view reason) {
  return throws<FormatError>([&] { decode_image(bytes, "tar/a.webp"); }, {"tar/a.webp: ", reason});
}

TEST(Webp, ReadsLosslessImages) {
  const Image image = decode(from_hex(kLossless));
  EXPECT_EQ(image.shape, (ImageShape{3, 4, 3}));
  EXPECT_EQ(image.pixels, lossless_pixels(3));
}

TEST(Webp, KeepsAlphaAndTheColoursBelowIt) {
  const Image image = decode(from_hex(kLosslessAlpha));
  EXPECT_EQ(image.shape, (ImageShape{3, 4, 4}));
  EXPECT_EQ(image.pixels, lossless_pixels(4));
}

TEST(Webp, DecodesLossyImagesAsPillowDoes) {
  const Pixels pillow = {22,  229, 50,  27,  225, 60,  34,  216, 77,  37,  209, 94,  39,  203, 109, 42,  214, 56,
                         47,  209, 66,  54,  200, 83,  57,  193, 100, 60,  187, 115, 83,  184, 68,  88,  180, 78,
                         95,  171, 95,  99,  164, 110, 101, 158, 125, 125, 155, 79,  129, 151, 89,  136, 142, 106,
                         140, 135, 121, 142, 129, 136, 159, 120, 81,  164, 115, 91,  172, 108, 109, 175, 101, 124,
                         177, 95,  139, 181, 107, 87,  186, 103, 97,  194, 95,  115, 198, 88,  130, 200, 82,  145};
  for (const std::string_view file : {kLossy, kLossyProfile}) {
    const Image image = decode(from_hex(file));
    EXPECT_EQ(image.shape, (ImageShape{6, 5, 3}));
    EXPECT_EQ(image.pixels, pillow);
  }
}

TEST(Webp, DecodesLossyImagesWithAlphaAsPillowDoes) {
  const Pixels pillow = {21,  230, 48,  255, 25,  226, 58,  245, 32,  217, 75,  235, 36,  210, 92,  225, 38,  204,
                         107, 215, 41,  215, 54,  225, 45,  210, 64,  215, 52,  202, 81,  205, 56,  195, 98,  195,
                         58,  189, 113, 185, 82,  185, 66,  195, 87,  181, 76,  185, 93,  172, 93,  175, 97,  166,
                         108, 165, 99,  160, 123, 155, 123, 156, 77,  165, 128, 152, 87,  155, 135, 143, 104, 145,
                         138, 137, 119, 135, 140, 131, 134, 125, 157, 121, 78,  135, 162, 116, 89,  125, 170, 109,
                         107, 115, 174, 102, 122, 105, 176, 96,  137, 95,  180, 108, 85,  105, 184, 104, 95,  95,
                         192, 96,  113, 85,  196, 90,  128, 75,  198, 84,  143, 65};
  const Image image = decode(from_hex(kLossyAlpha));
  EXPECT_EQ(image.shape, (ImageShape{6, 5, 4}));
  EXPECT_EQ(image.pixels, pillow);
}

TEST(Webp, IsReadFromAFileOfAnyName) {
  const TemporaryDirectory directory;
  put(directory / "a.png", from_hex(kLossless));
  EXPECT_EQ(read_image(directory / "a.png").pixels, lossless_pixels(3));
  EXPECT_EQ(read_image_shape(directory / "a.png"), (ImageShape{3, 4, 3}));
}

TEST(Webp, IsNotReduced) {
  const ReducedImage reduced = decode_reduced_image(from_hex(kLossless), "a.webp", {1, 1});
  EXPECT_EQ(reduced.reduction, 1);
  EXPECT_EQ(reduced.image.pixels, lossless_pixels(3));
}

TEST(Webp, RefusesAnimations) {
  const std::string bytes = from_hex(kAnimation);
  constexpr std::string_view kReason = "is an animated WebP file, expected one image: convert its frames to";
  EXPECT_TRUE(refuses(bytes, kReason));
  EXPECT_TRUE(throws<FormatError>([&] { decode_image_shape(bytes, "a"); }, {"a: ", kReason}));
}

TEST(Webp, RefusesEveryTruncation) {
  for (const std::string_view file : {kLossless, kLosslessAlpha, kLossy, kLossyAlpha, kLossyProfile}) {
    const std::string bytes = from_hex(file);
    for (std::size_t length = kRiffHeader; length < bytes.size(); ++length) {
      EXPECT_TRUE(refuses(bytes.substr(0, length), "not a whole WebP file: the file ends early")) << length;
    }
  }
}

/// A file with one chunk whose data are cut, and whose sizes say so.
std::string cut_data(std::string_view file, std::size_t length) {
  const std::string bytes = from_hex(file);
  return riff(chunk(bytes.substr(kRiffHeader, 4), bytes.substr(kRiffHeader + kChunkHeader, length)));
}

TEST(Webp, RefusesDataThatEndEarly) {
  for (const std::string_view file : {kLossless, kLosslessAlpha, kLossy}) {
    for (const std::size_t length : {0, 4, 10, 20, 30}) {
      EXPECT_TRUE(refuses(cut_data(file, length), "not a whole WebP file: ")) << length;
    }
  }
}

TEST(Webp, RefusesDamage) {
  std::string lossless = from_hex(kLossless);
  lossless[kRiffHeader + kChunkHeader] ^= 1;  // the signature of a lossless image
  EXPECT_TRUE(refuses(lossless, "not a whole WebP file: the data are damaged"));
  std::string lossy = from_hex(kLossy);
  lossy[kRiffHeader + kChunkHeader + 3] ^= 1;  // the start code of a lossy image
  EXPECT_TRUE(refuses(lossy, "not a whole WebP file: the data are damaged"));
  EXPECT_TRUE(refuses(riff(""), "not a whole WebP file: "));
  // The sizes of the canvas and of the image differ.
  EXPECT_TRUE(refuses(riff(extended_header(0) + from_hex(kLossy).substr(kRiffHeader)), "not a whole WebP file: "));
}

TEST(Webp, TheBeginningOfAFileHasItsShape) {
  struct Case {
    std::string bytes;
    std::size_t header;
  };
  const std::string lossless = from_hex(kLossless);
  constexpr std::size_t kExtended = kChunkHeader + 10;
  const Case cases[] = {
      {lossless, kRiffHeader + kChunkHeader + 5},
      {from_hex(kLossy), kRiffHeader + kChunkHeader + 10},
      {from_hex(kLossyProfile), kRiffHeader + kExtended + (kChunkHeader + 14) + kChunkHeader + 5},
      // The alpha flag of the extended header is wrong: the image has no alpha.
      {riff(extended_header(kAlphaFlag) + lossless.substr(kRiffHeader)), kRiffHeader + kExtended + kChunkHeader + 5},
  };
  for (const auto& [bytes, header] : cases) {
    const ImageShape shape = decode_image(bytes, "a").shape;
    for (std::size_t length = kRiffHeader; length < header; ++length) {
      EXPECT_TRUE(throws<FormatError>([&, &bytes = bytes] { decode_image_shape(bytes.substr(0, length), "a"); },
                                      {"a: not a whole WebP file: the file ends early"}))
          << length;
    }
    for (std::size_t length = header; length <= bytes.size(); ++length) {
      EXPECT_EQ(decode_image_shape(bytes.substr(0, length), "a"), shape) << length;
    }
  }
  EXPECT_EQ(decode_image_shape(cases[3].bytes, "a").channels, 3);
}

}  // namespace
}  // namespace glow::io::webp_test
