#include "tools/serve/form.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <glow/error.h>

#include "tools/serve/header_text.h"

namespace glow::tools {
namespace {

ConfigError malformed(const std::string& problem) { return ConfigError("form", problem); }

/// The value of `name` in "form-data; name=\"a\"; filename=b". Values may be quoted, with a backslash before a quote.
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
  while (true) {
    const auto semicolon = header.find(';');
    if (semicolon == std::string_view::npos) return std::nullopt;
    header.remove_prefix(semicolon + 1);
    header = without_spaces(header);
    const auto equals = header.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const auto found = lower(without_spaces(header.substr(0, equals)));
    header.remove_prefix(equals + 1);
    std::string value;
    if (header.starts_with('"')) {
      std::size_t i = 1;
      for (; i < header.size() && header[i] != '"'; ++i) {
        if (header[i] == '\\' && i + 1 < header.size()) ++i;
        value += header[i];
      }
      header.remove_prefix(i);
    } else {
      value = without_spaces(header.substr(0, header.find(';')));
    }
    if (found == name) return value;
  }
}

/// The Content-Disposition among the lines of a part's head.
std::string_view disposition_of(std::string_view head) {
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && lower(line.substr(0, colon)) == "content-disposition") {
      return line.substr(colon + 1);
    }
  }
  throw malformed("expected a Content-Disposition in each part");
}

}  // namespace

Form parse_form(std::string_view content_type, std::string_view body) {
  const auto boundary = parameter(content_type, "boundary");
  constexpr std::size_t kLongest = 70;  // RFC 2046, 5.1.1
  if (!boundary || boundary->empty() || boundary->size() > kLongest) throw malformed("expected a boundary");
  const auto first = "--" + *boundary, next = "\r\n" + first;
  if (!body.starts_with(first)) throw malformed("expected the boundary at the start of the body");
  body.remove_prefix(first.size());
  Form form;
  while (!body.starts_with("--")) {
    if (!body.starts_with("\r\n")) throw malformed("expected a line break behind the boundary");
    const auto head_end = body.find("\r\n\r\n"), end = body.find(next);
    if (end == std::string_view::npos) throw malformed("the last boundary is missing");
    // The blank line may end at the line break of the boundary: the part is empty then.
    if (head_end < 2 || head_end == std::string_view::npos || end < head_end + 2) {
      throw malformed("expected headers and a blank line in each part");
    }
    const auto disposition = disposition_of(body.substr(2, head_end - 2));
    const auto name = parameter(disposition, "name"), file = parameter(disposition, "filename");
    if (!name) throw malformed("expected a name in each part");
    std::string content(body.substr(head_end + 4, end > head_end + 4 ? end - head_end - 4 : 0));
    if (file) {
      form.files.push_back({*file, std::move(content)});
    } else {
      form.fields.emplace_back(*name, std::move(content));
    }
    body.remove_prefix(end + next.size());
  }
  return form;
}

}  // namespace glow::tools
