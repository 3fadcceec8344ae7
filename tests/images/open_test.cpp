#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/images/source.h>

#include "support/throws.h"

namespace glow::images::open_test {
namespace {

using glow::testing::throws;

struct BadSpecification {
  const char* specification;
  const char* expected;
};

constexpr const char* kAllUsages =
    "fashion-mnist[:DIR], cifar10:PATH, cifar100:PATH, folder:PATH, lmdb:PATH, npy:PATH, npz:PATH or tfrecord:PATH";

class OpenErrors : public ::testing::TestWithParam<BadSpecification> {};

TEST_P(OpenErrors, QuoteTheSpecificationAndItsUsage) {
  const std::string quoted = std::string("\"") + GetParam().specification + "\"";
  EXPECT_TRUE(throws<ConfigError>([&] { open_data_set(GetParam().specification); }, {quoted, GetParam().expected}));
}

INSTANTIATE_TEST_SUITE_P(Specifications, OpenErrors,
                         ::testing::Values(BadSpecification{"", kAllUsages},
                                           BadSpecification{"imagenet:/data", kAllUsages},
                                           BadSpecification{"folder", "folder:PATH"},
                                           BadSpecification{"npy:", "npy:PATH"},
                                           BadSpecification{"cifar10", "cifar10:PATH"},
                                           BadSpecification{"fashion-mnist:", "fashion-mnist[:DIR]"}));

class MissingDirectory : public ::testing::TestWithParam<const char*> {};

TEST_P(MissingDirectory, ErrorNamesThePath) {
  EXPECT_TRUE(throws<IoError>([] { open_data_set(std::string(GetParam()) + ":/no/such/place"); },
                              {"/no/such/place", "No such file or directory"}));
}

INSTANTIATE_TEST_SUITE_P(Kinds, MissingDirectory,
                         ::testing::Values("fashion-mnist", "cifar10", "cifar100", "folder", "lmdb", "npy", "npz",
                                           "tfrecord"));

class OneFile : public ::testing::TestWithParam<const char*> {};

TEST_P(OneFile, RefusesSkipCorrupt) {
  const auto specification = std::string(GetParam()) + ":/no/such/place";
  EXPECT_TRUE(throws<ConfigError>([&] { open_data_set(specification, {.skip_corrupt = true}); },
                                  {"skip_corrupt: expected folder:PATH", specification}));
}

INSTANTIATE_TEST_SUITE_P(Kinds, OneFile,
                         ::testing::Values("fashion-mnist", "cifar10", "cifar100", "lmdb", "npy", "npz", "tfrecord"));

TEST(SourceKindsTest, AreDescribedAndFoundByTheirNames) {
  for (const auto& kind : source_kinds()) {
    EXPECT_NE(describe_source_kinds().find(kind.usage + " (" + kind.description + ")"), std::string::npos);
    const auto [found, path] = parse_specification(kind.name + ":a:b");
    EXPECT_EQ(found, &kind);
    EXPECT_EQ(path, "a:b");
    EXPECT_EQ(parse_specification(kind.name).path, kind.default_path);
  }
  EXPECT_EQ(parse_specification("imagenet:/data").kind, nullptr);
}

TEST(OpenTest, ErrorsNameTheFieldOfTheCaller) {
  EXPECT_TRUE(throws<ConfigError>([] { open_data_set("imagenet", {.field = "ood"}); }, {"ood: data set \"imagenet\""}));
  EXPECT_TRUE(throws<ConfigError>([] { open_data_set("npy:a", {.skip_corrupt = true, .field = "ood"}); },
                                  {"skip_corrupt: expected"}));
}

}  // namespace
}  // namespace glow::images::open_test
