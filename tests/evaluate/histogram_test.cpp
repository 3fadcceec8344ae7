#include <glow/evaluate/histogram.h>

#include <algorithm>
#include <clocale>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/throws.h"

namespace glow::evaluate::histogram_test {
namespace {

using glow::testing::throws;

torch::Tensor numbers(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

/// The heights of the bars of each path, in pixels above the bottom line.
std::vector<std::vector<double>> bars(const std::string& svg) {
  std::vector<std::vector<double>> all;
  for (auto path = svg.find("<path d=\"M"); path != std::string::npos; path = svg.find("<path d=\"M", path + 1)) {
    const auto end = svg.find('"', path + 10);
    const auto bottom = std::strtod(svg.c_str() + svg.find(' ', path + 10), nullptr);
    all.emplace_back();
    for (auto step = svg.find('V', path); step < end; step = svg.find('V', step + 1)) {
      all.back().push_back(bottom - std::strtod(svg.c_str() + step + 1, nullptr));
    }
    all.back().pop_back();  // the last point returns to the bottom line
  }
  return all;
}

bool holds(const std::string& svg, const std::string& text) { return svg.find(text) != std::string::npos; }

TEST(Histogram, BarsAreFractionsOfTheirSeries) {
  // Bins [0, 1), [1, 2), [2, 3]: shares 1/2, 0, 1/2 and 0, 1, 0.
  const auto svg = histogram_svg({{"one", numbers({0, 0.5, 2.5, 3})}, {"other", numbers({1.5})}}, {.bins = 3});
  const auto heights = bars(svg);
  ASSERT_EQ(heights.size(), 2u);
  ASSERT_EQ(heights[0].size(), 3u);
  const double whole = heights[1][1];
  EXPECT_GT(whole, 100);
  EXPECT_NEAR(heights[0][0], whole / 2, 1e-3);
  EXPECT_EQ(heights[0][1], 0);
  EXPECT_NEAR(heights[0][2], whole / 2, 1e-3);
  EXPECT_EQ(heights[1][0], 0);
  EXPECT_EQ(heights[1][2], 0);
}

TEST(Histogram, HasTitleAxisAndLegend) {
  const auto svg =
      histogram_svg({{"a<b & c", numbers({1, 2, HUGE_VAL, std::nan("")})}}, {.title = "T", .axis = "bits"});
  EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
  for (const char* text : {">a&lt;b &amp; c (2, without 2 not finite)<", ">T<", ">bits<", ">1.2<", ">50 %<"}) {
    EXPECT_TRUE(holds(svg, text)) << text << " in " << svg;
  }
  EXPECT_FALSE(holds(svg, "nan"));
}

TEST(Histogram, OutliersAreCountedAndDoNotStretchTheAxis) {
  auto bits = at::linspace(2, 3, 999, at::kDouble);
  const auto svg = histogram_svg({{"a", at::cat({bits, numbers({7197})})}, {"b", at::cat({bits, numbers({-50, 2.5})})}},
                                 {.bins = 10});
  EXPECT_TRUE(holds(svg, ">a (1000, 1 right of the axis)<") && holds(svg, ">b (1001, 1 left of the axis)<")) << svg;
  EXPECT_TRUE(holds(svg, ">2.5<"));
  for (const auto& heights : bars(svg)) {
    EXPECT_GT(std::count_if(heights.begin(), heights.end(), [](double height) { return height > 10; }), 2);
  }
}

TEST(Histogram, SmallSeriesBesideALargeOneIsShown) {
  const auto svg = histogram_svg({{"many", at::linspace(2, 3, 5000, at::kDouble)}, {"few", numbers({40, 41})}}, {});
  EXPECT_TRUE(holds(svg, ">40<") && holds(svg, ">few (2)<") && holds(svg, ">many (5000)<"));
}

TEST(Histogram, NearlyConstantNumbersKeepTheirWholeRange) {
  EXPECT_TRUE(holds(histogram_svg({{"a", numbers({0, 0, 0, 0, 0, 0, 1})}}, {}), ">a (7)<"));
}

TEST(Histogram, EscapesMarkupInTexts) {
  const auto svg = histogram_svg({{"a\x1b\n\xff\x7f sch\xc3\xb6n", numbers({1, 2})}}, {.title = std::string(1, '\0')});
  EXPECT_TRUE(holds(svg, ">a??\xef\xbf\xbd? sch\xc3\xb6n (2)<") && holds(svg, ">?<")) << svg;
}

TEST(Histogram, UsesADecimalPointInEveryLocale) {
  const std::string before = std::setlocale(LC_NUMERIC, nullptr);
  const std::vector<HistogramSeries> series{{"", numbers({1, 2})}};
  const auto plain = histogram_svg(series, {});
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8"}) std::setlocale(LC_NUMERIC, name);
  EXPECT_EQ(histogram_svg(series, {}), plain);
  std::setlocale(LC_NUMERIC, before.c_str());
}

TEST(Histogram, ConstantNumbersHaveANonEmptyRange) {
  const auto heights = bars(histogram_svg({{"", numbers({5, 5})}}, {.bins = 4}));
  ASSERT_EQ(heights.size(), 1u);
  EXPECT_EQ(heights[0][0], 0);
  EXPECT_GT(heights[0][2], 100);
}

TEST(Histogram, HasNoBarsWithoutFiniteNumbers) {
  const auto svg = histogram_svg({{"", numbers({std::nan("")})}}, {.bins = 2});
  EXPECT_EQ(bars(svg), (std::vector<std::vector<double>>{{0, 0}}));
  EXPECT_FALSE(holds(svg, "nan") || holds(svg, "inf"));
}

TEST(Histogram, RefusesZeroBins) {
  EXPECT_TRUE(throws<ConfigError>([] { histogram_svg({{"", numbers({1})}}, {.bins = 0}); }, {"bins: ", "got 0"}));
}

}  // namespace
}  // namespace glow::evaluate::histogram_test
