#include <glow/evaluate/histogram.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <locale>
#include <sstream>
#include <tuple>
#include <utility>

#include <ATen/ATen.h>

#include <glow/checks.h>
#include <glow/error.h>

#include "io/json_object.h"

namespace glow::evaluate {
namespace {

// Pixels.
constexpr double kWidth = 760, kHeight = 420;
constexpr double kLeft = 64, kRight = 20, kBottom = 56;
constexpr double kPlotWidth = kWidth - kLeft - kRight;
/// Positions of the title and the lines of the legend, above the bars.
constexpr double kFirstLine = 22, kLineHeight = 20;

/// Colours that colour-blind people can distinguish (Okabe & Ito 2008).
constexpr std::array<const char*, 5> kColours{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"};

std::string text_of(double number) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::general, 6).ptr;
  return {text.data(), end};
}

/// Escaped for XML; control characters, most of which XML does not allow, become question marks.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char character : io::to_utf8(text)) {
    if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) {
      result += '?';
      continue;
    }
    switch (character) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      default:
        result += character;
    }
  }
  return result;
}

/// A range of numbers and its position in the picture.
struct Axis {
  double low, high;
  double first_pixel, last_pixel;

  double pixel(double number) const { return first_pixel + (number - low) / (high - low) * (last_pixel - first_pixel); }
};

/// The step between ticks, 1, 2 or 5 times a power of ten, so that the range has about `count` steps.
double step_of(double range, double count) {
  const double power = std::pow(10.0, std::floor(std::log10(range / count)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= range / count) return factor * power;
  }
  return 10 * power;
}

std::vector<double> ticks(const Axis& axis, double count) {
  const double step = step_of(axis.high - axis.low, count);
  std::vector<double> result;
  const auto last = static_cast<std::int64_t>(std::floor(axis.high / step + 1e-9));
  for (auto i = static_cast<std::int64_t>(std::ceil(axis.low / step - 1e-9)); i <= last; ++i) {
    result.push_back(static_cast<double>(i) * step);
  }
  return result;
}

void write_text(std::ostream& svg, double x, double y, const char* anchor, const std::string& text, int size = 13) {
  svg << "<text x=\"" << x << "\" y=\"" << y << "\" text-anchor=\"" << anchor << "\" font-size=\"" << size << "\">"
      << escaped(text) << "</text>\n";
}

void write_line(std::ostream& svg, double x1, double y1, double x2, double y2, const char* colour) {
  svg << "<line x1=\"" << x1 << "\" y1=\"" << y1 << "\" x2=\"" << x2 << "\" y2=\"" << y2 << "\" stroke=\"" << colour
      << "\"/>\n";
}

/// Axes with numbers; the vertical axis in per cent.
void write_axes(std::ostream& svg, const Axis& across, const Axis& up, const HistogramOptions& options) {
  constexpr double kBottomLine = kHeight - kBottom;
  for (const double tick : ticks(up, 5)) {
    write_line(svg, kLeft, up.pixel(tick), kWidth - kRight, up.pixel(tick), "#e4e4e4");
    write_text(svg, kLeft - 8, up.pixel(tick) + 4, "end", text_of(100 * tick) + " %");
  }
  for (const double tick : ticks(across, 8)) {
    write_line(svg, across.pixel(tick), kBottomLine, across.pixel(tick), kBottomLine + 5, "#444");
    write_text(svg, across.pixel(tick), kBottomLine + 20, "middle", text_of(tick));
  }
  write_line(svg, kLeft, kBottomLine, kWidth - kRight, kBottomLine, "#444");
  write_text(svg, kLeft + kPlotWidth / 2, kHeight - 14, "middle", options.axis);
  write_text(svg, kLeft, kFirstLine, "start", options.title, 15);
}

/// The outline of the shares of the bins, [bins], as a filled path.
void write_series(std::ostream& svg, const torch::Tensor& shares, const Axis& across, const Axis& up,
                  const char* colour) {
  const auto bins = shares.numel();
  const auto* share = shares.data_ptr<double>();
  const double width = (across.high - across.low) / static_cast<double>(bins);
  svg << "<path d=\"M" << across.pixel(across.low) << " " << up.pixel(0);
  for (std::int64_t i = 0; i < bins; ++i) {
    svg << "V" << up.pixel(share[i]) << "H" << across.pixel(across.low + static_cast<double>(i + 1) * width);
  }
  svg << "V" << up.pixel(0) << "Z\" fill=\"" << colour << "\" fill-opacity=\"0.4\" stroke=\"" << colour
      << "\" stroke-width=\"1.2\"/>\n";
}

void write_legend_entry(std::ostream& svg, std::size_t place, const std::string& text, const char* colour) {
  const double x = kWidth - kRight, y = kFirstLine + kLineHeight * static_cast<double>(place);
  svg << "<rect x=\"" << x - 12 << "\" y=\"" << y - 11 << "\" width=\"12\" height=\"12\" fill=\"" << colour
      << "\" fill-opacity=\"0.6\"/>\n";
  write_text(svg, x - 18, y, "end", text);
}

/// `finite`: the finite numbers of the series.
std::string legend_text(const HistogramSeries& series, const torch::Tensor& finite, const Axis& across) {
  std::string text = series.name + " (" + std::to_string(finite.numel());
  const auto add = [&](const char* before, std::int64_t count, const char* after) {
    if (count > 0) text += before + std::to_string(count) + after;
  };
  add(", without ", series.numbers.numel() - finite.numel(), " not finite");
  add(", ", finite.lt(across.low).sum().item<std::int64_t>(), " left of the axis");
  add(", ", finite.gt(across.high).sum().item<std::int64_t>(), " right of the axis");
  return text + ")";
}

/// The range of a series without outliers: with [a, b] the central 99.8 % of the numbers, their range within
/// [a - (b - a), b + (b - a)]. The whole range when a = b; with fewer than five numbers nothing is cut.
std::pair<double, double> range_of(const torch::Tensor& numbers) {
  constexpr double kOutside = 0.001;
  const auto sorted = std::get<0>(numbers.sort());
  const auto* number = sorted.data_ptr<double>();
  const auto last = sorted.numel() - 1;
  const auto cut = std::min(static_cast<std::int64_t>(std::ceil(kOutside * static_cast<double>(last))), last / 4);
  const double low = number[cut], high = number[last - cut], width = high - low;
  if (width == 0) return {number[0], number[last]};
  return {std::max(number[0], low - width), std::min(number[last], high + width)};
}

/// The common range of all series; widened when it is a single number, arbitrary without numbers.
Axis horizontal_axis(const std::vector<torch::Tensor>& numbers) {
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const auto& each : numbers) {
    if (each.numel() == 0) continue;
    const auto [first, last] = range_of(each);
    low = std::min(low, first);
    high = std::max(high, last);
  }
  if (low > high) return {0, 1, kLeft, kLeft + kPlotWidth};
  const double margin = high > low ? 0 : std::max(0.5, 1e-3 * std::abs(low));
  return {low - margin, high + margin, kLeft, kLeft + kPlotWidth};
}

/// The share of the numbers in each bin, float64 [bins]; zeros without numbers.
torch::Tensor shares_of(const torch::Tensor& numbers, const Axis& across, std::int64_t bins) {
  const auto counts = at::histc(numbers, bins, across.low, across.high);
  return (counts / std::max<double>(1, static_cast<double>(numbers.numel()))).contiguous();
}

}  // namespace

std::string histogram_svg(const std::vector<HistogramSeries>& series, const HistogramOptions& options) {
  require_at_least("bins", options.bins, 1);
  if (series.empty()) throw ConfigError("histogram: there is no series");
  std::vector<torch::Tensor> finite_numbers, shares;
  for (const auto& each : series) {
    const auto numbers = each.numbers.to(torch::kCPU, torch::kDouble);
    finite_numbers.push_back(numbers.masked_select(numbers.isfinite()));
  }
  const auto across = horizontal_axis(finite_numbers);
  double highest = 0;
  for (const auto& numbers : finite_numbers) {
    shares.push_back(shares_of(numbers, across, options.bins));
    highest = std::max(highest, shares.back().max().item<double>());
  }
  const double top = kFirstLine + kLineHeight * static_cast<double>(series.size());
  const Axis up{0, highest > 0 ? highest : 1, kHeight - kBottom, top};
  std::ostringstream svg;
  svg.imbue(std::locale::classic());
  svg << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << kWidth << "\" height=\"" << kHeight
      << "\" viewBox=\"0 0 " << kWidth << " " << kHeight << "\" font-family=\"sans-serif\" fill=\"#222\">\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  write_axes(svg, across, up, options);
  for (std::size_t i = 0; i < series.size(); ++i) {
    const char* colour = kColours[i % kColours.size()];
    write_series(svg, shares[i], across, up, colour);
    write_legend_entry(svg, i, legend_text(series[i], finite_numbers[i], across), colour);
  }
  svg << "</svg>\n";
  return svg.str();
}

}  // namespace glow::evaluate
