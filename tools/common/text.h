#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace glow::tools {

/// 44235264 -> "44,235,264"
std::string grouped(std::int64_t number);
/// "1 image", "12,000 images"
std::string count_text(std::int64_t count, const std::string& thing);
/// A number with `digits` digits after the point.
std::string fixed(double number, int digits);
/// 0.000021 -> "2.1e-05"
std::string scientific(double number);
/// 133 s -> "2:13", 7384 s -> "2:03:04"
std::string duration(double seconds);
/// A long time, with one or two digits: "40 seconds", "3 hours", "9 days"
std::string rough_duration(double seconds);
/// 2.1e9 -> "2.1 GB"
std::string bytes(double count);
/// The shortest decimal number that is parsed as this value: 0.001, 100.
std::string brief(double number);

/// "demo, cifar10, imagenet32"
std::string joined(const std::vector<std::string>& names);

/// The text with question marks in place of control characters, which names of files may contain.
std::string one_line(std::string text);
/// The text as a word of a shell's command line: itself, or quoted if it has characters with a meaning there.
std::string shell_word(const std::string& text);

/// The first twenty of `count` lines, each indented on a new line, and "and 3 more" if there are more. line(i) is only
/// called for lines that are shown.
std::string listed_lines(std::int64_t count, const std::function<std::string(std::int64_t)>& line);

/// Lines "label   value" with aligned values; further lines of a value are indented like its first.
class Listing {
 public:
  void add(const std::string& label, const std::string& value);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// More images than any disk can hold; sums of values up to this do not overflow.
inline constexpr std::int64_t kMostImages = std::int64_t{1} << 40;

/// The text with a remark in brackets, before a list that follows it.
std::string with_remark(std::string text, const std::string& remark);

/// Throws ConfigError naming `field` for an empty value. `what` is what was expected, "a model file" for example.
void require_given(const char* field, const std::string& value, const char* what);

}  // namespace glow::tools
