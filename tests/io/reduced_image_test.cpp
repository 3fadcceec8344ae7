#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iomanip>
#include <iostream>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/io/image.h>

#include "support/files.h"
#include "support/jpeg.h"
#include "support/throws.h"

namespace glow::io::reduced_image_test {
namespace {

using glow::testing::big_endian;
using glow::testing::encode_jpeg;
using glow::testing::throws;

using Pixels = std::vector<std::uint8_t>;

// --- Filters, in double precision -----------------------------------------------------------------------------------

/// Weights of consecutive input pixels that make one output pixel; their sum is 1.
struct Taps {
  int first = 0;
  std::vector<double> weights;
};

/// Weights by the distance from the output pixel's centre, in input pixels. `scale`: input pixels per output pixel.
using Kernel = std::function<double(double distance, double scale)>;

double triangle(double distance, double scale) { return std::max(0.0, 1 - std::abs(distance) / scale); }

/// The part of an input pixel that the output pixel covers.
double area(double distance, double scale) {
  const double covered = std::min(distance + 0.5, scale / 2) - std::max(distance - 0.5, -scale / 2);
  return std::max(0.0, covered);
}

double sinc(double x) { return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x); }

double lanczos3(double distance, double scale) {
  const double x = distance / scale;
  return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
}

/// Input pixel x has its centre at x + 0.5, output pixel i at (i + 0.5) scale.
std::vector<Taps> make_taps(const Kernel& kernel, int inputs, int outputs, double scale) {
  std::vector<Taps> taps;
  for (int i = 0; i < outputs; ++i) {
    const double centre = (i + 0.5) * scale;
    Taps one{std::max(0, static_cast<int>(centre - 3 * scale)), {}};
    const int end = std::min(inputs, static_cast<int>(centre + 3 * scale) + 1);
    double sum = 0;
    for (int x = one.first; x < end; ++x) {
      one.weights.push_back(kernel(x + 0.5 - centre, scale));
      sum += one.weights.back();
    }
    for (double& weight : one.weights) weight /= sum;
    while (one.weights.back() == 0) one.weights.pop_back();
    const auto zeros = std::ranges::find_if(one.weights, [](double weight) { return weight != 0; });
    one.first += static_cast<int>(zeros - one.weights.begin());
    one.weights.erase(one.weights.begin(), zeros);
    taps.push_back(std::move(one));
  }
  return taps;
}

/// Output [i, j]: the sum over taps[i] of input [x, j], where j are the columns and channels.
std::vector<double> filter_rows(const std::vector<double>& input, std::size_t columns, const std::vector<Taps>& taps) {
  std::vector<double> output(taps.size() * columns);
  for (std::size_t i = 0; i < taps.size(); ++i) {
    double* to = &output[i * columns];
    for (std::size_t t = 0; t < taps[i].weights.size(); ++t) {
      const double* from = &input[(static_cast<std::size_t>(taps[i].first) + t) * columns];
      const double weight = taps[i].weights[t];
      for (std::size_t j = 0; j < columns; ++j) to[j] += weight * from[j];
    }
  }
  return output;
}

/// [rows, columns, channels] -> [columns, rows, channels].
std::vector<double> transpose(const std::vector<double>& input, int rows, int columns, int channels) {
  std::vector<double> output(input.size());
  const double* from = input.data();
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      for (int c = 0; c < channels; ++c) output[(static_cast<std::size_t>(j) * rows + i) * channels + c] = *from++;
    }
  }
  return output;
}

/// Scales the part of an image that covers `height` x `width` of its pixels, from its upper left corner.
std::vector<double> downscale(const Kernel& kernel, const Image& image, double height, double width, ImageSize size) {
  const auto [rows, columns, channels] = image.shape;
  std::vector<double> values(image.pixels.begin(), image.pixels.end());
  values = filter_rows(values, static_cast<std::size_t>(columns) * channels,
                       make_taps(kernel, rows, size.height, height / size.height));
  values = transpose(values, size.height, columns, channels);
  return filter_rows(values, static_cast<std::size_t>(size.height) * channels,
                     make_taps(kernel, columns, size.width, width / size.width));
}

std::vector<double> downscale(const Kernel& kernel, const Image& image, ImageSize size) {
  return downscale(kernel, image, image.shape.height, image.shape.width, size);
}

// --- Pictures -------------------------------------------------------------------------------------------------------

/// The colour of a pixel, each channel from 0 to 1 (cut to this range).
using Colour = std::array<double, 3>;
using Paint = std::function<Colour(int y, int x)>;

Image paint(ImageSize size, const Paint& colour) {
  Image image{{size.height, size.width, 3}, {}};
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      for (const double value : colour(y, x)) {
        image.pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0))));
      }
    }
  }
  return image;
}

Colour grey(double value) { return {value, value, value}; }

/// A number from 0 to 1 that looks random: a hash of the arguments.
double random(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  std::uint32_t hash = a * 0x9e3779b1U ^ b * 0x85ebca77U ^ c * 0xc2b2ae3dU;
  for (int i = 0; i < 3; ++i) {
    hash ^= hash >> 15;
    hash *= 0x2c1b3c6dU;
  }
  return (hash >> 8) / static_cast<double>(1 << 24);
}

/// Noise of equal strength in each octave, as photographs have: sums of interpolated grids of random numbers.
double octaves(int y, int x, std::uint32_t channel) {
  double sum = 0.5;
  for (int cell = 1; cell <= 128; cell *= 2) {
    const auto value = [&](int i, int j) {
      return random(static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j), 10 * cell + channel) - 0.5;
    };
    const int i = y / cell, j = x / cell;
    const double v = y % cell / static_cast<double>(cell), u = x % cell / static_cast<double>(cell);
    sum += 0.4 * ((1 - v) * ((1 - u) * value(i, j) + u * value(i, j + 1)) +
                  v * ((1 - u) * value(i + 1, j) + u * value(i + 1, j + 1)));
  }
  return sum;
}

struct Picture {
  const char* name;
  Paint paint;
};

/// Pictures of a size with content at many frequencies.
std::vector<Picture> pictures(ImageSize size) {
  const int height = size.height, width = size.width;
  const double turn = 2 * std::numbers::pi;
  const auto checks = [](int side) { return [=](int y, int x) { return grey((y / side + x / side) % 2); }; };
  return {
      {"gradient",
       [=](int y, int x) {
         const double v = y / static_cast<double>(height), u = x / static_cast<double>(width);
         return Colour{u, v, 0.5 + 0.5 * std::sin(turn * (u + v))};
       }},
      {"noise",
       [](int y, int x) {
         return Colour{random(y, x, 0), random(y, x, 1), random(y, x, 2)};
       }},
      {"octaves",
       [](int y, int x) {
         return Colour{octaves(y, x, 0), octaves(y, x, 1), octaves(y, x, 2)};
       }},
      {"checks of 3", checks(3)},
      {"checks of 21", checks(21)},
      {"stripes",
       [](int y, int x) {
         return Colour{std::fmod(x + 0.3 * y, 37) < 18 ? 1. : 0., std::fmod(x + 0.6 * y, 23) < 9 ? 1. : 0.,
                       std::fmod(y + 0.1 * x, 51) < 20 ? 1. : 0.};
       }},
      {"text",  // lines of letters of 10 x 12 pixels, made of random squares of 2 x 2
       [](int y, int x) { return grey(y % 18 < 12 && x % 14 < 10 && random(y / 2, x / 2, 3) < 0.5 ? 0 : 1); }},
      {"rings",  // every frequency in every direction
       [=](int y, int x) {
         const double dy = y - height / 2., dx = x - width / 2.;
         return grey(0.5 + 0.5 * std::cos(turn / 2 * (dy * dy + dx * dx) / std::max(height, width)));
       }},
  };
}

// --- Tests ----------------------------------------------------------------------------------------------------------

/// The difference of two images in grey levels.
struct Difference {
  double rms = 0;
  double largest = 0;
};

Difference difference(const std::vector<double>& a, const std::vector<double>& b) {
  Difference result;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double delta = std::abs(a[i] - b[i]);
    result.rms += delta * delta / static_cast<double>(a.size());
    result.largest = std::max(result.largest, delta);
  }
  result.rms = std::sqrt(result.rms);
  return result;
}

std::ostream& operator<<(std::ostream& out, const Difference& value) {
  return out << std::fixed << std::setprecision(2) << std::setw(6) << value.rms << " /" << std::setw(6)
             << value.largest;
}

ImageSize times(ImageSize size, int factor) { return {factor * size.height, factor * size.width}; }

struct Downscaling {
  ImageSize whole;
  ImageSize small;
  const char* sampling;
  /// The decoded image is at least so many times as large as the small one.
  int headroom;
  /// Of the decoding.
  int reduction;
};

void PrintTo(const Downscaling& scaling, std::ostream* out) {
  *out << scaling.whole.height << "x" << scaling.whole.width << " to " << scaling.small.height << "x"
       << scaling.small.width << " by 1/" << scaling.reduction << " and >= " << scaling.headroom << " ("
       << scaling.sampling << ")";
}

class ReducedImages : public ::testing::TestWithParam<Downscaling> {};

/// A picture, decoded and scaled down in several ways.
struct Downscaled {
  Difference reduced_and_whole;
  Difference whole_and_area;
  Difference whole_and_lanczos;
};

/// Scales by the sides of the whole image, as the header says.
std::vector<double> downscale(const ReducedImage& reduced, const ImageShape& whole, ImageSize size) {
  const double factor = reduced.reduction;
  return downscale(triangle, reduced.image, whole.height / factor, whole.width / factor, size);
}

Downscaled compare(const std::string& jpeg, const Downscaling& scaling) {
  const Image whole = decode_image(jpeg, "whole");
  const ReducedImage reduced = decode_reduced_image(jpeg, "reduced", times(scaling.small, scaling.headroom));
  EXPECT_EQ(reduced.reduction, scaling.reduction);
  const auto of_whole = downscale(triangle, whole, scaling.small);
  return {.reduced_and_whole = difference(downscale(reduced, whole.shape, scaling.small), of_whole),
          .whole_and_area = difference(of_whole, downscale(area, whole, scaling.small)),
          .whole_and_lanczos = difference(of_whole, downscale(lanczos3, whole, scaling.small))};
}

TEST_P(ReducedImages, DifferLessThanTriangleAndAreaFilter) {
  for (const auto& [name, paint_picture] : pictures(GetParam().whole)) {
    const std::string jpeg = encode_jpeg(paint(GetParam().whole, paint_picture), {.sampling = GetParam().sampling});
    const auto [reduced, of_area, of_lanczos] = compare(jpeg, GetParam());
    PrintTo(GetParam(), &std::cout);
    std::cout << std::setw(13) << name << ": reduced " << reduced << ", area " << of_area << ", Lanczos " << of_lanczos
              << "\n";
    // With a headroom of 2 and a picture without detail that survives, all of these can be small, in any order.
    const bool always = GetParam().headroom >= 4;
    EXPECT_LT(reduced.rms, std::max(of_area.rms, always ? 0.0 : 0.2)) << name;
    EXPECT_LT(reduced.largest, std::max(of_area.largest, always ? 0.0 : 2.5)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Jpeg, ReducedImages,
    ::testing::Values(Downscaling{{512, 512}, {64, 64}, "1x1", 2, 4}, Downscaling{{512, 512}, {64, 64}, "2x2", 2, 4},
                      Downscaling{{768, 1024}, {128, 170}, "1x1", 2, 2},
                      Downscaling{{768, 1024}, {128, 170}, "2x2", 2, 2}, Downscaling{{375, 500}, {64, 85}, "2x2", 2, 2},
                      Downscaling{{523, 781}, {64, 95}, "2x2", 2, 4}, Downscaling{{515, 517}, {32, 32}, "2x2", 2, 8},
                      Downscaling{{512, 512}, {64, 64}, "1x1", 4, 2}, Downscaling{{523, 781}, {64, 95}, "2x2", 4, 2},
                      Downscaling{{515, 517}, {32, 32}, "2x2", 4, 4}));

TEST(ReducedImage, ScalingByTheSidesOfTheTwoImagesDisplacesThePicture) {
  const Paint stripes = [](int, int x) { return grey(x % 37 < 18 ? 1 : 0); };
  const std::string jpeg = encode_jpeg(paint({523, 781}, stripes), {});
  constexpr ImageSize kSmall = {64, 95};
  const Image whole = decode_image(jpeg, "whole");
  const ReducedImage reduced = decode_reduced_image(jpeg, "reduced", times(kSmall, 2));
  const auto expected = downscale(triangle, whole, kSmall);
  EXPECT_LT(difference(downscale(reduced, whole.shape, kSmall), expected).largest, 25);
  EXPECT_GT(difference(downscale(triangle, reduced.image, kSmall), expected).largest, 60);
}

/// The weight of each pixel of a row of the whole image in an output pixel of a triangle filter after a reduction.
std::vector<double> weights_after_reduction(int inputs, int outputs, int reduction, int output) {
  const Taps taps = make_taps(triangle, inputs / reduction, outputs,
                              inputs / (1.0 * outputs * reduction))[static_cast<std::size_t>(output)];
  std::vector<double> weights(static_cast<std::size_t>(inputs));
  for (std::size_t x = 0; x < weights.size(); ++x) {
    const int tap = static_cast<int>(x) / reduction - taps.first;
    if (tap >= 0 && tap < static_cast<int>(taps.weights.size()))
      weights[x] = taps.weights[static_cast<std::size_t>(tap)] / reduction;
  }
  return weights;
}

std::vector<double> weights_of(const Kernel& kernel, int inputs, int outputs, int output) {
  const Taps taps = make_taps(kernel, inputs, outputs, inputs / (1.0 * outputs))[static_cast<std::size_t>(output)];
  std::vector<double> weights(static_cast<std::size_t>(inputs));
  std::ranges::copy(taps.weights, weights.begin() + taps.first);
  return weights;
}

/// The picture of black and white pixels for which two filters differ most in one output pixel.
Image worst_picture(const std::vector<double>& a, const std::vector<double>& b) {
  const auto side = static_cast<int>(a.size());
  return paint({side, side}, [&](int y, int x) {
    const auto i = static_cast<std::size_t>(y), j = static_cast<std::size_t>(x);
    return grey(a[i] * a[j] > b[i] * b[j] ? 1 : 0);
  });
}

TEST(ReducedImage, WorstPictureDiffersLessThanThatOfTriangleAndAreaFilter) {
  constexpr int kSide = 512, kSmall = 64, kReduction = 4, kPixel = 32;
  constexpr std::size_t kPlace = (kPixel * kSmall + kPixel) * 3;
  const auto of_triangle = weights_of(triangle, kSide, kSmall, kPixel);
  const auto of_reduced = weights_after_reduction(kSide, kSmall, kReduction, kPixel);

  const std::string jpeg = encode_jpeg(worst_picture(of_triangle, of_reduced), {.quality = 100});
  const ReducedImage reduced = decode_reduced_image(jpeg, "a", {2 * kSmall, 2 * kSmall});
  ASSERT_EQ(reduced.reduction, kReduction);
  const auto whole = downscale(triangle, decode_image(jpeg, "a"), {kSmall, kSmall});
  // 255/2 times the sum of the absolute differences of the weights.
  constexpr double kBound = 45.4;
  EXPECT_NEAR(std::abs(whole[kPlace] - downscale(triangle, reduced.image, {kSmall, kSmall})[kPlace]), kBound, 2);

  const Image for_area = worst_picture(of_triangle, weights_of(area, kSide, kSmall, kPixel));
  constexpr double kBoundOfArea = 111.6;
  EXPECT_NEAR(std::abs(downscale(triangle, for_area, {kSmall, kSmall})[kPlace] -
                       downscale(area, for_area, {kSmall, kSmall})[kPlace]),
              kBoundOfArea, 0.1);
}

TEST(ReducedImage, WorstFrequencyDiffersLessThanThatOfTriangleAndAreaFilter) {
  constexpr ImageSize kWhole = {32, 512}, kSmall = {4, 64};
  double worst = 0, worst_of_area = 0;
  for (int cycles = 5; cycles < 256; cycles += 5) {
    const std::string jpeg = encode_jpeg(
        paint(kWhole,
              [&](int, int x) { return grey(0.5 + 0.5 * std::cos(2 * std::numbers::pi * cycles * (x + 0.5) / 512)); }),
        {.quality = 100});
    const auto [reduced, of_area, of_lanczos] = compare(jpeg, {kWhole, kSmall, "1x1", 2, 4});
    worst = std::max(worst, reduced.largest);
    worst_of_area = std::max(worst_of_area, of_area.largest);
  }
  EXPECT_NEAR(worst, 21, 2);
  EXPECT_NEAR(worst_of_area, 35, 2);
}

TEST(ReducedImage, HasTheMeansOfThePixels) {
  // Without the values at both ends, which the decoder cuts off before and after the mean.
  const Paint octaves_of_grey = [](int y, int x) { return grey(0.3 + 0.4 * octaves(y, x, 0)); };
  const std::string jpeg = encode_jpeg(paint({64, 96}, octaves_of_grey), {});
  const Image whole = decode_image(jpeg, "a");
  for (const int reduction : {2, 4, 8}) {
    const ImageSize size = {64 / reduction, 96 / reduction};
    const auto [image, used] = decode_reduced_image(jpeg, "a", size);
    ASSERT_EQ(used, reduction);
    ASSERT_EQ(image.shape, (ImageShape{size.height, size.width, 3}));
    const std::vector<double> values(image.pixels.begin(), image.pixels.end());
    auto means = downscale(area, whole, size);
    means = transpose(means, size.width, size.height, 3);
    EXPECT_LT(difference(values, means).largest, 1.5);
  }
}

TEST(ReducedImage, HasTheSmallestSizeThatSuffices) {
  struct Case {
    ImageSize whole;
    ImageSize least;
    int reduction;
  };
  constexpr int kMost = std::numeric_limits<int>::max();
  const Case cases[] = {
      {{100, 100}, {51, 51}, 1}, {{100, 100}, {50, 50}, 2},  {{100, 100}, {25, 26}, 2}, {{100, 100}, {25, 25}, 4},
      {{100, 100}, {13, 1}, 4},  {{100, 100}, {12, 12}, 8},  {{101, 99}, {50, 49}, 2},  {{101, 99}, {50, 50}, 1},
      {{101, 99}, {0, -7}, 8},   {{99, 101}, {kMost, 1}, 1}, {{8, 3}, {1, 0}, 8},       {{9, 17}, {1, 1}, 8},
      {{7, 7}, {1, 1}, 1},  // within one block
  };
  for (const auto& [whole, least, reduction] : cases) {
    const Image picture = paint(whole, [](int y, int x) { return grey(0.01 * (y + x)); });
    const auto [image, used] = decode_reduced_image(encode_jpeg(picture, {.sampling = "2x2"}), "a", least);
    EXPECT_EQ(used, reduction) << whole.height << "x" << whole.width;
    EXPECT_EQ(image.shape,
              (ImageShape{(whole.height + reduction - 1) / reduction, (whole.width + reduction - 1) / reduction, 3}));
    EXPECT_EQ(image.pixels.size(), static_cast<std::size_t>(image.shape.height) * image.shape.width * 3);
  }
}

TEST(ReducedImage, IsGreyIfTheImageIs) {
  const std::string jpeg = encode_jpeg({{16, 24, 1}, Pixels(16 * 24, 77)}, {});
  const auto [image, reduction] = decode_reduced_image(jpeg, "a", {4, 4});
  EXPECT_EQ(reduction, 4);
  EXPECT_EQ(image.shape, (ImageShape{4, 6, 1}));
  EXPECT_EQ(image.pixels, Pixels(24, 77));
}

TEST(ReducedImage, OfAPngFileIsTheWholeImage) {
  const Image picture = paint({20, 30}, [](int y, int x) { return grey(0.02 * (y + x)); });
  const auto [image, reduction] = decode_reduced_image(encode_png(picture), "a", {1, 1});
  EXPECT_EQ(reduction, 1);
  EXPECT_EQ(image.shape, picture.shape);
  EXPECT_EQ(image.pixels, picture.pixels);
}

TEST(ReducedImage, IsRefusedLikeTheWholeImage) {
  const std::string jpeg =
      encode_jpeg(paint({64, 64}, [](int y, int x) { return grey(random(y, x, 0)); }), {.sampling = "2x2"});
  for (std::size_t length = 3; length < jpeg.size(); length += 50) {
    EXPECT_TRUE(throws<FormatError>(
        [&] {
          decode_reduced_image(jpeg.substr(0, length), "tar/a", {8, 8});
        },
        {"tar/a: not a whole JPEG file: "}));
  }
  std::string large = jpeg;
  large.replace(jpeg.find("\xff\xc0") + 5, 4, big_endian(65'000, 2) + big_endian(65'001, 2));
  EXPECT_TRUE(throws<FormatError>(
      [&] {
        decode_reduced_image(large, "tar/a", {8, 8});
      },
      {"tar/a: has 65000x65001 pixels, more than the 2^28"}));
  EXPECT_TRUE(throws<FormatError>(
      [&] {
        decode_reduced_image("text", "tar/a", {8, 8});
      },
      {"tar/a: expected a PNG, JPEG or WebP image, is a text"}));
}

}  // namespace
}  // namespace glow::io::reduced_image_test
