#include <glow/io/image.h>

#include <functional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <png.h>
#include <zlib.h>

#include <glow/error.h>

#include "support/files.h"
#include "support/jpeg.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::io::image_test {
namespace {

using glow::testing::big_endian;
using glow::testing::count_files;
using glow::testing::encode_jpeg;
using glow::testing::get;
using glow::testing::JpegOptions;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

using namespace std::string_literals;

using Pixels = std::vector<std::uint8_t>;

/// An image with distinct rows, columns and channels.
Image pattern(const ImageShape& shape) {
  Image image{shape, {}};
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) {
      for (int c = 0; c < shape.channels; ++c) {
        image.pixels.push_back(static_cast<std::uint8_t>(31 * y + 7 * x + 83 * c));
      }
    }
  }
  return image;
}

/// A PNG that encode_png would not write.
struct OddPng {
  int width = 0;
  int bit_depth = 8;
  int colour_type = PNG_COLOR_TYPE_GRAY;
  int interlace = PNG_INTERLACE_NONE;
  /// Sets more of the header, such as a palette.
  std::function<void(png_structp, png_infop)> customise = [](png_structp, png_infop) {};
  /// The rows before compression: packed bits, big-endian samples.
  std::vector<Pixels> rows;
};

std::string write(OddPng odd) {
  const auto fail = [](png_structp, png_const_charp message) { throw std::runtime_error(message); };
  const auto append = [](png_structp png, png_bytep bytes, std::size_t count) {
    static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<const char*>(bytes), count);
  };
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, fail, fail);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &file, append, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(odd.width), static_cast<png_uint_32>(odd.rows.size()), odd.bit_depth,
               odd.colour_type, odd.interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  odd.customise(png, info);
  png_write_info(png, info);
  std::vector<png_bytep> rows;
  for (Pixels& row : odd.rows) {
    rows.push_back(row.data());
  }
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

/// A PNG chunk: length, type, data, checksum.
std::string chunk(const std::string& type, const std::string& data) {
  const std::string body = type + data;
  const auto checksum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(data.size(), 4) + body + big_endian(checksum, 4);
}

constexpr std::size_t kPngHeaderEnd = 8 + 12 + 13;

/// A JPEG file of one colour.
std::string jpeg(const ImageShape& shape, const Pixels& pixel, const JpegOptions& options = {}) {
  Image image{shape, {}};
  for (int i = 0; i < shape.height * shape.width; ++i)
    image.pixels.insert(image.pixels.end(), pixel.begin(), pixel.end());
  return encode_jpeg(image, options);
}

std::string colour_jpeg() { return jpeg({33, 21, 3}, {200, 100, 50}, {.sampling = "2x2"}); }

class ImageFile : public ::testing::Test {
 protected:
  Image read(const std::string& bytes) const {
    put(path_, bytes);
    const Image image = read_image(path_);
    EXPECT_EQ(read_image_shape(path_), image.shape);
    return image;
  }
  ::testing::AssertionResult refuses(const std::string& bytes, std::string_view reason) const {
    put(path_, bytes);
    return throws<FormatError>([&] { read_image(path_); }, {path_.string() + ": ", reason});
  }
  ::testing::AssertionResult refuses_shape(const std::string& bytes, std::string_view reason) const {
    put(path_, bytes);
    return throws<FormatError>([&] { read_image_shape(path_); }, {path_.string() + ": ", reason});
  }
  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "image";
};

using Png = ImageFile;
using Jpeg = ImageFile;

class PngRoundTrip : public ImageFile, public ::testing::WithParamInterface<ImageShape> {};

TEST_P(PngRoundTrip, PreservesThePixels) {
  const Image image = pattern(GetParam());
  const Image seen = read(encode_png(image));
  EXPECT_EQ(seen.shape, image.shape);
  EXPECT_EQ(seen.pixels, image.pixels);
}

INSTANTIATE_TEST_SUITE_P(Png, PngRoundTrip,
                         ::testing::Values(ImageShape{5, 9, 1}, ImageShape{5, 9, 2}, ImageShape{5, 9, 3},
                                           ImageShape{5, 9, 4}, ImageShape{1, 1, 3}, ImageShape{200, 1, 1}));

TEST_F(Png, WritesOneFileAndNoTemporaryOne) {
  const Image image = pattern({4, 6, 3});
  write_png(directory_ / "a.png", image);
  EXPECT_EQ(read_image(directory_ / "a.png").pixels, image.pixels);
  EXPECT_EQ(get(directory_ / "a.png"), encode_png(image));
  EXPECT_EQ(count_files(directory_.path()), 1);
  EXPECT_THROW(write_png(directory_ / "missing" / "a.png", image), IoError);
}

TEST_F(Png, RefusesPixelsThatDoNotMatchTheShape) {
  for (const ImageShape& shape :
       {ImageShape{2, 3, 1}, ImageShape{0, 6, 1}, ImageShape{2, 2, 0}, ImageShape{-1, -7, 1}, ImageShape{1, 1, 7},
        ImageShape{2, 3, 4}, ImageShape{2'000'000'000, 2'000'000'000, 4}}) {
    EXPECT_TRUE(throws<FormatError>(
        [&] {
          encode_png({shape, Pixels(7)});
        },
        {"cannot encode a PNG image of shape [" + std::to_string(shape.height), "7 bytes"}));
  }
}

TEST_F(Png, RoundsSixteenBitsToEight) {
  const Image image = read(write({.width = 3, .bit_depth = 16, .rows = {{0xff, 0xff, 0x80, 0x80, 0x01, 0x00}}}));
  EXPECT_EQ(image.shape, (ImageShape{1, 3, 1}));
  EXPECT_EQ(image.pixels, (Pixels{255, 128, 1}));
}

TEST_F(Png, ScalesLowBitDepthsToTheFullRange) {
  const Image image = read(write({.width = 8, .bit_depth = 1, .rows = {{0b10110000}}}));
  EXPECT_EQ(image.pixels, (Pixels{255, 0, 255, 255, 0, 0, 0, 0}));
}

void set_palette(png_structp png, png_infop info) {
  const png_color colours[] = {{10, 20, 30}, {40, 50, 60}};
  png_set_PLTE(png, info, colours, 2);
}

TEST_F(Png, ExpandsAPalette) {
  const Image image = read(write({.width = 3,
                                  .bit_depth = 2,
                                  .colour_type = PNG_COLOR_TYPE_PALETTE,
                                  .customise = set_palette,
                                  .rows = {{0b01000100}}}));
  EXPECT_EQ(image.shape, (ImageShape{1, 3, 3}));
  EXPECT_EQ(image.pixels, (Pixels{40, 50, 60, 10, 20, 30, 40, 50, 60}));
}

TEST_F(Png, ExpandsTransparentColours) {
  const auto palette_alpha = [](png_structp png, png_infop info) {
    set_palette(png, info);
    const png_byte alpha[] = {7};
    png_set_tRNS(png, info, alpha, 1, nullptr);
  };
  const Image palette =
      read(write({.width = 2, .colour_type = PNG_COLOR_TYPE_PALETTE, .customise = palette_alpha, .rows = {{0, 1}}}));
  EXPECT_EQ(palette.shape, (ImageShape{1, 2, 4}));
  EXPECT_EQ(palette.pixels, (Pixels{10, 20, 30, 7, 40, 50, 60, 255}));

  const auto transparent_grey = [](png_structp png, png_infop info) {
    png_color_16 colour{};
    colour.gray = 5;
    png_set_tRNS(png, info, nullptr, 0, &colour);
  };
  const Image grey = read(write({.width = 2, .customise = transparent_grey, .rows = {{5, 6}}}));
  EXPECT_EQ(grey.shape, (ImageShape{1, 2, 2}));
  EXPECT_EQ(grey.pixels, (Pixels{5, 0, 6, 255}));
}

TEST_F(Png, ReadsInterlacedFiles) {
  const Image image = pattern({11, 9, 1});
  std::vector<Pixels> rows;
  for (auto row = image.pixels.begin(); row != image.pixels.end(); row += 9) {
    rows.emplace_back(row, row + 9);
  }
  EXPECT_EQ(read(write({.width = 9, .interlace = PNG_INTERLACE_ADAM7, .rows = rows})).pixels, image.pixels);
}

TEST_F(Png, IgnoresOptionalChunks) {
  // libpng warns of malformed colour profiles, which files of cameras and editors have. Applying a gamma would change
  // the values.
  const Image image = pattern({4, 4, 3});
  const std::string plain = encode_png(image);
  const std::string extra = chunk("gAMA", big_endian(100'000, 4)) + chunk("iCCP", std::string("x\0\0not zlib", 11)) +
                            chunk("tEXt", "no separator") + chunk("prVt", "unknown") + chunk("bKGD", "?");
  std::string bytes = plain.substr(0, kPngHeaderEnd) + extra + plain.substr(kPngHeaderEnd);
  EXPECT_EQ(read(bytes).pixels, image.pixels);
  bytes[kPngHeaderEnd + 8] ^= 1;  // a wrong checksum
  EXPECT_EQ(read(bytes).pixels, image.pixels);
}

TEST_F(Png, IgnoresWhatFollowsThePixels) {
  const Image image = pattern({4, 4, 3});
  const std::string plain = encode_png(image), end = chunk("IEND", "");
  const std::string pixels = plain.substr(0, plain.size() - end.size());
  for (const std::string& rest : {""s, chunk("IDAT", "more"), chunk("IDAT", "") + end, end + "more", "text"s})
    EXPECT_EQ(read(pixels + rest).pixels, image.pixels) << rest;
}

TEST_F(Png, CutsTransparencyThatExceedsThePaletteOrTheColour) {
  const std::string palette =
      write({.width = 2, .colour_type = PNG_COLOR_TYPE_PALETTE, .customise = set_palette, .rows = {{0, 1}}});
  const std::size_t pixels = palette.find("IDAT") - 4;
  const std::string alpha = chunk("tRNS", "\1\2\3\4");
  const Pixels expected{10, 20, 30, 1, 40, 50, 60, 2};
  EXPECT_EQ(read(palette.substr(0, pixels) + alpha + palette.substr(pixels)).pixels, expected);
  EXPECT_EQ(read(palette.substr(0, kPngHeaderEnd) + alpha + palette.substr(kPngHeaderEnd)).pixels, expected);

  const std::string grey = write({.width = 2, .rows = {{5, 6}}});
  const std::string bytes = grey.substr(0, kPngHeaderEnd) + chunk("tRNS", "\0\5\0\6"s) + grey.substr(kPngHeaderEnd);
  EXPECT_EQ(read(bytes).pixels, (Pixels{5, 0, 6, 255}));
}

TEST_F(Png, RefusesEveryTruncationOfThePixels) {
  const Image image = pattern({8, 8, 3});
  const std::string bytes = encode_png(image);
  const std::size_t pixels_end = bytes.find("IEND") - 4;
  for (std::size_t length = 8; length < pixels_end; ++length) {
    EXPECT_TRUE(refuses(bytes.substr(0, length), "not a whole PNG file: the file ends early")) << length;
  }
  for (std::size_t length = pixels_end; length < bytes.size(); ++length)
    EXPECT_EQ(read(bytes.substr(0, length)).pixels, image.pixels) << length;
  EXPECT_TRUE(refuses_shape(bytes.substr(0, 20), "the file ends early"));
}

TEST_F(Png, RefusesDamage) {
  const std::string bytes = encode_png(pattern({8, 8, 3}));
  std::string damaged_pixels = bytes;
  damaged_pixels[bytes.find("IDAT") + 20] ^= 1;
  EXPECT_TRUE(refuses(damaged_pixels, "not a whole PNG file: "));
  std::string damaged_checksum = bytes;
  damaged_checksum[bytes.find("IEND") - 5] ^= 1;
  EXPECT_TRUE(refuses(damaged_checksum, "not a whole PNG file: IDAT: CRC error"));
  EXPECT_TRUE(refuses(bytes.substr(0, kPngHeaderEnd) + chunk("IEND", ""), "not a whole PNG file: it holds no pixels"));
  EXPECT_TRUE(refuses(bytes.substr(0, kPngHeaderEnd) + std::string(20, '\0'), "not a whole PNG file: a chunk has no"));
  EXPECT_TRUE(refuses(bytes.substr(0, kPngHeaderEnd) + chunk("IDAT", "not zlib") + chunk("IEND", ""), "IDAT"));
}

TEST_F(Png, RefusesMorePixelsThanItWouldAllocate) {
  const auto header = [](std::uint32_t width, std::uint32_t height) {
    return encode_png(pattern({1, 1, 1})).substr(0, 8) +
           chunk("IHDR", big_endian(width, 4) + big_endian(height, 4) + std::string("\x08\x06\0\0\0", 5)) +
           chunk("IDAT", "");
  };
  EXPECT_TRUE(refuses(header(900'000, 1'000'000), "1000000x900000 pixels, more than the 2^28"));
  EXPECT_TRUE(refuses(header(0x7fffffff, 1), "not a whole PNG file"));
  EXPECT_TRUE(refuses(header(0, 1), "not a whole PNG file"));
}

TEST_F(Jpeg, ReadsColour) {
  const Image image = read(colour_jpeg());
  ASSERT_EQ(image.shape, (ImageShape{33, 21, 3}));
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    EXPECT_NEAR(image.pixels[i], (Pixels{200, 100, 50})[i % 3], 3) << i;
  }
}

TEST_F(Jpeg, ReadsGreyAsOneChannel) {
  const Image image = read(jpeg({5, 8, 1}, {77}));
  EXPECT_EQ(image.shape, (ImageShape{5, 8, 1}));
  EXPECT_EQ(image.pixels, Pixels(40, 77));
}

TEST_F(Jpeg, ReadsCmykAsRgb) {
  // Stored as 255 - ink; RGB is (255 - ink) (255 - black) / 255.
  const std::string bytes = jpeg({8, 8, 4}, {255, 204, 51, 150}, {.quality = 100});
  for (const ImageSize least : {ImageSize{8, 8}, ImageSize{4, 4}}) {
    const Image image = decode_reduced_image(bytes, "a", least).image;
    ASSERT_EQ(image.shape, (ImageShape{least.height, least.width, 3}));
    for (std::size_t i = 0; i < image.pixels.size(); ++i)
      EXPECT_NEAR(image.pixels[i], (Pixels{150, 120, 30})[i % 3], 1) << i;
  }
  EXPECT_EQ(read(bytes).shape, (ImageShape{8, 8, 3}));
}

TEST_F(Jpeg, ReadsEverySamplingAndCoding) {
  // Chroma is the same everywhere, so that its sampling does not matter.
  Image picture{{33, 50, 3}, {}};
  for (int i = 0; i < 33 * 50; ++i) picture.pixels.insert(picture.pixels.end(), 3, static_cast<std::uint8_t>(i / 8));
  const Image expected = decode_image(encode_jpeg(picture, {}), "a");
  for (const char* sampling : {"1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "3x1", "1x3", "2x2,2x1,1x2"}) {
    for (const bool is_progressive : {false, true}) {
      for (const bool is_arithmetic : {false, true}) {
        for (const unsigned int interval : {0, 1}) {
          const Image image = read(encode_jpeg(picture, {.sampling = sampling,
                                                         .is_progressive = is_progressive,
                                                         .is_arithmetic = is_arithmetic,
                                                         .restart_interval = interval}));
          ASSERT_EQ(image.shape, picture.shape);
          EXPECT_EQ(image.pixels, expected.pixels) << sampling;
        }
      }
    }
  }
  for (const char* coarse_luma : {"1x1,2x2,1x1", "2x1,1x2"})
    EXPECT_EQ(read(encode_jpeg(picture, {.sampling = coarse_luma})).shape, picture.shape);
  EXPECT_EQ(read(encode_jpeg(picture, {.has_separate_scans = true})).pixels, expected.pixels);
}

TEST_F(Jpeg, ReadsFilesWithStrayBytes) {
  const std::string bytes = colour_jpeg();
  const Image expected = read(bytes);
  for (const std::string marker : {"\xff\xdb", "\xff\xc0", "\xff\xc4", "\xff\xda", "\xff\xd9"}) {
    for (const std::string& stray : {std::string(7, '\0'), std::string("text"), std::string(3, '\xff')}) {
      std::string odd = bytes;
      EXPECT_EQ(read(odd.insert(bytes.find(marker), stray)).pixels, expected.pixels) << stray;
    }
  }
  EXPECT_EQ(read(bytes + "text").pixels, expected.pixels);
}

TEST_F(Jpeg, SaysWhatIsNotSupported) {
  const std::string bytes = colour_jpeg();
  const std::size_t frame = bytes.find("\xff\xc0");
  std::string twelve_bits = bytes, lossless = bytes, many_scans = bytes;
  twelve_bits[frame + 4] = 12;
  lossless[frame + 1] = '\xc3';
  EXPECT_TRUE(refuses(twelve_bits, "is a 12-bit JPEG image, which is not supported: convert it to 8 bits"));
  EXPECT_TRUE(refuses_shape(twelve_bits, "is a 12-bit JPEG image"));
  EXPECT_TRUE(
      refuses(lossless, "is a JPEG image that libjpeg does not support (Unsupported JPEG process: SOF type 0x"));
}

TEST_F(Jpeg, LimitsTheNumberOfScans) {
  // A file with one of its scans many times.
  const std::string bytes = jpeg({8, 8, 3}, {200, 100, 50}, {.has_separate_scans = true});
  const std::size_t last = bytes.rfind("\xff\xda"), end = bytes.size() - 2;
  const auto repeated = [&](int times) {
    std::string file = bytes.substr(0, last);
    for (int i = 0; i < times; ++i) file += bytes.substr(last, end - last);
    return file + bytes.substr(end);
  };
  EXPECT_EQ(read(repeated(498)).pixels, read(bytes).pixels);
  EXPECT_TRUE(refuses(repeated(499), "has more than the 500 scans accepted"));
}

TEST_F(Jpeg, RefusesEveryTruncation) {
  for (const bool is_progressive : {false, true}) {
    const std::string bytes = jpeg({33, 21, 3}, {200, 100, 50}, {.is_progressive = is_progressive});
    for (std::size_t length = 3; length < bytes.size(); length += 10) {
      EXPECT_TRUE(refuses(bytes.substr(0, length), "not a whole JPEG file: ")) << length;
    }
  }
}

TEST_F(Jpeg, RefusesDamage) {
  std::string bytes = colour_jpeg();
  constexpr std::size_t kScanHeader = 14;
  bytes.replace(bytes.find("\xff\xda") + kScanHeader + 4, 2,
                "\xff\xd9");  // an end in the middle of the pixels
  EXPECT_TRUE(refuses(bytes, "not a whole JPEG file: "));
}

TEST_F(Jpeg, RefusesMorePixelsThanItWouldAllocate) {
  std::string bytes = colour_jpeg();
  const std::size_t frame = bytes.find("\xff\xc0");
  bytes.replace(frame + 5, 4, big_endian(65'000, 2) + big_endian(65'001, 2));
  EXPECT_TRUE(refuses(bytes, "65000x65001 pixels, more than the 2^28"));
}

TEST_F(ImageFile, IsRecognisedByContentNotByName) {
  put(directory_ / "png.jpg", encode_png(pattern({2, 3, 3})));
  put(directory_ / "jpeg.png", colour_jpeg());
  EXPECT_EQ(read_image(directory_ / "png.jpg").shape, (ImageShape{2, 3, 3}));
  EXPECT_EQ(read_image(directory_ / "jpeg.png").shape, (ImageShape{33, 21, 3}));
}

TEST_F(ImageFile, IsDecodedFromMemoryToo) {
  for (const std::string& bytes : {encode_png(pattern({5, 9, 4})), colour_jpeg()}) {
    const Image expected = read(bytes);
    EXPECT_EQ(decode_image_shape(bytes, "name"), expected.shape);
    EXPECT_EQ(decode_image(bytes, "name").pixels, expected.pixels);
    EXPECT_TRUE(throws<FormatError>([&] { decode_image(std::string_view(bytes).substr(0, 40), "tar/name"); },
                                    {"tar/name: not a whole "}));
  }
}

TEST_F(ImageFile, BeginningHasTheShapeOfTheWhole) {
  struct Case {
    std::string bytes;
    std::string_view last_header;
    std::size_t last_header_size;
  };
  const Case cases[] = {
      {encode_png(pattern({40, 50, 3})), "IDAT", 4},
      {colour_jpeg(), "\xff\xda", 14},
      {jpeg({5, 8, 1}, {77}), "\xff\xda", 10},
  };
  for (const auto& [bytes, last_header, size] : cases) {
    const ImageShape shape = decode_image(bytes, "a").shape;
    const std::size_t needed = bytes.find(last_header) + size;
    for (std::size_t length = 0; length < needed; ++length) {
      EXPECT_THROW(decode_image_shape(bytes.substr(0, length), "a"), FormatError) << length;
    }
    for (std::size_t length = needed; length < bytes.size(); ++length) {
      EXPECT_EQ(decode_image_shape(bytes.substr(0, length), "a"), shape) << length;
    }
  }
}

TEST_F(ImageFile, RefusesOtherFormats) {
  for (const std::string bytes : {"", "\x89PNG", "RIFF", "RIFFWEBP", "RIFF1234WAVE", "BM", "BMW and others, a text"}) {
    EXPECT_TRUE(refuses(bytes, "expected a PNG, JPEG or WebP image, is ")) << bytes;
    EXPECT_TRUE(refuses_shape(bytes, "expected a PNG, JPEG or WebP image, is ")) << bytes;
  }
  EXPECT_THROW(read_image(directory_ / "missing"), IoError);
}

/// A file type box of an ISO base media file.
std::string file_type(const std::string& brands) { return big_endian(8 + brands.size(), 4) + "ftyp" + brands; }

TEST_F(ImageFile, NamesFormatsThatItDoesNotRead) {
  // Most are the first bytes of files of Pillow.
  const std::pair<std::string, std::string> cases[] = {
      {file_type("avif\0\0\0\0avifmif1miafMA1B"s), "an AVIF"},
      {file_type("mif1\0\0\0\0mif1avifmiaf"s), "an AVIF"},
      {file_type("avis\0\0\0\0avifavismsf1"s), "an AVIF"},
      {file_type("heic\0\0\0\0mif1heic"s), "a HEIC"},
      {file_type("mif1\0\0\0\0mif1heicmiaf"s), "a HEIC"},
      {file_type("mif1\0\0\0\0mif1miaf"s), "a HEIF"},
      {"GIF87a\x08\0\x08\0"s, "a GIF"},
      {"GIF89a\x08\0\x08\0"s, "a GIF"},
      {"BM\xf6\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x08\0\0\0"s, "a BMP"},
      {"II*\0\x08\0\0\0"s, "a TIFF"},
      {"MM\0*\0\0\0\x08"s, "a TIFF"},
      {"II+\0\x08\0\0\0"s, "a TIFF"},
      {"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14"
       "ftypjp2 "s,
       "a JPEG 2000"},
      {"\xff\x4f\xff\x51\0\x2f"s, "a JPEG 2000"},
      {"\0\0\0\x0cJXL \r\n\x87\n"s, "a JPEG XL"},
      {"\xff\x0a\xfa\x7f"s, "a JPEG XL"},
  };
  for (const auto& [bytes, format] : cases) {
    const std::string reason = "is " + format + " image, which is not supported: convert it to PNG, JPEG or WebP";
    EXPECT_TRUE(refuses(bytes, reason));
    EXPECT_TRUE(refuses_shape(bytes, reason));
  }
  // Brands beyond the box, in place of the version, or in another box do not count.
  for (const std::string& bytes : {file_type("isom\0\0\0\0isom"s) + "avif", file_type("isomavif"s),
                                   "\0\0\0\x10moov"
                                   "avif\0\0\0\0"s}) {
    EXPECT_TRUE(refuses(bytes, "expected a PNG, JPEG or WebP image, is "));
  }
}

}  // namespace
}  // namespace glow::io::image_test
