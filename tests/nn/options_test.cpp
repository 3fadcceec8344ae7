#include <glow/nn/options.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/error.h>
#include <glow/nn/glow.h>
#include <glow/nn/model_file.h>

#include "support/model_cases.h"
#include "support/throws.h"

namespace glow::nn::options_test {
namespace {

using glow::testing::every_combination;
using glow::testing::kCaseName;
using glow::testing::other_families;
using glow::testing::other_shapes;
using glow::testing::small_options;
using glow::testing::throws;
using Json = nlohmann::json;

class GlowOptionsTest : public ::testing::TestWithParam<GlowOptions> {};

TEST_P(GlowOptionsTest, RoundTripThroughJson) { EXPECT_EQ(glow_options_from_json(to_json(GetParam())), GetParam()); }

TEST_P(GlowOptionsTest, ParameterCountMatchesTheModel) {
  const Glow model(GetParam(), GlowImpl::WithoutWeights{});
  std::int64_t count = 0;
  for (const auto& parameter : model->parameters()) count += parameter.numel();
  EXPECT_EQ(parameter_count(GetParam()), count);
}

TEST_P(GlowOptionsTest, LatentsHaveAsManyElementsAsTheImage) {
  std::int64_t count = 0;
  for (std::int64_t l = 0; l < GetParam().levels; ++l) {
    const auto shape = latent_shape(GetParam(), l);
    count += shape.channels * shape.height * shape.width;
  }
  EXPECT_EQ(count, GetParam().dimensions());
}

INSTANTIATE_TEST_SUITE_P(Combinations, GlowOptionsTest, ::testing::ValuesIn(every_combination(small_options())),
                         kCaseName);
INSTANTIATE_TEST_SUITE_P(OtherShapes, GlowOptionsTest, ::testing::ValuesIn(other_shapes()), kCaseName);
INSTANTIATE_TEST_SUITE_P(OtherFamilies, GlowOptionsTest, ::testing::ValuesIn(other_families()), kCaseName);

TEST(GlowOptionsJsonTest, HasTheDocumentedKeys) {
  const auto json = Json::parse(to_json({.bits = 5, .permutation = PermutationKind::kLU}));
  EXPECT_EQ(json, Json::parse(R"({"format_version": 1, "family": "glow", "channels": 3, "height": 32, "width": 32,
    "bits": 5, "levels": 3, "depth": 32, "hidden_width": 512, "permutation": "lu", "coupling": "affine",
    "edge_bias": true, "learn_top": true, "num_classes": 0})"));
  EXPECT_EQ(Json::parse(to_json(GlowOptions::of_family(Family::kRealNVP))),
            Json::parse(R"({"format_version": 1, "family": "realnvp", "channels": 3, "height": 32, "width": 32,
    "bits": 8, "levels": 2, "hidden_width": 64, "num_classes": 0, "residual_blocks": 8})"));
  EXPECT_EQ(Json::parse(to_json(GlowOptions::of_family(Family::kNICE))),
            Json::parse(R"({"format_version": 1, "family": "nice", "channels": 3, "height": 32, "width": 32,
    "bits": 8, "depth": 4, "hidden_width": 512, "num_classes": 0, "network": "convolutional", "hidden_layers": 5,
    "prior": "gaussian"})"));
}

TEST(ParameterCountTest, EqualsThePublishedCount) {
  // CIFAR-10, L3 K32, affine: "44 M".
  EXPECT_EQ(parameter_count({}), 44'520'660);
}

GlowOptions changed(Family family, void (*change)(GlowOptions&)) {
  auto options = GlowOptions::of_family(family);
  change(options);
  return options;
}

TEST(FamilyTest, RefusesFieldsOfOtherFamilies) {
  const auto refused = [](Family family, void (*change)(GlowOptions&), std::initializer_list<std::string_view> words) {
    const auto options = changed(family, change);
    return throws<ConfigError>([&] { options.validate(); }, words);
  };
  EXPECT_TRUE(refused(Family::kNICE, [](GlowOptions& o) { o.levels = 2; }, {"levels: the family nice", "2"}));
  EXPECT_TRUE(refused(Family::kRealNVP, [](GlowOptions& o) { o.coupling = CouplingKind::kAdditive; },
                      {"coupling: the family realnvp", "additive"}));
  EXPECT_TRUE(
      refused(Family::kGlow, [](GlowOptions& o) { o.residual_blocks = 3; }, {"residual_blocks: the family glow", "3"}));
  EXPECT_TRUE(
      refused(Family::kRealNVP, [](GlowOptions& o) { o.hidden_width = 1 << 16; }, {"hidden_width", "1 to 32768"}));
  EXPECT_TRUE(refused(Family::kNICE,
                      [](GlowOptions& o) {
                        o.network = NetworkKind::kDense;
                        o.height = o.width = 1024;
                      },
                      {"network: a dense network", "1048576", "3145728"}));
}

struct BadField {
  const char* name;
  GlowOptions options;
  const char* expected;
  const char* seen;
};

class GlowOptionsErrors : public ::testing::TestWithParam<BadField> {};

TEST_P(GlowOptionsErrors, NameTheField) {
  const auto& bad = GetParam();
  EXPECT_TRUE(throws<ConfigError>([&] { bad.options.validate(); }, {bad.name, bad.expected, bad.seen}));
  EXPECT_TRUE(throws<ConfigError>([&] { Glow{bad.options}; }, {bad.name}));
  EXPECT_TRUE(throws<ConfigError>([&] { glow_options_from_json(to_json(bad.options)); }, {bad.name}));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, GlowOptionsErrors,
    ::testing::Values(
        BadField{"channels", {.channels = 0}, "1 to ", "0"}, BadField{"channels", {.channels = -3}, "1 to ", "-3"},
        BadField{"channels", {.channels = std::int64_t{1} << 62}, "1 to ", "4611686018427387904"},
        BadField{"height", {.height = 0}, "1 to ", "0"}, BadField{"height", {.height = -8}, "1 to ", "-8"},
        BadField{"height", {.height = 28}, "multiple of 8", "28"}, BadField{"width", {.width = 0}, "1 to ", "0"},
        BadField{"width", {.width = 36}, "multiple of 8", "36"},
        BadField{"width", {.width = 1 << 30}, "1 to ", "1073741824"}, BadField{"bits", {.bits = 0}, "1 to 8", "0"},
        BadField{"bits", {.bits = 9}, "1 to 8", "9"}, BadField{"levels", {.levels = 0}, "1 to ", "0"},
        BadField{"levels", {.levels = 64}, "1 to ", "64"}, BadField{"depth", {.depth = 0}, "1 to ", "0"},
        BadField{"depth", {.depth = -1}, "1 to ", "-1"}, BadField{"hidden_width", {.hidden_width = 0}, "1 to ", "0"},
        BadField{"num_classes", {.num_classes = -1}, "0 to ", "-1"}));

class GlowConfigErrors : public ::testing::Test {
 protected:
  template <class Change>
  auto reading(Change&& change) {
    Json json = Json::parse(to_json(small_options()));
    change(json);
    return [text = json.dump()] { glow_options_from_json(text); };
  }
};

TEST_F(GlowConfigErrors, NameTheKey) {
  EXPECT_TRUE(
      throws<FormatError>(reading([](Json& json) { json["learn_bottom"] = 1; }), {"unknown key", "learn_bottom"}));
  const auto whole = Json::parse(to_json(small_options()));
  for (const auto& [key, value] : whole.items()) {
    const auto name = "'" + key + "'";
    EXPECT_TRUE(throws<FormatError>(reading([&key = key](Json& json) { json.erase(key); }),
                                    {"glow.config", "missing key", name}));
    EXPECT_TRUE(
        throws<FormatError>(reading([&key = key](Json& json) { json[key] = nullptr; }), {"wrong type", name, "null"}));
    EXPECT_TRUE(
        throws<FormatError>(reading([&key = key](Json& json) { json[key] = 2.5; }), {"wrong type", name, "2.5"}));
  }
}

TEST_F(GlowConfigErrors, RefuseUnknownVersionOrFamily) {
  EXPECT_TRUE(
      throws<FormatError>(reading([](Json& json) { json["format_version"] = 2; }), {"format_version 2", "reads 1"}));
  EXPECT_TRUE(throws<FormatError>(reading([](Json& json) { json["family"] = "maf"; }),
                                  {"family 'maf'", "glow, realnvp, nice"}));
}

TEST_F(GlowConfigErrors, RefuseKeyOfAnotherFamily) {
  EXPECT_TRUE(throws<FormatError>(reading([](Json& json) { json["prior"] = "gaussian"; }), {"unknown key", "prior"}));
  EXPECT_TRUE(throws<FormatError>(reading([](Json& json) { json["family"] = "nice"; }), {"missing key"}));
}

TEST_F(GlowConfigErrors, ListTheValidEnumNames) {
  EXPECT_TRUE(throws<ConfigError>(reading([](Json& json) { json["permutation"] = "conv"; }),
                                  {"permutation", "'conv'", "reverse, shuffle, conv1x1, lu"}));
  EXPECT_TRUE(throws<ConfigError>(reading([](Json& json) { json["coupling"] = "Affine"; }),
                                  {"coupling", "'Affine'", "additive, affine"}));
}

TEST_F(GlowConfigErrors, RefuseNumbersBeyondInt64) {
  EXPECT_TRUE(throws<ConfigError>(reading([](Json& json) { json["depth"] = std::uint64_t{1} << 63; }), {"depth"}));
  EXPECT_TRUE(throws<ConfigError>(reading([](Json& json) { json["depth"] = ~std::uint64_t{0}; }), {"depth"}));
}

TEST_F(GlowConfigErrors, RefuseTextThatIsNotAJsonObject) {
  for (const char* text : {"", "{", "[]", "1", "null", "{\"a\":1}x"}) {
    EXPECT_TRUE(throws<FormatError>([&] { glow_options_from_json(text); }, {"glow.config", "not a JSON object"}))
        << text;
  }
  const std::string text_behind = to_json(small_options()) + std::string("\0x", 2);
  EXPECT_TRUE(throws<FormatError>([&] { glow_options_from_json(text_behind); }, {"not a JSON object"}));
}

TEST_F(GlowConfigErrors, RefuseDeepNesting) {
  constexpr std::size_t kDepth = 200'000;
  std::string text = "{\"depth\":";
  text.append(kDepth, '[').append(kDepth, ']').append("}");
  EXPECT_TRUE(throws<FormatError>([&] { glow_options_from_json(text); }, {"glow.config", "an array or an object"}));
}

TEST_F(GlowConfigErrors, FitOnOneLine) {
  for (const char* key : {"family", "permutation"}) {
    EXPECT_TRUE(throws<FormatError>(reading([&](Json& json) { json[key] = "a\nb"; }), {"glow.config", "\"a\\nb\""}));
  }
  EXPECT_TRUE(throws<FormatError>(reading([](Json& json) { json["a\nb"] = 1; }), {"glow.config", "\"a\\nb\""}));
}

}  // namespace
}  // namespace glow::nn::options_test
