#pragma once

#include <cstddef>
#include <exception>
#include <initializer_list>
#include <string>
#include <string_view>
#include <typeinfo>

#include <gtest/gtest.h>

namespace glow::testing {

/// Whether `call` throws exactly `Exception` with a message that contains all of `parts`. It has one line, or
/// indented lines after it.
/// EXPECT_TRUE(throws<FormatError>([&] { read_idx(path); }, {path.string(), "not an idx file"}));
template <typename Exception, typename Call>
::testing::AssertionResult throws(Call call, std::initializer_list<std::string_view> parts) {
  try {
    call();
  } catch (const std::exception& error) {
    const std::string message = error.what();
    if (typeid(error) != typeid(Exception)) {
      return ::testing::AssertionFailure() << "threw another exception: " << message;
    }
    for (std::size_t end = message.find('\n'); end != std::string::npos; end = message.find('\n', end + 1)) {
      if (message.compare(end + 1, 2, "  ") != 0)
        return ::testing::AssertionFailure() << "a line of the message is not one of a list: " << message;
    }
    for (const std::string_view part : parts) {
      if (message.find(part) == std::string::npos) {
        return ::testing::AssertionFailure() << "expected \"" << part << "\" in the message: " << message;
      }
    }
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << "threw nothing";
}

}  // namespace glow::testing
