#include "io/digest.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <glow/io/base64.h>

namespace glow::io::digest_test {
namespace {

struct Vector {
  std::string message;
  std::string digest;
};

class PublishedTestVectors : public ::testing::TestWithParam<Vector> {};

TEST_P(PublishedTestVectors, MatchTheirDigests) {
  Sha256 sha256;
  sha256.update(GetParam().message);
  EXPECT_EQ(sha256.hex_digest(), GetParam().digest);
}

// NIST's examples for FIPS 180-4, and the empty message.
INSTANTIATE_TEST_SUITE_P(
    Sha256, PublishedTestVectors,
    ::testing::Values(Vector{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                      Vector{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
                      Vector{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
                      Vector{std::string(1'000'000, 'a'),
                             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}));

TEST(Sha256, DoesNotDependOnTheSizesOfTheUpdates) {
  const std::string message(200, 'x');
  Sha256 whole;
  whole.update(message);
  Sha256 pieces;
  for (std::size_t start = 0, size = 0; start < message.size(); start += size++) {
    pieces.update(std::string_view(message).substr(start, size));
  }
  EXPECT_EQ(pieces.hex_digest(), whole.hex_digest());
}

TEST(Base64, MatchesTheVectorsOfTheStandard) {
  // RFC 4648, section 10.
  for (const auto& [bytes, text] :
       {std::pair{"", ""}, std::pair{"f", "Zg=="}, std::pair{"fo", "Zm8="}, std::pair{"foo", "Zm9v"},
        std::pair{"foob", "Zm9vYg=="}, std::pair{"fooba", "Zm9vYmE="}, std::pair{"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(base64(bytes), text);
  }
  EXPECT_EQ(base64(std::string("\x00\xff\xfb\x0a", 4)), "AP/7Cg==");
}

TEST(Base64, IsOneLineForAnyLength) { EXPECT_EQ(base64(std::string(300, '\0')), std::string(400, 'A')); }

}  // namespace
}  // namespace glow::io::digest_test
