// What a model refuses: images in another range or of another dtype, densities to train on before `initialize`, devices
// and dtypes that it cannot have.

#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/nn/glow.h>
#include <glow/nn/model_file.h>

#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/reference.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::nn::input_checks_test {
namespace {

using glow::testing::close;
using glow::testing::fixture;
using glow::testing::random_images;
using glow::testing::random_model;
using glow::testing::small_options;
using glow::testing::some_labels;
using glow::testing::throws;

GlowOptions conditional() {
  auto options = small_options();
  options.num_classes = 2;
  return options;
}

using Call = std::function<void(const Glow&, const torch::Tensor&)>;

torch::Tensor two_labels(const Glow& model) { return some_labels(model->options(), 2); }

/// The functions whose input must be an image.
std::vector<std::pair<std::string, Call>> functions_of_images() {
  return {{"log_prob", [](const Glow& model, const torch::Tensor& x) { model->log_prob(x, two_labels(model)); }},
          {"by_class", [](const Glow& model, const torch::Tensor& x) { model->log_prob_by_class(x); }},
          {"marginal", [](const Glow& model, const torch::Tensor& x) { model->log_prob_marginal(x); }},
          {"encode", [](const Glow& model, const torch::Tensor& x) { model->encode(x, two_labels(model)); }}};
}

std::vector<std::pair<std::string, Call>> densities() {
  auto all = functions_of_images();
  all.emplace_back("evaluate",
                   [](const Glow& model, const torch::Tensor& x) { model->evaluate(x, two_labels(model)); });
  all.emplace_back("bits_per_dim", [](const Glow& model, const torch::Tensor& x) {
    model->bits_per_dim(model->quantizer().to_bytes(x), 0, two_labels(model));
  });
  return all;
}

struct Range {
  const char* name;
  double low, high;
  const char* seen;
};

class WrongRange : public ::testing::TestWithParam<Range> {};

TEST_P(WrongRange, IsRefusedWithTheWaysOut) {
  const auto options = conditional();
  const auto [name, low, high, seen] = GetParam();
  const auto x = torch::linspace(low, high, 2 * options.dimensions()).view({2, 1, 4, 8});
  auto model = random_model(options, 1, torch::kFloat);
  for (const auto& [function, call] : functions_of_images()) {
    SCOPED_TRACE(function);
    const torch::NoGradGuard no_grad;
    EXPECT_TRUE(throws<ConfigError>(
        [&, &call = call] { call(model, x); },
        {"images: expected values in [-1/2, 1/2), got ", seen, "bits_per_dim(bytes", "dequantize", "subtract 1/2"}));
  }
  EXPECT_TRUE(throws<ConfigError>([&] { model->initialize(x); }, {"images", seen}));
  // With a graph only the values of `initialize` are checked.
  EXPECT_NO_THROW(model->log_prob(x, two_labels(model)));
  const torch::NoGradGuard no_grad;
  EXPECT_NO_THROW(model->evaluate(x, two_labels(model)));
}

INSTANTIATE_TEST_SUITE_P(, WrongRange,
                         ::testing::Values(Range{"unit", 0, 1, "0 to 1;"}, Range{"symmetric", -1, 1, "-1 to 1;"},
                                           Range{"bytes", 0, 255, "0 to 255;"}, Range{"below", -0.51, 0, "-0.51 to 0;"},
                                           Range{"nan", NAN, NAN, "got NaN;"}),
                         [](const auto& test) { return test.param.name; });

TEST(InputChecks, AcceptTheWholeRangeUpToRounding) {
  const torch::NoGradGuard no_grad;
  const auto model = random_model(small_options());
  const auto bytes = torch::arange(32, torch::kLong).mul(255).floor_divide(31).to(torch::kByte).view({1, 1, 4, 8});
  const auto scaled = bytes.to(torch::kFloat) / 255 - 0.5;
  for (const auto& x : {scaled, scaled.to(torch::kHalf), scaled + 1e-6, model->quantizer().center(bytes)})
    EXPECT_NO_THROW(model->log_prob(x)) << x.dtype();
}

TEST(InputChecks, BytesInPlaceOfFloatsNameTheFunctionsForThem) {
  const auto model = random_model(conditional());
  for (const auto dtype : {torch::kByte, torch::kLong, torch::kInt, torch::kBool}) {
    const auto x = torch::zeros({2, 1, 4, 8}, dtype);
    for (const auto& [name, call] : functions_of_images()) {
      SCOPED_TRACE(name);
      EXPECT_TRUE(throws<ShapeError>(
          [&, &call = call] { call(model, x); },
          {"images: expected floating-point", c10::toString(dtype), "bits_per_dim(bytes", "dequantize"}));
    }
  }
}

TEST(InputChecks, DensitiesWithAGraphNeedAnInitializedModel) {
  for (const bool is_nice : {false, true}) {
    auto options = conditional();
    if (is_nice) {
      options = GlowOptions::of_family(Family::kNICE);
      options.channels = 1;
      options.height = 4;
      options.width = 8;
      options.hidden_width = 4;
      options.num_classes = 2;
    }
    Glow model(options);
    const auto x = random_images(options, 2, 1);
    for (const auto& [name, call] : densities()) {
      SCOPED_TRACE(name);
      const auto run = [&, &call = call] { call(model, x); };
      EXPECT_TRUE(throws<ConfigError>(run, {"the model is not initialised: call initialize(x)", "mark_initialized()"}));
      const torch::NoGradGuard no_grad;
      EXPECT_NO_THROW(run());
    }
    model->mark_initialized();
    for (const auto& [name, call] : densities()) EXPECT_NO_THROW(call(model, x)) << name;
  }
}

TEST(InputChecks, BitsPerDimOfBytesIsThatOfDequantizedImages) {
  const auto options = conditional();
  const auto bytes = torch::arange(64, torch::kByte).mul(3).view({2, 1, 4, 8});
  for (const auto dtype : {torch::kFloat, torch::kDouble}) {
    auto model = random_model(options, 1, dtype);
    const auto labels = two_labels(model);
    const auto bits = model->bits_per_dim(bytes, 7, labels, {.seed = 3});
    const auto x = model->quantizer().dequantize(bytes, 7, {.seed = 3, .dtype = dtype});
    EXPECT_TRUE(bits.equal(model->quantizer().bits_per_dim(model->log_prob(x, labels))));
    EXPECT_FALSE(bits.equal(model->bits_per_dim(bytes, 8, labels, {.seed = 3})));
    EXPECT_EQ(bits.scalar_type(), dtype);
    bits.mean().backward();
    EXPECT_GT(model->flat_parameters().gradients().abs().sum().item<double>(), 0);
    EXPECT_TRUE(throws<ShapeError>([&] { model->bits_per_dim(x, 7, labels); }, {"bytes: expected uint8", "got"}));
  }
}

TEST(InputChecks, ToRefusesDtypesThatWeightsCannotHave) {
  auto model = random_model(small_options(), 1, torch::kFloat);
  const auto before = model->flat_parameters().values().clone();
  for (const auto dtype : {torch::kHalf, torch::kBFloat16, torch::kLong}) {
    EXPECT_TRUE(throws<ConfigError>([&] { model->to(dtype); }, {"dtype", "float32 or float64", c10::toString(dtype)}));
    EXPECT_TRUE(throws<ConfigError>([&] { model->to(torch::kCPU, dtype); }, {"dtype", c10::toString(dtype)}));
  }
  EXPECT_TRUE(model->flat_parameters().values().equal(before));
}

TEST(InputChecks, NameADeviceThatLibTorchCannotUse) {
  auto model = random_model(small_options(), 1, torch::kFloat);
  const auto file = fixture("grey_lu_affine.model.safetensors");
  // Without a GPU the text is another one than with fewer than 100.
  for (const auto device : {torch::Device(torch::kCUDA, 99), torch::Device(torch::kXLA), torch::Device(torch::kMeta)}) {
    const auto name = device.str();
    EXPECT_TRUE(throws<ConfigError>([&] { load_model(file, device); }, {"device: " + name + ": "}));
    EXPECT_TRUE(throws<ConfigError>([&] { load_model("/missing", device); }, {"device: " + name + ": "}));
    EXPECT_TRUE(throws<ConfigError>([&] { model->to(device); }, {"device: " + name + ": "}));
    EXPECT_TRUE(throws<ConfigError>([&] { model->to(device, torch::kFloat); }, {"device: " + name + ": "}));
    EXPECT_TRUE(throws<ConfigError>([&] { model->clone(device); }, {"device: " + name + ": "}));
  }
  EXPECT_EQ(model->device(), torch::kCPU);
}

TEST(InputChecks, LatentsAreConvertedLevelByLevel) {
  const torch::NoGradGuard no_grad;
  const auto model = random_model(small_options(), 1, torch::kFloat);
  const auto latents = model->encode(random_images(small_options(), 2, 1));
  const auto doubles = latents.to(torch::kDouble);
  ASSERT_EQ(doubles.eps.size(), 2u);
  for (const auto& level : doubles.eps) EXPECT_EQ(level.scalar_type(), torch::kDouble);
  EXPECT_TRUE(flatten(doubles.to(torch::kFloat)).equal(flatten(latents)));
}

}  // namespace
}  // namespace glow::nn::input_checks_test
