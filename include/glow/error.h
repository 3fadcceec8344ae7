#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)

namespace glow {

/// Base of the exceptions that this library throws. `what()` names the file or field, the expected value and the actual
/// one. It is one line; an error about several images has a line for each of them, the first twenty, after it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An option, or a combination of options, is invalid.
class ConfigError : public Error {
 public:
  /// An error without a field: about a combination of options, or about a data set.
  explicit ConfigError(const std::string& text) : Error(text) {}
  /// what() is "FIELD: TEXT"; TEXT alone when the field is empty.
  ConfigError(std::string_view field, std::string_view text);

  /// The name of the invalid option in its struct ("hidden_width"); empty when the error concerns several.
  std::string_view field() const noexcept { return std::string_view(what()).substr(0, field_size_); }
  /// what() without the field.
  std::string_view text() const noexcept { return what() + text_begin_; }

 private:
  std::size_t field_size_ = 0;
  std::size_t text_begin_ = 0;
};

/// A tensor has an invalid shape, dtype or device.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// The operating system reported an error: missing file, no permission, full disk.
class IoError : public Error {
 public:
  using Error::Error;
};

/// The content of a file violates its format.
class FormatError : public Error {
 public:
  /// For content whose file is unknown.
  explicit FormatError(const std::string& text) : Error(text) {}
  /// what() is "PATH: TEXT"; control characters of the path are replaced by question marks.
  FormatError(const std::filesystem::path& path, std::string_view text);

  /// The file; empty when it is unknown.
  const std::filesystem::path& path() const noexcept;
  /// what() without the path.
  std::string_view text() const noexcept { return what() + text_begin_; }

 private:
  std::size_t text_begin_ = 0;
  /// Shared, so that copying the exception does not throw.
  std::shared_ptr<const std::filesystem::path> path_;
};

/// A number is not finite, or a matrix is singular, in a computation that does not allow it.
class NumericalError : public Error {
 public:
  using Error::Error;
};

/// Another process of a run is lost, has failed, or did not connect.
class ProcessError : public Error {
 public:
  using Error::Error;
};

}  // namespace glow

#pragma GCC visibility pop
