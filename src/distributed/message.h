#pragma once

#include <exception>
#include <string>

#include <c10/util/Exception.h>

namespace glow::distributed {

/// The first line of the message of an exception of LibTorch or another library, without a backtrace.
inline std::string message_of(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  const std::string text = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

}  // namespace glow::distributed
