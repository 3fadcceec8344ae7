#include <string>

#include <gtest/gtest.h>

#include <glow/data/source.h>
#include <glow/error.h>

#include "support/throws.h"

namespace glow::data::open_test {
namespace {

using glow::testing::throws;

struct BadSpecification {
  const char* specification;
  const char* expected;
};

class OpenErrors : public ::testing::TestWithParam<BadSpecification> {};

TEST_P(OpenErrors, QuoteTheSpecificationAndShowHowItIsWritten) {
  const std::string quoted = std::string("\"") + GetParam().specification + "\"";
  EXPECT_TRUE(throws<ConfigError>([&] { open_data_set(GetParam().specification); }, {quoted, GetParam().expected}));
}

INSTANTIATE_TEST_SUITE_P(
    Specifications, OpenErrors,
    ::testing::Values(BadSpecification{"", "fashion-mnist[:DIR], cifar10:DIR, folder:DIR or npy:FILE"},
                      BadSpecification{"imagenet:/data", "fashion-mnist[:DIR], cifar10:DIR, folder:DIR or npy:FILE"},
                      BadSpecification{"folder", "folder:DIR"}, BadSpecification{"npy:", "npy:FILE"},
                      BadSpecification{"cifar10", "cifar10:DIR"},
                      BadSpecification{"fashion-mnist:", "fashion-mnist[:DIR]"}));

class MissingDirectory : public ::testing::TestWithParam<const char*> {};

TEST_P(MissingDirectory, IsNamed) {
  EXPECT_TRUE(throws<IoError>([] { open_data_set(std::string(GetParam()) + ":/no/such/place"); },
                              {"/no/such/place", "No such file or directory"}));
}

INSTANTIATE_TEST_SUITE_P(Kinds, MissingDirectory, ::testing::Values("fashion-mnist", "cifar10", "folder", "npy"));

class OneFile : public ::testing::TestWithParam<const char*> {};

TEST_P(OneFile, HasNoImagesToLeaveOut) {
  const auto specification = std::string(GetParam()) + ":/no/such/place";
  EXPECT_TRUE(throws<ConfigError>([&] { open_data_set(specification, {.skip_corrupt = true}); },
                                  {"skip_corrupt: expected folder:DIR", specification}));
}

INSTANTIATE_TEST_SUITE_P(Kinds, OneFile, ::testing::Values("fashion-mnist", "cifar10", "npy"));

}  // namespace
}  // namespace glow::data::open_test
