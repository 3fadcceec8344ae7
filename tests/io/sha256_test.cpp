#include <glow/io/sha256.h>

#include <string>

#include <gtest/gtest.h>

namespace glow::io::sha256_test {
namespace {

struct Vector {
  std::string message;
  std::string digest;
};

class PublishedVectors : public ::testing::TestWithParam<Vector> {};

TEST_P(PublishedVectors, Agree) {
  Sha256 sha256;
  sha256.update(GetParam().message);
  EXPECT_EQ(sha256.hex_digest(), GetParam().digest);
}

// NIST's examples for FIPS 180-4, the message of no bytes added.
INSTANTIATE_TEST_SUITE_P(
    Sha256, PublishedVectors,
    ::testing::Values(Vector{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                      Vector{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
                      Vector{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
                      Vector{std::string(1'000'000, 'a'),
                             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}));

TEST(Sha256, DoesNotDependOnThePieces) {
  const std::string message(200, 'x');
  Sha256 whole;
  whole.update(message);
  Sha256 pieces;
  for (std::size_t start = 0, size = 0; start < message.size(); start += size++) {
    pieces.update(std::string_view(message).substr(start, size));
  }
  EXPECT_EQ(pieces.hex_digest(), whole.hex_digest());
}

}  // namespace
}  // namespace glow::io::sha256_test
