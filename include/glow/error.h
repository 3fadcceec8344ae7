#pragma once

#include <stdexcept>

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
  using Error::Error;
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
  using Error::Error;
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
