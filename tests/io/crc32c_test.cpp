#include "io/crc32c.h"

#include <string>

#include <gtest/gtest.h>

#include "support/tfrecord.h"

namespace glow::io::crc32c_test {
namespace {

TEST(Crc32c, EqualsPublishedValues) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  // RFC 3720, appendix B.4
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(Crc32c, EqualsTheBitwiseDefinitionAtEveryLength) {
  std::string bytes;
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(crc32c(bytes), glow::testing::slow_crc32c(bytes)) << i;
    bytes += static_cast<char>(i * 151 + 200);
  }
}

}  // namespace
}  // namespace glow::io::crc32c_test
