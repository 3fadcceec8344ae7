#include "io/npy_header.h"

#include <charconv>
#include <set>

#include "io/errors.h"

namespace glow::io {
namespace {

/// A parser for the part of Python's literals that such a header may use.
class HeaderParser {
 public:
  HeaderParser(const std::filesystem::path& path, std::string_view text) : path_(path), rest_(text) {}

  NpyHeader parse() {
    NpyHeader header;
    std::set<std::string, std::less<>> keys;
    expect("{");
    while (!accept("}")) {
      const std::string key = parse_string();
      if (!keys.insert(key).second) {
        fail("the key " + in_quotes(key) + " appears twice");
      }
      expect(":");
      parse_value(key, header);
      if (!accept(",")) {
        expect("}");
        break;
      }
    }
    skip_space();
    if (!rest_.empty()) {
      fail("text follows the closing brace");
    }
    if (keys.size() != 3) {
      fail("expected the keys descr, fortran_order and shape");
    }
    return header;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const { throw FormatError(path_, "npy header: " + problem); }

  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) {
      rest_.remove_prefix(1);
    }
  }

  bool accept(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) {
      return false;
    }
    rest_.remove_prefix(token.size());
    return true;
  }

  void expect(std::string_view token) {
    if (!accept(token)) {
      fail("expected " + in_quotes(token) + " before " + in_quotes(rest_.substr(0, 20)));
    }
  }

  std::string parse_string() {
    const bool is_double = accept("\"");
    if (!is_double) {
      expect("'");
    }
    const std::size_t length = rest_.find(is_double ? '"' : '\'');
    if (length == std::string_view::npos) {
      fail("a string has no end");
    }
    std::string value(rest_.substr(0, length));
    rest_.remove_prefix(length + 1);
    return value;
  }

  bool parse_bool() {
    if (accept("True")) {
      return true;
    }
    expect("False");
    return false;
  }

  std::int64_t parse_size() {
    skip_space();
    std::int64_t size = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
    if (error != std::errc{} || size < 0) {
      fail("expected a dimension before " + in_quotes(rest_.substr(0, 20)));
    }
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return size;
  }

  std::vector<std::int64_t> parse_shape() {
    std::vector<std::int64_t> shape;
    expect("(");
    while (!accept(")")) {
      shape.push_back(parse_size());
      if (!accept(",")) {
        expect(")");
        break;
      }
    }
    return shape;
  }

  void parse_value(const std::string& key, NpyHeader& header) {
    if (key == "descr") {
      header.descr = parse_string();
    } else if (key == "fortran_order") {
      header.fortran_order = parse_bool();
    } else if (key == "shape") {
      header.shape = parse_shape();
    } else {
      fail("unknown key " + in_quotes(key));
    }
  }

  const std::filesystem::path& path_;
  std::string_view rest_;
};

}  // namespace

NpyHeader parse_npy_header(const std::filesystem::path& path, std::string_view text) {
  return HeaderParser(path, text).parse();
}

std::string format_npy_header(const NpyHeader& header) {
  std::string shape;
  for (const std::int64_t size : header.shape) {
    shape += std::to_string(size) + (header.shape.size() == 1 ? "," : ", ");
  }
  if (header.shape.size() > 1) {
    shape.resize(shape.size() - 2);
  }
  return "{'descr': '" + header.descr + "', 'fortran_order': " + (header.fortran_order ? "True" : "False") +
         ", 'shape': (" + shape + "), }";
}

}  // namespace glow::io
