#include <glow/data/attributes.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include <glow/io/file.h>

#include "io/errors.h"

namespace glow::data {
namespace {

using Fields = std::vector<std::string>;

/// "a/b/c.png" -> "c"
std::string key_of(const std::string& image) { return std::filesystem::path(image).stem().string(); }

Fields split_at_spaces(std::string_view line) {
  Fields fields;
  for (std::size_t end = 0; end < line.size();) {
    const auto start = line.find_first_not_of(" \t", end);
    if (start == std::string_view::npos) break;
    end = std::min(line.find_first_of(" \t", start), line.size());
    fields.emplace_back(line.substr(start, end - start));
  }
  return fields;
}

/// Fields in double quotes (RFC 4180) may hold commas, and quotes written twice.
Fields split_at_commas(std::string_view line) {
  Fields fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool is_quote = line[i] == '"';
    if (is_quote && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[i++];
    } else if (is_quote) {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
    }
  }
  return fields;
}

std::optional<std::int8_t> parse_label(const std::string& text) {
  if (text.empty()) return -1;
  if (text == "1") return 1;
  if (text == "0" || text == "-1") return 0;
  return std::nullopt;
}

/// A file, line by line; empty lines are left out.
class Lines {
 public:
  explicit Lines(const std::filesystem::path& path) : path_(path) {
    constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
    text_ = io::read_file(path, kMostBytes);
    rest_ = text_;
  }

  /// False after the last one.
  bool next() {
    while (!rest_.empty()) {
      const auto end = std::min(rest_.find('\n'), rest_.size());
      line_ = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++number_;
      if (line_.ends_with('\r')) line_.remove_suffix(1);
      if (line_.find_first_not_of(" \t") != std::string_view::npos) return true;
    }
    return false;
  }

  std::string_view line() const { return line_; }

  [[noreturn]] void fail(const std::string& problem) const {
    throw io::format_error(path_, "line " + std::to_string(number_) + ": " + problem);
  }

 private:
  std::filesystem::path path_;
  std::string text_;
  std::string_view rest_, line_;
  std::int64_t number_ = 0;
};

void add_row(const Lines& lines, const Fields& fields, Attributes& attributes) {
  const auto names = attributes.names().size();
  if (fields.size() != names + 1) {
    lines.fail("expected a file and " + std::to_string(names) + " attributes, got " + std::to_string(fields.size()) +
               " fields");
  }
  Attributes::Row row;
  for (std::size_t k = 0; k < names; ++k) {
    const auto label = parse_label(fields[k + 1]);
    if (!label) {
      lines.fail(io::in_quotes(attributes.names()[k]) + ": expected 1, 0, -1 or nothing, got " +
                 io::in_quotes(fields[k + 1]));
    }
    row.push_back(*label);
  }
  if (!attributes.add(fields[0], std::move(row))) lines.fail(io::in_quotes(fields[0]) + " stands twice");
}

/// The number of a line that holds nothing else.
std::optional<std::int64_t> lone_number(std::string_view line) {
  const auto fields = split_at_spaces(line);
  if (fields.size() != 1) return std::nullopt;
  std::int64_t number = 0;
  const auto* end = fields[0].data() + fields[0].size();
  const auto [stopped, error] = std::from_chars(fields[0].data(), end, number);
  return error == std::errc() && stopped == end ? std::optional(number) : std::nullopt;
}

Attributes read_celeba(Lines& lines, std::int64_t images) {
  if (!lines.next()) lines.fail("expected the names of attributes, the file ends");
  Attributes attributes(split_at_spaces(lines.line()));
  while (lines.next()) add_row(lines, split_at_spaces(lines.line()), attributes);
  if (attributes.size() != images) {
    lines.fail("expected " + std::to_string(images) + " images as the first line says, got " +
               std::to_string(attributes.size()));
  }
  return attributes;
}

Attributes read_csv(Lines& lines) {
  auto names = split_at_commas(lines.line());
  if (names.size() < 2) {
    lines.fail("expected a number of images (CelebA's list) or names between commas, got " +
               io::in_quotes(lines.line()));
  }
  names.erase(names.begin());
  Attributes attributes(std::move(names));
  while (lines.next()) add_row(lines, split_at_commas(lines.line()), attributes);
  if (attributes.size() == 0) lines.fail("expected images after the names, there are none");
  return attributes;
}

}  // namespace

const Attributes::Row* Attributes::find(const std::string& image) const {
  const auto found = rows_.find(key_of(image));
  return found == rows_.end() ? nullptr : &found->second;
}

bool Attributes::add(const std::string& image, Row row) { return rows_.emplace(key_of(image), std::move(row)).second; }

Attributes read_attributes(const std::filesystem::path& path) {
  Lines lines(path);
  if (!lines.next()) lines.fail("expected a list of attributes, the file is empty");
  const auto images = lone_number(lines.line());
  return images ? read_celeba(lines, *images) : read_csv(lines);
}

}  // namespace glow::data
