#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/files.h"

namespace glow::testing::pickles {

// Pickles of protocol 2 as Python 2 and numpy write them, but without the unused entries of the memo.

inline std::string string(std::string_view text) {
  if (text.size() < 256) return 'U' + little_endian(text.size(), 1) + std::string(text);
  return 'T' + little_endian(text.size(), 4) + std::string(text);
}

inline std::string integer(std::int64_t value) {
  if (value >= 0 && value < 256) return 'K' + little_endian(static_cast<std::uint64_t>(value), 1);
  if (value >= 0 && value < 65536) return 'M' + little_endian(static_cast<std::uint64_t>(value), 2);
  return 'J' + little_endian(static_cast<std::uint64_t>(value), 4);
}

inline std::string join(const std::vector<std::string>& items) {
  std::string all;
  for (const std::string& item : items) all += item;
  return all;
}

inline std::string repeat(std::string_view item, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += item;
  return all;
}

inline std::string list(const std::vector<std::string>& items) { return "](" + join(items) + 'e'; }

inline std::string strings(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  for (const std::string& text : texts) items.push_back(string(text));
  return list(items);
}

inline std::string integers(const std::vector<std::int64_t>& values) {
  std::vector<std::string> items;
  for (const std::int64_t value : values) items.push_back(integer(value));
  return list(items);
}

/// The texts in an array's pickle that tests change.
struct ArrayTexts {
  std::string dtype = "u1";
  /// False in C order.
  std::string is_fortran_order = "\x89";
};

inline std::string array(const std::string& shape, std::string_view bytes, const ArrayTexts& texts = {}) {
  return "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK" + std::string(1, '\0') + "\x85U\x01" +
         "b\x87R(K\x01" + shape + "cnumpy\ndtype\n" + string(texts.dtype) + "K" + std::string(1, '\0') +
         "K\x01\x87R(K\x03U\x01|NNN" + "J\xff\xff\xff\xffJ\xff\xff\xff\xffK" + std::string(1, '\0') + "tb" +
         texts.is_fortran_order + string(bytes) + "tb";
}

/// An array of shape [rows, columns].
inline std::string array(std::int64_t rows, std::int64_t columns, std::string_view bytes,
                         const ArrayTexts& texts = {}) {
  return array(integer(rows) + integer(columns) + "\x86", bytes, texts);
}

/// The whole file of one object.
inline std::string file(const std::string& object) { return "\x80\x02" + object + '.'; }

/// The whole file of a dictionary.
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string all;
  for (const auto& [key, value] : items) all += string(key) + value;
  return file("}(" + all + 'u');
}

}  // namespace glow::testing::pickles
