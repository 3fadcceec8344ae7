#include <glow/images/attributes.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <glow/io/file.h>

#include "io/errors.h"
#include "io/file_kind.h"

namespace glow::images {
namespace {

using Fields = std::vector<std::string>;

constexpr std::size_t kMostNames = 10'000;
constexpr std::size_t kLongestName = 256;
/// The number of fields parsed per line: the file, one for each name, and one more to detect extra fields.
constexpr std::size_t kMostFields = kMostNames + 2;

/// "a/./b/c.png" -> "a/b/c.png", "a/b/c", "c"
std::array<std::string, 3> keys_of(const std::string& image) {
  const auto path = std::filesystem::path(image).lexically_normal();
  return {path.generic_string(), std::filesystem::path(path).replace_extension().generic_string(),
          path.stem().string()};
}

/// The value of the longest suffix of the path that is a key: "a/b/c", else "b/c", else "c"; nullptr if none is.
template <class Places>
const typename Places::mapped_type* find_longest(const Places& places, std::string_view path) {
  for (;;) {
    const auto found = places.find(std::string(path));
    if (found != places.end()) return &found->second;
    const auto slash = path.find('/');
    if (slash == std::string_view::npos) return nullptr;
    path.remove_prefix(slash + 1);
  }
}

FormatError two_rows(const std::string& image, const std::string& one, const std::string& other) {
  return FormatError("attributes: the image " + io::in_quotes(image) + " may be " + io::in_quotes(one) + " or " +
                     io::in_quotes(other) + " of the list");
}

FormatError two_images(const std::string& one, const std::string& other, const std::string& listed) {
  return FormatError("attributes: the images " + io::in_quotes(one) + " and " + io::in_quotes(other) + " may both be " +
                     io::in_quotes(listed) + " of the list");
}

Fields split_at_spaces(std::string_view line) {
  Fields fields;
  for (std::size_t end = 0; end < line.size() && fields.size() < kMostFields;) {
    const auto start = line.find_first_not_of(" \t", end);
    if (start == std::string_view::npos) break;
    end = std::min(line.find_first_of(" \t", start), line.size());
    fields.emplace_back(line.substr(start, end - start));
  }
  return fields;
}

/// Fields in double quotes (RFC 4180) may contain commas, and doubled quotes for quotes.
Fields split_at_commas(std::string_view line) {
  Fields fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size() && fields.size() < kMostFields; ++i) {
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

/// The lines of a file, without empty ones.
class Lines {
 public:
  explicit Lines(const std::filesystem::path& path) : path_(path) {
    constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 28;
    text_ = io::read_file(path, kMostBytes);
    if (const auto kind = io::identify_file(text_); !kind.name.empty() && !kind.is_plain_text)
      throw io::other_kind(path, "a list of attributes", text_);
    rest_ = text_;
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // that editors of Windows write
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }

  /// Advances to the next line; false after the last.
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
    throw FormatError(path_, "line " + std::to_string(number_) + ": " + problem);
  }

 private:
  std::filesystem::path path_;
  std::string text_;
  std::string_view rest_, line_;
  std::int64_t number_ = 0;
};

void check_names(const Lines& lines, const Fields& names) {
  if (names.size() > kMostNames) lines.fail("expected at most " + std::to_string(kMostNames) + " names, got more");
  for (const auto& name : names) {
    if (name.size() <= kLongestName) continue;
    lines.fail("expected a name of at most " + std::to_string(kLongestName) + " bytes, got " + io::in_quotes(name));
  }
}

void add_row(const Lines& lines, const Fields& fields, Attributes& attributes) {
  const auto names = attributes.names().size();
  if (fields.size() != names + 1) {
    lines.fail("expected a file and " + std::to_string(names) + " attributes, got " + std::to_string(fields.size()) +
               (fields.size() == kMostFields ? " fields or more" : " fields"));
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
  if (!attributes.add(fields[0], std::move(row))) lines.fail(io::in_quotes(fields[0]) + " appears twice");
}

/// The number in a line that contains nothing else.
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
  auto names = split_at_spaces(lines.line());
  check_names(lines, names);
  Attributes attributes(std::move(names));
  while (lines.next()) add_row(lines, split_at_spaces(lines.line()), attributes);
  if (attributes.size() != images) {
    lines.fail("expected " + std::to_string(images) + " images, the number in the first line, got " +
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
  check_names(lines, names);
  Attributes attributes(std::move(names));
  while (lines.next()) add_row(lines, split_at_commas(lines.line()), attributes);
  if (attributes.size() == 0) lines.fail("expected lines of images after the names, got none");
  return attributes;
}

}  // namespace

std::vector<const Attributes::Row*> Attributes::find_all(const std::vector<std::string>& images) const {
  std::vector<const Row*> rows(images.size(), nullptr);
  std::unordered_set<std::size_t> taken;
  for (std::size_t way = 0; way < places_.size(); ++way) {
    std::unordered_map<std::size_t, std::size_t> image_of;
    for (std::size_t i = 0; i < images.size(); ++i) {
      if (rows[i] != nullptr) continue;
      const auto* places = find_longest(places_[way], keys_of(images[i])[way]);
      const auto is_taken = [&](std::size_t place) { return taken.contains(place); };
      if (places == nullptr || std::all_of(places->begin(), places->end(), is_taken)) continue;
      const auto& first = listed_[places->front()];
      if (places->size() > 1) throw two_rows(images[i], first.path, listed_[places->at(1)].path);
      const auto [other, is_only] = image_of.emplace(places->front(), i);
      if (!is_only) throw two_images(images[other->second], images[i], first.path);
      rows[i] = &first.row;
    }
    for (const auto& [place, image] : image_of) taken.insert(place);
  }
  return rows;
}

bool Attributes::add(const std::string& image, Row row) {
  const auto keys = keys_of(image);
  if (places_[0].contains(keys[0])) return false;
  for (std::size_t way = 0; way < places_.size(); ++way) places_[way][keys[way]].push_back(listed_.size());
  listed_.push_back({image, std::move(row)});
  return true;
}

Attributes read_attributes(const std::filesystem::path& path) {
  Lines lines(path);
  if (!lines.next()) lines.fail("expected a list of attributes, has no text");
  const auto images = lone_number(lines.line());
  return images ? read_celeba(lines, *images) : read_csv(lines);
}

}  // namespace glow::images
