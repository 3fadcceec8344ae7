#include "tools/common/text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>

#include <glow/error.h>

namespace glow::tools {
namespace {

std::string two_digits(std::int64_t number) {
  std::string text = std::to_string(number);
  if (number < 10) text.insert(text.begin(), '0');
  return text;
}

}  // namespace

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (auto place = static_cast<std::int64_t>(digits.size()) - 3; place > (number < 0 ? 1 : 0); place -= 3) {
    digits.insert(static_cast<std::size_t>(place), 1, ',');
  }
  return digits;
}

std::string count_text(std::int64_t count, const std::string& thing) {
  return grouped(count) + " " + thing + (count == 1 ? "" : "s");
}

std::string fixed(double number, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

std::string scientific(double number) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.1e", number);
  return text.data();
}

std::string duration(double seconds) {
  // An estimate of more than a year is useless.
  constexpr double kLongest = 366.0 * 24 * 3600;
  if (!(seconds >= 0 && seconds < kLongest)) return "?";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  const auto minutes = whole / 60 % 60;
  const auto hours = whole / 3600;
  const auto start = hours > 0 ? std::to_string(hours) + ":" + two_digits(minutes) : std::to_string(minutes);
  return start + ":" + two_digits(whole % 60);
}

std::string rough_duration(double seconds) {
  struct Unit {
    const char* name;
    double seconds, most;
  };
  // The largest number of a unit before the next one is used.
  constexpr std::array kUnits{Unit{"second", 1, 100}, Unit{"minute", 60, 100}, Unit{"hour", 3600, 48},
                              Unit{"day", 86'400, 730}};
  for (const auto& unit : kUnits) {
    if (seconds < unit.most * unit.seconds) return count_text(std::llround(seconds / unit.seconds), unit.name);
  }
  constexpr double kYear = 365.25 * 86'400;
  return count_text(std::llround(seconds / kYear), "year");
}

std::string bytes(double count) {
  constexpr std::array<const char*, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; count >= 1000 && unit + 1 < kUnits.size(); ++unit) count /= 1000;
  return fixed(count, unit > 0 && count < 10 ? 1 : 0) + " " + kUnits[unit];
}

std::string brief(double number) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  return {text.data(), end};
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

namespace {

bool is_control(unsigned char character) { return character < 0x20 || character == 0x7f; }

}  // namespace

std::string one_line(std::string text) {
  std::ranges::replace_if(text, is_control, '?');
  return text;
}

std::string shell_word(const std::string& text) {
  const auto is_plain = [](unsigned char character) {
    return std::isalnum(character) != 0 || character >= 0x80 ||
           std::string_view("_@%+=:,./-").find(static_cast<char>(character)) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return text;
  const bool is_coded = std::ranges::any_of(text, is_control);
  std::string word = is_coded ? "$'" : "'";
  for (const char character : text) {
    std::array<char, 8> code{};
    if (is_control(static_cast<unsigned char>(character))) {
      std::snprintf(code.data(), code.size(), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(character)));
      word += code.data();
    } else if (is_coded && (character == '\'' || character == '\\')) {
      word += std::string("\\") + character;
    } else {
      word += character == '\'' ? std::string("'\\''") : std::string(1, character);
    }
  }
  return word + "'";
}

std::string listed_lines(std::int64_t count, const std::function<std::string(std::int64_t)>& line) {
  constexpr std::int64_t kMostLines = 20;
  std::string text;
  for (std::int64_t i = 0; i < std::min(count, kMostLines); ++i) text += "\n  " + line(i);
  if (count > kMostLines) text += "\n  and " + grouped(count - kMostLines) + " more";
  return text;
}

void Listing::add(const std::string& label, const std::string& value) {
  constexpr std::size_t kLabelWidth = 13;
  std::string padded = label;
  padded.resize(std::max(kLabelWidth, label.size() + 1), ' ');
  text_ += padded;
  for (const char character : value) {
    text_ += character;
    if (character == '\n') text_ += std::string(kLabelWidth, ' ');
  }
  text_ += '\n';
}

std::string with_remark(std::string text, const std::string& remark) {
  const auto list = text.find(":\n");
  return text.insert(std::min(list, text.size()), " (" + remark + ")");
}

void require_given(const char* field, const std::string& value, const char* what) {
  if (value.empty()) throw ConfigError(field, std::string("expected ") + what + ", none is given");
}

}  // namespace glow::tools
