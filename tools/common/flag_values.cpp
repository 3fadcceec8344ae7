#include "tools/common/flag_values.h"

#include <charconv>
#include <cmath>
#include <optional>

#include <glow/error.h>

#include "tools/common/text.h"

namespace glow::tools {
namespace {

ConfigError unexpected(const std::string& expected, const std::string& text) {
  return ConfigError("expected " + expected + ", got '" + text + "'");
}

/// The number that the text is, nullopt when it is no number or does not fit.
template <class Number>
std::optional<Number> number_in(const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

template <class Number>
void parse_number(const std::string& text, const std::string& expected, Number& value) {
  const auto number = number_in<Number>(text);
  if (!number) throw unexpected(expected, text);
  value = *number;
}

template <class Item>
std::vector<Item> parse_list(const std::string& text) {
  std::vector<Item> items;
  for (std::size_t start = 0; start <= text.size();) {
    const auto comma = std::min(text.find(',', start), text.size());
    parse_value(text.substr(start, comma - start), items.emplace_back());
    start = comma + 1;
  }
  return items;
}

template <class Item, class ToText>
std::string joined(const std::vector<Item>& items, ToText&& to_text) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += ",";
    text += to_text(item);
  }
  return text;
}

}  // namespace

void parse_value(const std::string& text, int& value) { parse_number(text, "a whole number below 2^31", value); }

void parse_value(const std::string& text, std::int64_t& value) { parse_number(text, "a whole number", value); }

void parse_value(const std::string& text, std::uint64_t& value) {
  parse_number(text, "a whole number from 0 to 2^64 - 1", value);
}

void parse_value(const std::string& text, double& value) {
  const auto number = number_in<double>(text);
  if (!number || !std::isfinite(*number)) throw unexpected("a number", text);
  value = *number;
}

void parse_value(const std::string& text, bool& value) {
  if (text != "true" && text != "false") throw unexpected("true or false", text);
  value = text == "true";
}

void parse_value(const std::string& text, std::string& value) { value = text; }

void parse_value(const std::string& text, ImageSize& value) {
  if (text.empty()) {
    value = {};
    return;
  }
  // No larger images exist, and products of these sizes do not overflow.
  constexpr std::int64_t kLargest = 1 << 20;
  const auto cross = text.find('x');
  const auto height = number_in<std::int64_t>(text.substr(0, cross));
  const auto width = cross == std::string::npos ? height : number_in<std::int64_t>(text.substr(cross + 1));
  if (!height || !width || *height < 1 || *width < 1 || *height > kLargest || *width > kLargest) {
    throw unexpected("a size like 32 or 28x32 (height x width) in pixels", text);
  }
  value = {*height, *width};
}

void parse_value(const std::string& text, std::vector<double>& value) { value = parse_list<double>(text); }

void parse_value(const std::string& text, nn::Temperature& value) { value = parse_list<double>(text); }

void parse_value(const std::string& text, std::vector<std::int64_t>& value) {
  value = text.empty() ? std::vector<std::int64_t>() : parse_list<std::int64_t>(text);
}

void parse_value(const std::string& text, std::vector<std::string>& value) {
  value = text.empty() ? std::vector<std::string>() : parse_list<std::string>(text);
}

Json to_json(const std::string& value) { return value; }

Json to_json(const ImageSize& value) {
  if (value == ImageSize{}) return "";
  return std::to_string(value.height) + "x" + std::to_string(value.width);
}

Json to_json(const std::vector<double>& value) {
  return joined(value, [](double number) { return brief(number); });
}

Json to_json(const nn::Temperature& value) { return to_json(value.values()); }

Json to_json(const std::vector<std::int64_t>& value) {
  return joined(value, [](std::int64_t number) { return std::to_string(number); });
}

Json to_json(const std::vector<std::string>& value) {
  return joined(value, [](const std::string& each) { return each; });
}

std::string to_text(const Json& scalar) {
  if (scalar.is_number_float()) return brief(scalar.get<double>());
  return scalar.is_string() ? scalar.get<std::string>() : scalar.dump();
}

}  // namespace glow::tools
