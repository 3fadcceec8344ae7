#include "io/base64.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace glow::io::base64_test {
namespace {

TEST(Base64, IsThatOfTheStandard) {
  // RFC 4648, section 10.
  for (const auto& [bytes, text] :
       {std::pair{"", ""}, std::pair{"f", "Zg=="}, std::pair{"fo", "Zm8="}, std::pair{"foo", "Zm9v"},
        std::pair{"foob", "Zm9vYg=="}, std::pair{"fooba", "Zm9vYmE="}, std::pair{"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(base64(bytes), text);
  }
  EXPECT_EQ(base64(std::string("\x00\xff\xfb\x0a", 4)), "AP/7Cg==");
}

TEST(Base64, IsOneLineHoweverLong) { EXPECT_EQ(base64(std::string(300, '\0')), std::string(400, 'A')); }

}  // namespace
}  // namespace glow::io::base64_test
