#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace glow {

/// Every exception this library throws on purpose. `what()` is one line that names the file or field, what was
/// expected and what was seen.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An option, or a combination of options, that cannot work.
class ConfigError : public Error {
 public:
  /// Of a combination of options or of a data set, without a field.
  explicit ConfigError(const std::string& text) : Error(text) {}
  /// what() is "FIELD: TEXT"; TEXT alone when the field is empty.
  ConfigError(std::string_view field, std::string_view text);

  /// The option that is wrong, as its struct calls it ("hidden_width"); empty when it is not one alone.
  std::string_view field() const noexcept { return std::string_view(what()).substr(0, field_size_); }
  /// what() without the field.
  std::string_view text() const noexcept { return what() + text_begin_; }

 private:
  std::size_t field_size_ = 0;
  std::size_t text_begin_ = 0;
};

/// A tensor whose shape, dtype or device does not fit.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// The operating system refused: missing file, no permission, full disk.
class IoError : public Error {
 public:
  using Error::Error;
};

/// A file was read but its content is not what its format promises.
class FormatError : public Error {
 public:
  /// Of content whose file is not known.
  explicit FormatError(const std::string& text) : Error(text) {}
  /// what() is "PATH: TEXT", in which control characters of the path are question marks.
  FormatError(const std::filesystem::path& path, std::string_view text);

  /// The file; empty when it is not known.
  const std::filesystem::path& path() const noexcept;

 private:
  /// Shared, so that copies of the exception do not throw.
  std::shared_ptr<const std::filesystem::path> path_;
};

/// A number became non-finite, or a matrix singular, where the mathematics needs it not to be.
class NumericalError : public Error {
 public:
  using Error::Error;
};

/// Another process of a run is lost, failed, or did not come.
class ProcessError : public Error {
 public:
  using Error::Error;
};

}  // namespace glow
