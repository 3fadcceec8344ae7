#include <glow/io/npy.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include "io/array_bytes.h"
#include "io/errors.h"
#include "io/file_kind.h"
#include "io/npy_header.h"

namespace glow::io {
namespace {

/// The dictionary in the header of an .npy file.
struct NpyDictionary {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// A parser for the Python literals in a header such as {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }:
/// these three keys, in any order.
class HeaderParser {
 public:
  HeaderParser(const std::filesystem::path& path, std::string_view text) : path_(path), rest_(text) {}

  NpyDictionary parse() {
    NpyDictionary header;
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
    accept("L");  // a long integer of Python 2
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

  void parse_value(const std::string& key, NpyDictionary& header) {
    if (key == "descr") {
      if (accept("[")) fail("expected an array of numbers or booleans, its elements are records");
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

NpyDictionary parse_npy_dictionary(const std::filesystem::path& path, std::string_view text) {
  return HeaderParser(path, text).parse();
}

std::string format_npy_dictionary(const NpyDictionary& header) {
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

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::string_view kVersion1{"\x01\x00", 2};
constexpr std::string_view kVersion2{"\x02\x00", 2};
constexpr std::string_view kVersion3{"\x03\x00", 2};  // as 2, in UTF-8 instead of Latin-1

struct Dtype {
  std::string_view name;
  std::uint64_t size;
};

constexpr std::array<Dtype, 12> kDtypes = {{{"|b1", 1},
                                            {"|u1", 1},
                                            {"|i1", 1},
                                            {"<u2", 2},
                                            {"<i2", 2},
                                            {"<f2", 2},
                                            {"<u4", 4},
                                            {"<i4", 4},
                                            {"<f4", 4},
                                            {"<u8", 8},
                                            {"<i8", 8},
                                            {"<f8", 8}}};

/// Bytes of an element, 0 for an unsupported dtype.
std::uint64_t element_size(std::string_view name) {
  const auto* found = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& d) { return d.name == name; });
  return found == kDtypes.end() ? 0 : found->size;
}

/// One-byte types have no byte order, but some writers state one.
std::string without_byte_order(std::string descr) {
  if (descr.size() == 3 && descr[2] == '1') {
    descr[0] = '|';
  }
  return descr;
}

/// The text of the dictionary in a header, which ends with it.
std::string_view dictionary_text(const std::filesystem::path& path, std::string_view bytes) {
  const std::size_t length_start = kMagic.size() + kVersion1.size();
  if (!begins_as_npy(bytes)) throw other_kind(path, "an npy file", bytes);
  const std::string_view version = bytes.substr(kMagic.size(), kVersion1.size());
  if (version != kVersion1 && version != kVersion2 && version != kVersion3) {
    throw FormatError(path, "not of npy version 1.0, 2.0 or 3.0");
  }
  const std::string_view rest = bytes.substr(length_start);
  const std::size_t length_size = version == kVersion1 ? sizeof(std::uint16_t) : sizeof(std::uint32_t);
  if (rest.size() < length_size) {
    throw FormatError(path, "the npy header ends early");
  }
  const std::uint64_t length =
      version == kVersion1 ? read_little_endian<std::uint16_t>(rest) : read_little_endian<std::uint32_t>(rest);
  if (length > rest.size() - length_size) {
    throw FormatError(path, "the npy header ends early");
  }
  return rest.substr(length_size, length);
}

std::string array_text(const std::string& dtype, const std::vector<std::int64_t>& shape) {
  return "an array of dtype " + in_quotes(dtype) + " and shape " + to_text(shape);
}

/// Bytes of the array's data.
std::uint64_t size_to_write(const std::filesystem::path& path, const std::string& dtype,
                            const std::vector<std::int64_t>& shape) {
  const auto bytes = array_bytes(shape, element_size(dtype));
  if (element_size(dtype) == 0 || !bytes) throw FormatError(path, "cannot write " + array_text(dtype, shape));
  return *bytes;
}

/// The bytes before the data, padded to a multiple of 64 so that the data are aligned.
std::string npy_start(const std::filesystem::path& path, const NpyDictionary& header) {
  constexpr std::size_t kAlignment = 64;
  const std::string dictionary = format_npy_dictionary(header);
  const std::size_t before = kMagic.size() + kVersion1.size() + sizeof(std::uint16_t);
  const std::size_t padding = kAlignment - 1 - (before + dictionary.size()) % kAlignment;
  const std::string text = dictionary + std::string(padding, ' ') + '\n';
  if (text.size() > std::numeric_limits<std::uint16_t>::max()) {
    throw FormatError(path, "cannot write an array of " + std::to_string(header.shape.size()) + " dimensions");
  }
  const auto length = static_cast<std::uint16_t>(text.size());
  std::string start;
  start += kMagic;
  start += kVersion1;
  start += std::string_view(reinterpret_cast<const char*>(&length), sizeof length);
  start += text;
  return start;
}

}  // namespace

NpyHeader read_npy_header(const std::filesystem::path& path, std::string_view start, std::uint64_t file_size) {
  const std::string_view text = dictionary_text(path, start);
  NpyDictionary dictionary = parse_npy_dictionary(path, text);
  NpyHeader header{.dtype = without_byte_order(std::move(dictionary.descr)),
                   .shape = std::move(dictionary.shape),
                   .element_size = 0,
                   .size = static_cast<std::uint64_t>(text.data() + text.size() - start.data())};
  header.element_size = element_size(header.dtype);
  if (header.element_size == 0) {
    throw FormatError(
        path, "dtype " + in_quotes(header.dtype) + " is not supported: expected little-endian numbers or booleans");
  }
  if (dictionary.fortran_order) {
    throw FormatError(path, "the array is in Fortran order, expected C order");
  }
  if (array_bytes(header.shape, header.element_size) != file_size - header.size) {
    throw FormatError(path, "expected an array of dtype " + header.dtype + " and shape " + to_text(header.shape) +
                                ", found " + std::to_string(file_size - header.size) + " bytes");
  }
  return header;
}

NpyReader::NpyReader(const std::filesystem::path& path) : file_(path) {
  NpyHeader header = read_npy_header(path, file_.bytes(), file_.bytes().size());
  dtype_ = std::move(header.dtype);
  shape_ = std::move(header.shape);
  data_ = file_.bytes().substr(header.size);
}

NpyWriter::NpyWriter(const std::filesystem::path& path, const std::string& dtype,
                     const std::vector<std::int64_t>& shape)
    : path_(path), dtype_(dtype), shape_(shape), missing_(size_to_write(path, dtype, shape)), file_(path) {
  file_.write(npy_start(path, {.descr = dtype, .fortran_order = false, .shape = shape}));
}

void NpyWriter::write(std::string_view data) {
  if (data.size() > missing_) throw wrong_size(*array_bytes(shape_, element_size(dtype_)) - missing_ + data.size());
  // After a failed write the number of bytes in the file is unknown, so that `finish` must throw.
  const auto missing = std::exchange(missing_, std::numeric_limits<std::uint64_t>::max());
  file_.write(data);
  missing_ = missing - data.size();
}

void NpyWriter::finish() {
  if (missing_ > 0) throw wrong_size(*array_bytes(shape_, element_size(dtype_)) - missing_);
  file_.commit();
}

FormatError NpyWriter::wrong_size(std::uint64_t bytes) const {
  return FormatError(path_, "cannot write " + std::to_string(bytes) + " bytes as " + array_text(dtype_, shape_));
}

void write_npy(const std::filesystem::path& path, const std::string& dtype, const std::vector<std::int64_t>& shape,
               std::string_view data) {
  NpyWriter writer(path, dtype, shape);
  writer.write(data);
  writer.finish();
}

}  // namespace glow::io
