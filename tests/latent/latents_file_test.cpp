#include <glow/latent/latents_file.h>

#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/io/npy.h>
#include <glow/io/safetensors.h>
#include <glow/latent/arrange.h>
#include <glow/nn/glow.h>
#include <glow/version.h>

#include "nn/tensor_bytes.h"
#include "support/files.h"
#include "support/latents.h"
#include "support/random_weights.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::latent::latents_file_test {
namespace {

using glow::testing::equal;
using glow::testing::random_latents;
using glow::testing::small_options;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

const std::string kModel(64, 'a');

nn::GlowOptions with_classes(std::int64_t classes) {
  auto options = small_options(3);
  options.num_classes = classes;
  return options;
}

/// Writes latents of the shapes of random_latents in one batch.
void save(const nn::Latents& latents, const torch::Tensor& labels, const std::string& model,
          const std::filesystem::path& path, torch::Dtype dtype = torch::kFloat) {
  LatentsWriter writer(path, small_options(3), model, count(latents), labels, dtype);
  writer.add(latents);
  writer.finish();
}

class LatentsFile : public ::testing::Test {
 protected:
  void put_tensors(const std::vector<std::pair<std::string, torch::Tensor>>& tensors,
                   const std::string& model = kModel) const {
    nn::TensorBytes bytes;
    for (const auto& [name, tensor] : tensors) bytes.add(name, tensor);
    io::write_safetensors(safetensors_, {{"glow.model", model}}, bytes.entries());
  }
  ::testing::AssertionResult refused(const std::filesystem::path& path,
                                     std::initializer_list<std::string_view> parts) const {
    return throws<FormatError>([&] { LatentsReader(path, with_classes(3), kModel).read(0, 1); }, parts);
  }

  TemporaryDirectory directory_;
  std::filesystem::path npy_ = directory_ / "z.npy";
  std::filesystem::path safetensors_ = directory_ / "z.safetensors";
};

TEST_F(LatentsFile, BothFormatsCanBeReadInParts) {
  const auto latents = random_latents(5, 1);
  for (const auto& path : {npy_, safetensors_}) {
    save(latents, {}, kModel, path);
    const LatentsReader reader(path, small_options(3), kModel);
    ASSERT_EQ(reader.size(), 5);
    EXPECT_FALSE(reader.labels().defined());
    EXPECT_TRUE(equal(reader.read(0, 5), latents));
    EXPECT_TRUE(equal(concatenate({reader.read(0, 2), reader.read(2, 2), reader.read(4, 1)}), latents));
  }
}

TEST_F(LatentsFile, Float64FilesKeepAllDigits) {
  const auto latents = random_latents(3, 1, torch::kDouble);
  for (const auto& path : {npy_, safetensors_}) {
    save(latents, {}, kModel, path, torch::kDouble);
    const LatentsReader reader(path, small_options(3), kModel);
    EXPECT_EQ(reader.dtype(), torch::kDouble);
    EXPECT_TRUE(equal(concatenate({reader.read(0, 2), reader.read(2, 1)}), latents));
    EXPECT_EQ(reader.read(0, 1).eps[0].scalar_type(), torch::kDouble);
  }
  EXPECT_EQ(io::NpyReader(npy_).dtype(), "<f8");
  const io::SafetensorsReader file(safetensors_);
  for (const auto& entry : file.entries()) EXPECT_EQ(entry.dtype, "F64") << entry.name;
  EXPECT_TRUE(
      throws<ConfigError>([&] { save(latents, {}, kModel, npy_, torch::kHalf); }, {"float32 or float64", "Half"}));
}

TEST_F(LatentsFile, AddReturnsTheLatentsOfTheFile) {
  const auto latents = random_latents(2, 1, torch::kDouble);
  LatentsWriter writer(npy_, small_options(3), kModel, 2);
  const auto stored = writer.add(latents);
  writer.finish();
  EXPECT_TRUE(equal(LatentsReader(npy_, small_options(3), kModel).read(0, 2), stored));
  EXPECT_EQ(stored.eps[0].scalar_type(), torch::kFloat);
}

TEST_F(LatentsFile, NpyHasTheLevelsConcatenated) {
  save(random_latents(2, 1), {}, kModel, npy_);
  const io::NpyReader file(npy_);
  EXPECT_EQ(file.dtype(), "<f4");
  EXPECT_EQ(file.shape(), (std::vector<std::int64_t>{2, 96}));
  const auto rows = nn::flatten(random_latents(2, 1));
  EXPECT_EQ(file.data(), std::string_view(reinterpret_cast<const char*>(rows.data_ptr<float>()), 2 * 96 * 4));
}

TEST_F(LatentsFile, SafetensorsHasATensorForEachLevelLabelsAndTheModelChecksum) {
  const auto latents = random_latents(2, 1, torch::kDouble);
  const auto labels = torch::tensor({2, 0}, torch::kLong);
  save(latents, labels, kModel, safetensors_);
  const io::SafetensorsReader file(safetensors_);
  EXPECT_EQ(file.metadata_value("glow.model"), kModel);
  EXPECT_EQ(file.metadata_value("format"), "glow-latents");
  ASSERT_EQ(file.entries().size(), 3u);
  for (const auto& entry : file.entries()) {
    if (entry.name == "labels") {
      EXPECT_TRUE(nn::to_tensor(entry).equal(labels));
    } else {
      const auto level = entry.name == "eps.0" ? 0 : 1;
      EXPECT_TRUE(nn::to_tensor(entry).equal(latents.eps[level].to(torch::kFloat))) << entry.name;
    }
  }
  EXPECT_TRUE(LatentsReader(safetensors_, with_classes(3), kModel).labels().equal(labels));
}

TEST_F(LatentsFile, RefusesLatentsOfAnotherModel) {
  const auto latents = random_latents(1, 1);
  save(latents, {}, std::string(64, 'b'), safetensors_);
  EXPECT_TRUE(refused(safetensors_, {safetensors_.string(), "another model", "bbbb", "aaaa"}));
  io::write_npy(npy_, "<f4", {1, 95}, std::string(95 * 4, '\0'));
  EXPECT_TRUE(refused(npy_, {npy_.string(), "[N,96]", "[1,95]"}));
  io::write_npy(npy_, "<f2", {1, 96}, std::string(96 * 2, '\0'));
  EXPECT_TRUE(refused(npy_, {"float32 or float64", "<f2"}));
  io::write_npy(npy_, "<f4", {0, 96}, "");
  EXPECT_TRUE(refused(npy_, {"N > 0", "[0,96]"}));
}

TEST_F(LatentsFile, ErrorsNameTheTensor) {
  const auto z = random_latents(2, 1);
  const auto labels = torch::zeros({2}, torch::kLong);
  put_tensors({{"eps.0", z.eps[0]}, {"eps.1", z.eps[1]}, {"labels", labels}});
  EXPECT_NO_THROW(LatentsReader(safetensors_, with_classes(3), kModel));
  put_tensors({{"eps.0", z.eps[0]}});
  EXPECT_TRUE(refused(safetensors_, {safetensors_.string(), "missing tensor", "eps.1"}));
  put_tensors({{"eps.0", z.eps[0]}, {"eps.1", z.eps[1].narrow(0, 0, 1)}});
  EXPECT_TRUE(refused(safetensors_, {"eps.1", "one N", "[1,24,1,2]"}));
  put_tensors({{"eps.0", z.eps[0].flatten(1)}, {"eps.1", z.eps[1]}});
  EXPECT_TRUE(refused(safetensors_, {"eps.0", "[N,6,2,4]", "[2,48]"}));
  put_tensors({{"eps.0", z.eps[0].to(torch::kDouble)}, {"eps.1", z.eps[1]}});
  EXPECT_TRUE(refused(safetensors_, {"\"eps.1\": expected F64 [N,", "is F32"}));
  put_tensors({{"eps.0", z.eps[0].to(torch::kLong)}, {"eps.1", z.eps[1]}});
  EXPECT_TRUE(refused(safetensors_, {"\"eps.0\": expected F32 or F64 [N,", "is I64"}));
  put_tensors({{"eps.0", z.eps[0]}, {"eps.1", z.eps[1]}, {"eps.2", z.eps[1]}});
  EXPECT_TRUE(refused(safetensors_, {"eps.0 to eps.1", "others"}));
  put_tensors({{"eps.0", z.eps[0]}, {"eps.1", z.eps[1]}, {"labels", labels + 3}});
  EXPECT_TRUE(refused(safetensors_, {"labels", "0 to 2"}));
  put_tensors({{"eps.0", z.eps[0]}, {"eps.1", z.eps[1]}, {"labels", labels.narrow(0, 0, 1)}});
  EXPECT_TRUE(refused(safetensors_, {"labels", "[2]", "[1]"}));
  put_tensors({{"eps.0", z.eps[0]}, {"eps.1", z.eps[1]}, {"labels", labels}});
  EXPECT_TRUE(throws<FormatError>([&] { LatentsReader(safetensors_, with_classes(0), kModel); },
                                  {"labels", "the model has no classes"}));
}

TEST_F(LatentsFile, RefusesADamagedFile) {
  save(random_latents(2, 1), {}, kModel, safetensors_);
  auto bytes = glow::testing::get(safetensors_);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  glow::testing::put(safetensors_, bytes);
  EXPECT_TRUE(refused(safetensors_, {safetensors_.string(), "checksum"}));
}

TEST_F(LatentsFile, NonFiniteLatentsAreNeitherWrittenNorRead) {
  auto z = random_latents(2, 1);
  z.eps[1] = z.eps[1].clone();
  z.eps[1][0][3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(throws<NumericalError>([&] { save(z, {}, kModel, npy_); }, {"not finite", npy_.string()}));
  EXPECT_FALSE(std::filesystem::exists(npy_));
  put_tensors({{"eps.0", z.eps[0]}, {"eps.1", z.eps[1]}});
  EXPECT_TRUE(refused(safetensors_, {"images 0 to 0", "not finite"}));
  EXPECT_NO_THROW(LatentsReader(safetensors_, small_options(3), kModel).read(1, 1));
}

TEST_F(LatentsFile, DoesNotDependOnTheBatchSize) {
  const auto latents = random_latents(5, 1);
  const auto labels = torch::tensor({2, 0, 1, 1, 0}, torch::kLong);
  nn::TensorBytes bytes;
  for (std::size_t l = 0; l < 2; ++l) bytes.add("eps." + std::to_string(l), latents.eps[l]);
  bytes.add("labels", labels);
  io::write_safetensors(directory_ / "all.safetensors",
                        {{"format", "glow-latents"}, {"glow.version", kVersion}, {"glow.model", kModel}},
                        bytes.entries());
  const auto rows = nn::flatten(latents);
  io::write_npy(directory_ / "all.npy", "<f4", {5, 96},
                {static_cast<const char*>(rows.data_ptr()), static_cast<std::size_t>(rows.nbytes())});
  for (const auto& batches : {std::vector<std::int64_t>{5}, {1, 1, 1, 1, 1}, {2, 3}, {4, 1}}) {
    for (const auto& path : {npy_, safetensors_}) {
      LatentsWriter writer(path, with_classes(3), kModel, 5, labels);
      std::int64_t first = 0;
      for (const auto count : batches) writer.add(narrow(latents, std::exchange(first, first + count), count));
      writer.finish();
      const auto whole = directory_ / ("all" + path.extension().string());
      EXPECT_TRUE(glow::testing::get(path) == glow::testing::get(whole)) << path << " in " << batches.size();
    }
  }
}

TEST_F(LatentsFile, RefusesTooFewOrTooManyImages) {
  for (const auto& path : {npy_, safetensors_}) {
    {
      LatentsWriter writer(path, small_options(3), kModel, 3);
      writer.add(random_latents(2, 1));
      EXPECT_TRUE(throws<ShapeError>([&] { writer.add(random_latents(2, 1)); }, {"expected 3 images", "got 4"}));
      EXPECT_TRUE(throws<ShapeError>([&] { writer.finish(); }, {"expected 3 images", "got 2"}));
      nn::Latents one_level{{random_latents(1, 1).eps[0]}};
      EXPECT_TRUE(throws<ShapeError>([&] { writer.add(one_level); }, {"levels", path.string()}));
      const auto huge = scale(random_latents(1, 1, torch::kDouble), 1e300);
      EXPECT_TRUE(throws<NumericalError>([&] { writer.add(huge); }, {"not finite", path.string()}));
    }
    EXPECT_EQ(glow::testing::count_files(directory_.path()), 0u);
  }
}

TEST_F(LatentsFile, RefusesOtherExtensionsAndRanges) {
  const auto z = random_latents(2, 1);
  const auto other = directory_ / "z.bin";
  EXPECT_TRUE(throws<ConfigError>([&] { save(z, {}, kModel, other); }, {"latents: ", ".npy or", "z.bin"}));
  glow::testing::put(other, "text");
  EXPECT_TRUE(throws<FormatError>([&] { LatentsReader(other, small_options(3), kModel); },
                                  {"z.bin: expected a file of latents (.npy or .safetensors), is a text"}));
  save(z, {}, kModel, npy_);
  const LatentsReader reader(npy_, small_options(3), kModel);
  EXPECT_TRUE(throws<ShapeError>([&] { reader.read(1, 2); }, {"images 1 to 2 of 2"}));
  const auto labels = torch::zeros({3}, torch::kLong);
  EXPECT_TRUE(throws<ShapeError>([&] { save(z, labels, kModel, npy_); }, {"labels", "[3]"}));
}

class LatentsByBitDepth : public ::testing::TestWithParam<std::int64_t> {};

TEST_P(LatentsByBitDepth, DecodeToTheQuantizedBytesAfterAFileRoundTrip) {
  const torch::NoGradGuard no_grad;
  auto options = small_options(3);
  options.bits = GetParam();
  const auto model = glow::testing::random_model(options, 1, torch::kFloat);
  const auto& quantizer = model->quantizer();
  // 16 images of 96 bytes contain every byte value six times.
  const auto bytes = torch::arange(16 * 96, torch::kLong).mul(7).remainder(256).to(torch::kByte).view({16, 3, 4, 8});
  const TemporaryDirectory directory;
  for (const char* name : {"z.npy", "z.safetensors"}) {
    save(model->encode(quantizer.center(bytes)), {}, kModel, directory / name);
    const auto again = model->decode(LatentsReader(directory / name, options, kModel).read(0, 16));
    EXPECT_TRUE(quantizer.to_bytes(again).equal(bytes.bitwise_and(256 - (256 >> GetParam())))) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Depths, LatentsByBitDepth, ::testing::Range<std::int64_t>(1, 9));

}  // namespace
}  // namespace glow::latent::latents_file_test
