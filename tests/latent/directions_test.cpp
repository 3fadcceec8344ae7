#include <glow/latent/directions.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/io/safetensors.h>
#include <glow/latent/arrange.h>
#include <glow/nn/glow.h>

#include "nn/tensor_bytes.h"
#include "support/files.h"
#include "support/latents.h"
#include "support/random_weights.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::latent::directions_test {
namespace {

using glow::testing::close;
using glow::testing::equal;
using glow::testing::random_latents;
using glow::testing::random_normal;
using glow::testing::small_options;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

const std::string kModel(64, 'a');

double cosine(const torch::Tensor& one, const torch::Tensor& other) {
  return (one.to(torch::kDouble) * other).sum().item<double>() /
         (one.to(torch::kDouble).norm() * other.norm()).item<double>();
}

/// 1 for every `step`-th image, 0 for the others: [count, 1].
torch::Tensor every(std::int64_t step, std::int64_t count) {
  return torch::arange(count, torch::kLong).remainder(step).eq(0).to(torch::kLong).unsqueeze(1);
}

Directions directions_of(const nn::Latents& latents, const torch::Tensor& has, std::vector<std::string> names,
                         std::int64_t batch = 64) {
  DirectionAccumulator accumulator(std::move(names));
  for (std::int64_t first = 0; first < count(latents); first += batch) {
    const auto size = std::min(batch, count(latents) - first);
    accumulator.add(narrow(latents, first, size), has.narrow(0, first, size));
  }
  return accumulator.finish();
}

TEST(Directions, FindsOverlappingPlantedDirections) {
  const std::int64_t images = 3000;
  const auto has = at::cat({every(2, images), every(3, images)}, 1);
  const auto planted = random_normal({2, 96}, 5) * 0.5;
  const auto rows = random_normal({images, 96}, 6) + at::mm(has.to(torch::kDouble), planted);
  const auto found = directions_of(nn::unflatten(rows.to(torch::kFloat), small_options(3)), has, {"a", "b"});
  EXPECT_GT(cosine(found.vector("a"), planted[0]), 0.99);
  EXPECT_GT(cosine(found.vector("b"), planted[1]), 0.99);
  EXPECT_LT(std::abs(cosine(found.vector("a"), planted[1])), 0.5);
  EXPECT_EQ(found.counts[1][0].item<std::int64_t>(), 1000);
  EXPECT_EQ(found.counts[1][1].item<std::int64_t>(), 2000);
}

TEST(Directions, FindsAPlantedDirectionThroughImages) {
  const torch::NoGradGuard no_grad;
  const auto model = glow::testing::random_model(small_options(3), 1, torch::kFloat);
  const std::int64_t images = 1000;
  const auto has = every(2, images);
  const auto planted = random_normal({1, 96}, 5);
  // The latents are small and the images are moved to the middle of the pixel range, because bytes clamp other values.
  const auto rows = (random_normal({images, 96}, 6) + at::mm(has.to(torch::kDouble), planted)) * 0.05;
  const auto pictures = model->decode(nn::unflatten(rows.to(torch::kFloat), small_options(3)));
  const auto middle = pictures.mean(0, /*keepdim=*/true);
  const auto bytes = model->quantizer().to_bytes((pictures - middle).clamp(-0.5, 0.499));
  const auto latents = model->evaluate(model->quantizer().center(bytes) + middle).latents;
  const auto found = directions_of(latents, has, {"planted"});
  EXPECT_GT(cosine(found.vector("planted"), planted[0]), 0.99);
}

TEST(Directions, AreDifferencesOfMeansForAnyBatchSize) {
  const auto latents = random_latents(20, 1);
  const auto rows = nn::flatten(latents).to(torch::kDouble);
  auto has = every(3, 20);
  has[4] = -1;
  has[6] = -1;
  const auto mean = [&](std::int64_t wanted) { return rows.index({has.flatten().eq(wanted)}).mean(0); };
  for (const std::int64_t batch : {1, 3, 20}) {
    const auto found = directions_of(latents, has.to(batch == 3 ? torch::kChar : torch::kLong), {"a"}, batch);
    EXPECT_TRUE(close(found.vectors[0], mean(1) - mean(0), 1e-6));
    EXPECT_TRUE(found.counts.equal(torch::tensor({{6, 12}}, torch::kLong)));
  }
}

TEST(Directions, ExcludesAttributesThatAllOrNoImagesHave) {
  const auto some = every(2, 6), all = torch::ones({6, 1}, torch::kLong);
  DirectionAccumulator accumulator({"all", "some", "none"});
  accumulator.add(random_latents(6, 1), at::cat({all, some, all * 0}, 1));
  EXPECT_EQ(accumulator.finish().names, std::vector<std::string>{"some"});
  EXPECT_EQ(accumulator.one_sided(), (std::vector<std::string>{"all", "none"}));
  DirectionAccumulator useless({"all"});
  useless.add(random_latents(6, 1), all);
  EXPECT_TRUE(throws<ConfigError>([&] { useless.finish(); }, {"no attribute"}));
}

TEST(Directions, MoveByZeroIsTheIdentityAndOppositeMovesCancel) {
  const auto images = random_latents(3, 1, torch::kDouble);
  const auto direction = random_normal({96}, 2);
  EXPECT_TRUE(equal(move(images, direction, 0), images));
  EXPECT_FALSE(equal(move(images, direction, 0.5), images));
  EXPECT_TRUE(
      close(nn::flatten(move(images, direction, 2)) - nn::flatten(images), (direction * 2).expand({3, 96}), 1e-12));
  EXPECT_TRUE(close(nn::flatten(move(move(images, direction, 1.5), direction, -1.5)), nn::flatten(images), 1e-12));
}

class DirectionsFile : public ::testing::Test {
 protected:
  /// Writes a file with other tensors or metadata.
  void put_file(io::Metadata metadata, const torch::Tensor& vectors, const torch::Tensor& counts) const {
    nn::TensorBytes tensors;
    tensors.add("directions", vectors);
    tensors.add("counts", counts);
    io::write_safetensors(path_, std::move(metadata), tensors.entries());
  }
  ::testing::AssertionResult refused(std::initializer_list<std::string_view> parts) const {
    return throws<FormatError>([&] { load_directions(path_, small_options(3), kModel); }, parts);
  }

  TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "directions.safetensors";
  const io::Metadata good_{{"format", "glow-directions"}, {"glow.model", kModel}, {"glow.names", R"(["a"])"}};
  const torch::Tensor vectors_ = torch::ones({1, 96});
  const torch::Tensor counts_ = torch::ones({1, 2}, torch::kLong);
};

TEST_F(DirectionsFile, ReturnsTheSavedDirections) {
  const auto saved =
      directions_of(random_latents(10, 1), at::cat({every(2, 10), every(3, 10)}, 1), {"glad", "sch\xc3\xb6n"});
  save_directions(saved, kModel, path_);
  const auto loaded = load_directions(path_, small_options(3), kModel);
  EXPECT_EQ(loaded.names, saved.names);
  EXPECT_TRUE(loaded.vectors.equal(saved.vectors));
  EXPECT_TRUE(loaded.counts.equal(saved.counts));
}

TEST_F(DirectionsFile, RefusesDirectionsOfAnotherModel) {
  put_file(good_, vectors_, counts_);
  EXPECT_NO_THROW(load_directions(path_, small_options(3), kModel));
  EXPECT_TRUE(throws<FormatError>([&] { load_directions(path_, small_options(3), std::string(64, 'b')); },
                                  {path_.string(), "another model", "aaaa", "bbbb"}));
}

TEST_F(DirectionsFile, ErrorsNameTheField) {
  const auto with = [&](const std::string& key, const std::string& value) {
    auto metadata = good_;
    metadata[key] = value;
    return metadata;
  };
  put_file(with("format", "glow"), vectors_, counts_);
  EXPECT_TRUE(refused({path_.string(), "expected a file of directions, is a model of Glow"}));
  for (const char* names : {"a", "{}", "[]", "[1]", R"(["a", 2])"}) {
    put_file(with("glow.names", names), vectors_, counts_);
    EXPECT_TRUE(refused({path_.string(), "glow.names"})) << names;
  }
  const auto long_name = "[\"" + std::string(257, 'x') + "\"]";
  for (const auto& names : {std::string(R"([""])"), std::string(R"(["a", "a"])"), std::string(R"(["\u001b[2J"])"),
                            std::string(R"(["\u007f"])"), long_name}) {
    put_file(with("glow.names", names), vectors_, counts_);
    EXPECT_TRUE(refused({path_.string(), "glow.names"})) << names;
  }
  put_file(with("glow.names", R"(["a", "b"])"), vectors_, counts_);
  EXPECT_TRUE(refused({"\"directions\"", "[2,96]", "[1,96]"}));
  put_file(good_, torch::ones({1, 95}), counts_);
  EXPECT_TRUE(refused({"\"directions\"", "[1,96]", "[1,95]"}));
  put_file(good_, vectors_, counts_.to(torch::kFloat));
  EXPECT_TRUE(refused({"\"counts\"", "I64", "F32"}));
  put_file(good_, vectors_ / 0, counts_);
  EXPECT_TRUE(refused({"\"directions\"", "not finite"}));
}

TEST_F(DirectionsFile, RefusesADamagedFile) {
  put_file(good_, vectors_, counts_);
  auto bytes = glow::testing::get(path_);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  glow::testing::put(path_, bytes);
  EXPECT_TRUE(refused({path_.string(), "checksum"}));
}

TEST(DirectionsErrors, NameTheInvalidArgument) {
  const auto named = [](std::vector<std::string> names) { return [names] { DirectionAccumulator{names}; }; };
  EXPECT_TRUE(throws<ConfigError>(named({}), {"at least one name"}));
  EXPECT_TRUE(throws<ConfigError>(named({"a", "b", "a"}), {"\"a\"", "twice"}));
  EXPECT_TRUE(throws<ConfigError>(named({""}), {"name in UTF-8"}));
  EXPECT_TRUE(throws<ConfigError>(named({"\xff"}), {"name in UTF-8"}));
  EXPECT_TRUE(throws<ConfigError>(named({"a\nb"}), {"without control characters", R"("a\nb")"}));
  EXPECT_TRUE(throws<ConfigError>(named({std::string(257, 'x')}), {"1 to 256 bytes", "xxx"}));
  EXPECT_NO_THROW(named({std::string(256, 'x')})());
  DirectionAccumulator accumulator({"a"});
  const auto add = [&](const nn::Latents& latents, const torch::Tensor& has) {
    return [&accumulator, latents, has] { accumulator.add(latents, has); };
  };
  const auto two = random_latents(2, 1);
  EXPECT_TRUE(throws<ShapeError>(add(two, every(2, 3)), {"labels", "[2, 1]", "[3, 1]"}));
  EXPECT_TRUE(throws<ConfigError>(add(two, every(2, 2) + 1), {"1, 0 or -1", "1 to 2"}));
  EXPECT_TRUE(throws<NumericalError>(add({{two.eps[0] / 0, two.eps[1]}}, every(2, 2)), {"not finite"}));
  EXPECT_TRUE(throws<ConfigError>([&] { accumulator.finish(); }, {"no attribute"}));
  accumulator.add(two, every(2, 2));
  EXPECT_TRUE(throws<ConfigError>([&] { accumulator.finish().vector("b"); }, {"one of \"a\", got \"b\""}));
  EXPECT_TRUE(throws<ShapeError>([&] { move(two, torch::ones({95}), 1); }, {"[N, 96]", "[1, 95]"}));
}

TEST(DirectionsErrors, ListTenNamesAtMost) {
  const Directions directions{
      .names = {"a\nb", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"}, .vectors = {}, .counts = {}};
  EXPECT_TRUE(throws<ConfigError>([&] { directions.vector("c"); },
                                  {R"(one of "a\nb", "2")", R"("10", ... (12 in all), got "c")"}));
}

}  // namespace
}  // namespace glow::latent::directions_test
