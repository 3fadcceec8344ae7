#include <glow/error.h>

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include <glow/checks.h>
#include <glow/enum_names.h>

#include "support/throws.h"

namespace glow::error_test {
namespace {

using glow::testing::throws;

TEST(ConfigErrorTest, StoresTheField) {
  const ConfigError error("hidden_width", "expected 1 to 8, got 9");
  EXPECT_STREQ(error.what(), "hidden_width: expected 1 to 8, got 9");
  EXPECT_EQ(error.field(), "hidden_width");
  EXPECT_EQ(error.text(), "expected 1 to 8, got 9");
  const auto copy = error;
  EXPECT_EQ(copy.field(), "hidden_width");
}

TEST(ConfigErrorTest, FieldIsOptional) {
  for (const auto& error : {ConfigError("a: b"), ConfigError("", "a: b")}) {
    EXPECT_STREQ(error.what(), "a: b");
    EXPECT_EQ(error.field(), "");
    EXPECT_EQ(error.text(), "a: b");
  }
}

TEST(FormatErrorTest, StoresThePath) {
  const FormatError error(std::filesystem::path("a\nb.npy"), "not an npy file");
  EXPECT_STREQ(error.what(), "a?b.npy: not an npy file");
  const auto copy = error;
  EXPECT_EQ(copy.path(), "a\nb.npy");
  EXPECT_EQ(FormatError("not an npy file").path(), "");
}

template <class Check>
bool accepts(Check check) {
  try {
    check();
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.field(), "x");
    return false;
  }
  return true;
}

TEST(ChecksTest, RangesIncludeTheirBounds) {
  for (const std::int64_t value : {1, 8}) EXPECT_TRUE(accepts([&] { require_range("x", value, 1, 8); }));
  for (const std::int64_t value : {0, 9}) EXPECT_FALSE(accepts([&] { require_range("x", value, 1, 8); }));
  for (const double value : {0.0, 1.0}) EXPECT_TRUE(accepts([&] { require_range("x", value, 0, 1); }));
  EXPECT_TRUE(accepts([] { require_below("x", 0, 0, 1); }));
  EXPECT_FALSE(accepts([] { require_below("x", 1, 0, 1); }));
  EXPECT_TRUE(accepts([] { require_at_least("x", std::int64_t{1}, 1); }));
  EXPECT_FALSE(accepts([] { require_at_least("x", std::int64_t{0}, 1); }));
}

TEST(ChecksTest, RefuseNonFiniteValues) {
  for (const double value : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_FALSE(accepts([&] { require_range("x", value, 0, 1); }));
    EXPECT_FALSE(accepts([&] { require_at_least("x", value, 0); }));
    EXPECT_FALSE(accepts([&] { require_below("x", value, 0, 1); }));
  }
}

TEST(ChecksTest, StateExpectedAndActualValues) {
  EXPECT_TRUE(throws<ConfigError>([] { require_range("x", std::int64_t{9}, 1, 8); }, {"x: expected 1 to 8, got 9"}));
  EXPECT_TRUE(throws<ConfigError>([] { require_at_least("x", -0.5, 0); }, {"x: expected at least 0, got -0.5"}));
  EXPECT_TRUE(throws<ConfigError>([] { require_below("x", 1.5, 0, 1); }, {"at least 0 and below 1, got 1.5"}));
}

enum class Fruit { kApple, kPear };
constexpr EnumNames<Fruit, 2> enum_names(Fruit) {
  return {"fruit", {{{"apple", Fruit::kApple}, {"pear", Fruit::kPear}}}};
}

TEST(EnumNamesTest, RoundTripThroughText) {
  auto fruit = Fruit::kApple;
  from_string("pear", fruit);
  EXPECT_EQ(fruit, Fruit::kPear);
  EXPECT_EQ(to_string(fruit), "pear");
  EXPECT_TRUE(throws<ConfigError>([&] { from_string("plum", fruit); },
                                  {"fruit: unknown value 'plum', expected one of apple, pear"}));
}

}  // namespace
}  // namespace glow::error_test
