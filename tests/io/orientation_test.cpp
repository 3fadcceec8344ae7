#include "io/orientation.h"

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <webp/encode.h>
#include <zlib.h>

#include <glow/error.h>
#include <glow/io/image.h>

#include "support/files.h"
#include "support/jpeg.h"

namespace glow::io::orientation_test {
namespace {

using glow::testing::big_endian;
using glow::testing::encode_jpeg;
using glow::testing::little_endian;

using namespace std::string_literals;

using Pixels = std::vector<std::uint8_t>;

/// An Exif block of big-endian numbers with the tag Orientation.
std::string exif_block(int orientation) {
  constexpr int kOrientation = 0x0112, kShort = 3;
  return "MM\0*\0\0\0\x08\0\x01"s + big_endian(kOrientation, 2) + big_endian(kShort, 2) + big_endian(1, 4) +
         big_endian(static_cast<std::uint64_t>(orientation), 2) + "\0\0\0\0\0\0"s;
}

std::string jpeg_with(const std::string& exif, const Image& image) {
  const std::string plain = encode_jpeg(image, {.quality = 100});
  const std::string segment = "Exif\0\0"s + exif;
  return plain.substr(0, 2) + "\xff\xe1" + big_endian(2 + segment.size(), 2) + segment + plain.substr(2);
}

std::string png_with(const std::string& exif, const Image& image) {
  constexpr std::size_t kHeaderEnd = 8 + 12 + 13;
  const std::string plain = encode_png(image), body = "eXIf" + exif;
  const auto checksum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return plain.substr(0, kHeaderEnd) + big_endian(exif.size(), 4) + body + big_endian(checksum, 4) +
         plain.substr(kHeaderEnd);
}

/// A lossless WebP file, whose Exif block follows the image.
std::string webp_with(const std::string& exif, const Image& image) {
  const auto [height, width, channels] = image.shape;
  std::uint8_t* bytes = nullptr;
  const std::size_t size = WebPEncodeLosslessRGB(image.pixels.data(), width, height, channels * width, &bytes);
  const std::string plain(reinterpret_cast<const char*>(bytes), size);
  WebPFree(bytes);
  const auto chunk = [](const std::string& name, const std::string& data) {
    return name + little_endian(data.size(), 4) + data + std::string(data.size() % 2, '\0');
  };
  constexpr std::uint64_t kExifFlag = 0x08;
  const std::string header = little_endian(kExifFlag, 4) + little_endian(static_cast<std::uint64_t>(width - 1), 3) +
                             little_endian(static_cast<std::uint64_t>(height - 1), 3);
  return chunk("RIFF", "WEBP" + chunk("VP8X", header) + plain.substr(12) + chunk("EXIF", exif));
}

/// An RGB image of six blocks of JPEG with grey levels from 0 in steps of 50:
///   a b
///   c d
///   e f
Image blocks() {
  constexpr int kBlock = 8;
  constexpr std::uint8_t kLevels[3][2] = {{0, 50}, {100, 150}, {200, 250}};
  Image image{{3 * kBlock, 2 * kBlock, 3}, {}};
  for (int y = 0; y < image.shape.height; ++y) {
    for (int x = 0; x < image.shape.width; ++x)
      image.pixels.insert(image.pixels.end(), 3, kLevels[y / kBlock][x / kBlock]);
  }
  return image;
}

/// An image of `blocks` as letters, with spaces between rows.
std::string letters(const Image& image, int block) {
  std::string text;
  for (int y = 0; y < image.shape.height; y += block) {
    for (int x = 0; x < image.shape.width; x += block) {
      const std::size_t place = 3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.shape.width) + x);
      text += static_cast<char>('a' + (image.pixels[place] + 25) / 50);
    }
    text += ' ';
  }
  return text;
}

// The stored row 0 (a, b) and column 0 (a, c, e) are at the sides of the upright image that the Exif standard lists.
constexpr std::string_view kUpright[] = {"ab cd ef ",   // 0: undefined
                                         "ab cd ef ",   // 1: row 0 top, column 0 left
                                         "ba dc fe ",   // 2: top, right
                                         "fe dc ba ",   // 3: bottom, right
                                         "ef cd ab ",   // 4: bottom, left
                                         "ace bdf ",    // 5: left, top
                                         "eca fdb ",    // 6: right, top
                                         "fdb eca ",    // 7: right, bottom
                                         "bdf ace ",    // 8: left, bottom
                                         "ab cd ef "};  // 9: undefined

TEST(Orientations, AreAppliedInEveryFormat) {
  for (int orientation = 0; orientation < std::ssize(kUpright); ++orientation) {
    const std::string exif = exif_block(orientation);
    for (const std::string& file : {jpeg_with(exif, blocks()), png_with(exif, blocks()), webp_with(exif, blocks())}) {
      const Image image = decode_image(file, "a");
      EXPECT_EQ(letters(image, 8), kUpright[orientation]) << file.substr(0, 4);
      EXPECT_EQ(decode_image_shape(file, "a"), image.shape);
      EXPECT_EQ(decode_reduced_image(file, "a", {image.shape.height, image.shape.width}).image.pixels, image.pixels);
    }
  }
}

TEST(Orientations, AreAppliedToReducedImages) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const bool transposes = orientation > 4;
    const ImageSize least = transposes ? ImageSize{4, 6} : ImageSize{6, 4};  // of the upright image
    const auto [image, reduction] = decode_reduced_image(jpeg_with(exif_block(orientation), blocks()), "a", least);
    EXPECT_EQ(reduction, 4);
    EXPECT_EQ(image.shape, (ImageShape{least.height, least.width, 3}));
    EXPECT_EQ(letters(image, 2), kUpright[orientation]);
  }
}

TEST(Orientations, KeepAPartialPixelOfAReducedImageLast) {
  // A row or column that is partly beyond the edge would come first after a reversal.
  const Image odd{{41, 40, 1}, Pixels(41 * 40, 7)};
  for (const auto& [orientation, reduction] : {std::pair{1, 4}, {2, 4}, {3, 1}, {4, 1}, {5, 4}, {6, 1}, {7, 1}, {8, 4}})
    EXPECT_EQ(decode_reduced_image(jpeg_with(exif_block(orientation), odd), "a", {10, 10}).reduction, reduction)
        << orientation;
}

TEST(Orientations, AreThoseOfTheWholeFile) {
  const Image image = blocks();
  for (const std::string& file :
       {jpeg_with(exif_block(6), image), png_with(exif_block(6), image), webp_with(exif_block(6), image)}) {
    int answers = 0;
    for (std::size_t length = 12; length <= file.size(); ++length) {
      try {
        EXPECT_EQ(decode_image_shape(file.substr(0, length), "a"), (ImageShape{16, 24, 3})) << length;
        ++answers;
      } catch (const FormatError&) {
      }
    }
    EXPECT_GE(answers, 1);
  }
}

TEST(Orientations, OfChannelsAndSizesBeyondABlock) {
  for (int channels = 1; channels <= 4; ++channels) {
    Image stored{{70, 45, channels}, {}};
    for (int i = 0; i < 70 * 45 * channels; ++i) stored.pixels.push_back(static_cast<std::uint8_t>(i * 31 % 251));
    const Image turned = turn_upright(stored, {.reverses_rows = true, .transposes = true});
    ASSERT_EQ(turned.shape, (ImageShape{45, 70, channels}));
    for (int y = 0; y < 45; ++y) {
      for (int x = 0; x < 70; ++x) {
        for (int c = 0; c < channels; ++c)
          ASSERT_EQ(turned.pixels[(y * 70 + x) * channels + c], stored.pixels[((69 - x) * 45 + y) * channels + c]);
      }
    }
  }
}

TEST(Orientations, AreFoundInExifBlocksAndXmp) {
  constexpr Orientation kUprightImage = {}, kSix = {.reverses_rows = true, .transposes = true};
  const std::string six = exif_block(6), nothing = exif_block(6).replace(10, 2, "\x01\x13");
  struct Case {
    std::string exif;
    std::string xmp;
    Orientation orientation;
  };
  const Case cases[] = {
      {six, "", kSix},
      {"Exif\0\0"s + six, "", kSix},
      {"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"s, "", kSix},
      {"II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x06\0\0\0"s, "", kSix},
      {"", "<rdf:Description tiff:Orientation=\"6\"/>", kSix},
      {nothing, "<tiff:Orientation>6</tiff:Orientation>", kSix},
      {exif_block(1), "<tiff:Orientation>6</tiff:Orientation>", kUprightImage},
      {exif_block(9), "<tiff:Orientation>6</tiff:Orientation>", kUprightImage},
      {"", "tiff:Orientation, tiff:Orientation=6, tiff:Orientation>", kUprightImage},
      {"", "", kUprightImage},
      {"XX" + six.substr(2), "", kUprightImage},
      {six.substr(0, 4) + "\xff\xff\xff\xff"s + six.substr(8), "", kUprightImage},    // the place of the directory
      {six.substr(0, 8) + "\xff\xff"s + six.substr(10), "", kSix},                    // the number of fields
      {six.substr(0, 14) + "\xff\xff\xff\xff"s + six.substr(18), "", kUprightImage},  // the number of values
  };
  for (const auto& [exif, xmp, orientation] : cases) EXPECT_EQ(find_orientation(exif, xmp), orientation) << xmp;
  for (std::size_t length = 0; length < six.size(); ++length)
    EXPECT_EQ(find_orientation(six.substr(0, length), ""), length < 22 ? kUprightImage : kSix) << length;
}

}  // namespace
}  // namespace glow::io::orientation_test
