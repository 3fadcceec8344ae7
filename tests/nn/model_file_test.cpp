#include <glow/nn/model_file.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <utility>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/serialize.h>
#include <nlohmann/json.hpp>

#include <glow/error.h>
#include <glow/io/safetensors.h>
#include <glow/version.h>

#include "support/files.h"
#include "support/flipped_bits.h"
#include "support/model_cases.h"
#include "support/random_weights.h"
#include "support/reference.h"
#include "support/temporary_directory.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::nn::model_file_test {
namespace {

using glow::testing::count_files;
using glow::testing::every_combination;
using glow::testing::kCaseName;
using glow::testing::other_families;
using glow::testing::other_shapes;
using glow::testing::random_images;
using glow::testing::random_model;
using glow::testing::small_options;
using glow::testing::some_labels;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;
using Json = nlohmann::json;

class ModelFileTest : public ::testing::TestWithParam<GlowOptions> {
 protected:
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory / "model.safetensors";
};

TEST_P(ModelFileTest, LoadedModelEqualsSavedModel) {
  auto saved = random_model(GetParam(), 1, torch::kFloat);
  const auto checksum = save_model(saved, path);
  auto loaded = load_model(path);
  EXPECT_EQ(loaded->options(), GetParam());
  EXPECT_TRUE(loaded->initialized());
  EXPECT_FALSE(loaded->is_training());
  EXPECT_EQ(loaded->dtype(), torch::kFloat);
  EXPECT_TRUE(loaded->flat_parameters().values().equal(saved->flat_parameters().values()));
  const auto buffers = saved->named_buffers();
  for (const auto& item : loaded->named_buffers()) EXPECT_TRUE(item.value().equal(buffers[item.key()])) << item.key();

  const torch::NoGradGuard no_grad;
  const auto x = random_images(GetParam(), 2, 2);
  const auto labels = some_labels(GetParam(), 2);
  EXPECT_TRUE(loaded->log_prob(x, labels).equal(saved->log_prob(x, labels)));

  const auto other = directory / "again.safetensors";
  EXPECT_EQ(save_model(loaded, other), checksum);
  EXPECT_EQ(glow::testing::get(other), glow::testing::get(path));
}

TEST_P(ModelFileTest, ModelInfoDescribesTheFile) {
  auto model = random_model(GetParam(), 1, torch::kFloat);
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < GetParam().num_classes; ++i) names.push_back("class \"" + std::to_string(i) + "\" ä");
  model->set_class_names(names);
  const auto checksum = save_model(model, path);
  const auto info = read_model_info(path);
  EXPECT_EQ(info.options, GetParam());
  EXPECT_EQ(info.class_names, names);
  EXPECT_EQ(info.version, kVersion);
  EXPECT_EQ(info.checksum, checksum);
  EXPECT_EQ(load_model(path)->class_names(), names);
}

TEST_P(ModelFileTest, StoresTheTrainingDataRecord) {
  auto model = random_model(GetParam(), 1, torch::kFloat);
  save_model(model, path);
  EXPECT_EQ(read_model_info(path).training_data, std::nullopt);
  const TrainingData data{.source = "folder:/somewhere \"else\"",
                          .images = 1000,
                          .fingerprint = std::string(60, '0') + "cafe",
                          .skip_corrupt = true,
                          .held_out = 100,
                          .split_seed = ~std::uint64_t{0},
                          .resize = 96,
                          .random_crop = true,
                          .seed = 7,
                          .batch = 32};
  model->set_training_data(data);
  save_model(model, path);
  EXPECT_EQ(read_model_info(path).training_data, data);
  EXPECT_EQ(load_model(path)->training_data(), data);
  const Glow copy(std::dynamic_pointer_cast<GlowImpl>(load_model(path)->clone()));
  EXPECT_EQ(copy->training_data(), data);
  // A path may contain bytes that are not UTF-8.
  auto strange = data;
  strange.source = "npy:\xff\n";
  model->set_training_data(strange);
  save_model(model, path);
  EXPECT_EQ(read_model_info(path).training_data->source, "npy:\xEF\xBF\xBD?");
}

TEST(LoadModelTest, ReturnsTheModelInfoOfTheFile) {
  const TemporaryDirectory directory;
  const auto checksum = save_model(random_model(small_options(), 1, torch::kFloat), directory / "model");
  ModelInfo info;
  load_model(directory / "model", torch::kCPU, &info);
  EXPECT_EQ(info.checksum, checksum);
  EXPECT_EQ(info.options, small_options());
}

TEST(TrainingDataTest, TorchLoadClearsItAndInvalidRecordsAreRefused) {
  auto model = random_model(small_options(), 1, torch::kFloat);
  model->set_training_data(TrainingData{.source = "s", .images = 10, .fingerprint = std::string(64, 'a')});
  std::stringstream archive;
  torch::save(random_model(small_options(), 2, torch::kFloat), archive);
  torch::load(model, archive);
  EXPECT_EQ(model->training_data(), std::nullopt);
  EXPECT_TRUE(throws<ConfigError>([&] { model->set_training_data(TrainingData{.images = 10}); }, {"fingerprint: "}));
  EXPECT_TRUE(throws<ConfigError>([&] { model->set_training_data(TrainingData{}); }, {"images: "}));
}

INSTANTIATE_TEST_SUITE_P(Combinations, ModelFileTest, ::testing::ValuesIn(every_combination(small_options())),
                         kCaseName);
INSTANTIATE_TEST_SUITE_P(OtherShapes, ModelFileTest, ::testing::ValuesIn(other_shapes()), kCaseName);
INSTANTIATE_TEST_SUITE_P(OtherFamilies, ModelFileTest, ::testing::ValuesIn(other_families()), kCaseName);

TEST(ModelFileFixtureTest, ReadsFilesOfTheReferenceWriter) {
  const auto path = glow::testing::fixture("conditional_conv1x1_affine.model.safetensors");
  EXPECT_EQ(load_model(path)->class_names(), (std::vector<std::string>{"ankle boot", "bag", "coat"}));
  EXPECT_EQ(read_model_info(path).options.num_classes, 3);
  const TemporaryDirectory directory;
  save_model(load_model(path), directory / "copy");
  const auto original = glow::testing::read_tensors(path);
  const auto copy = glow::testing::read_tensors(directory / "copy");
  ASSERT_EQ(copy.size(), original.size());
  for (const auto& [name, tensor] : original) EXPECT_TRUE(copy.at(name).equal(tensor)) << name;
}

TEST(LoadModelTest, RefusesInvalidTrainingDataRecords) {
  const TemporaryDirectory directory;
  auto model = random_model(small_options(), 1, torch::kFloat);
  model->set_training_data(TrainingData{.source = "s", .images = 10, .fingerprint = std::string(64, 'a')});
  save_model(model, directory / "model");
  const io::SafetensorsReader file(directory / "model");
  const auto refused = [&](const std::string& before, const std::string& after, const std::string& reason,
                           const std::string& more = "") {
    auto metadata = file.metadata();
    auto& text = metadata.at("glow.data");
    const auto place = text.find(before);
    EXPECT_NE(place, std::string::npos) << text;
    text.replace(place, before.size(), after);
    io::write_safetensors(directory / "changed", metadata, file.entries());
    return throws<FormatError>([&] { load_model(directory / "changed"); }, {"changed: glow.data: ", reason, more});
  };
  EXPECT_TRUE(refused("\"format_version\":1", "\"format_version\":2", "format_version 2"));
  EXPECT_TRUE(refused("\"images\":10", "\"images\":0", "images: expected 1 to ", "got 0"));
  EXPECT_TRUE(refused("\"images\":10", "\"images\":\"10\"", "'images' has the wrong type"));
  EXPECT_TRUE(refused("\"images\":10,", "", "missing key 'images'"));
  EXPECT_TRUE(refused("\"held_out\":0", "\"held_out\":10", "held_out: expected 0 to 9, got 10"));
  EXPECT_TRUE(refused("\"resize\":0", "\"resize\":-1", "resize: expected 0 to ", "got -1"));
  EXPECT_TRUE(refused("\"seed\":0", "\"seed\":-1", "'seed' has the wrong type"));
  EXPECT_TRUE(refused("\"batch\":64", "\"batch\":0", "batch: expected 1 to ", "got 0"));
  EXPECT_TRUE(refused("\"fingerprint\":\"a", "\"fingerprint\":\"A", "fingerprint: expected a SHA-256"));
  EXPECT_TRUE(refused("\"source\":\"s\"", "\"source\":[]", "in place of a plain value"));
  EXPECT_TRUE(refused("\"source\":\"s\"", "\"source\":\"s\",\"more\":1", "unknown key 'more'"));
}

TEST(LoadModelTest, RefusesInvalidBatchNormAndWeightNormValues) {
  const TemporaryDirectory directory;
  const auto refused = [&](const std::string& name, double value, const char* reason) {
    auto model = random_model(other_families().front(), 1, torch::kFloat);
    {
      const torch::NoGradGuard no_grad;
      model->named_parameters()[name].select(0, 0).fill_(value);
    }
    save_model(model, directory / "model");
    return throws<FormatError>([&] { load_model(directory / "model"); }, {name, reason});
  };
  EXPECT_TRUE(refused("levels.0.steps.0.batch_norm.running_variance", -1e-3, "negative"));
  EXPECT_TRUE(refused("levels.1.steps.3.network.input.weight_v", 0, "no direction"));
}

TEST(SaveModelTest, RoundsFloat64ToFloat32) {
  const TemporaryDirectory directory;
  auto model = random_model(small_options());
  save_model(model, directory / "model");
  EXPECT_EQ(model->dtype(), torch::kDouble);
  EXPECT_TRUE(load_model(directory / "model")
                  ->flat_parameters()
                  .values()
                  .equal(model->flat_parameters().values().to(torch::kFloat)));
}

TEST(SaveModelTest, ReplacesAnExistingFileAndLeavesNoOther) {
  const TemporaryDirectory directory;
  save_model(random_model(small_options(), 1, torch::kFloat), directory / "model");
  const auto newer = random_model(small_options(3), 2, torch::kFloat);
  save_model(newer, directory / "model");
  EXPECT_EQ(load_model(directory / "model")->options(), newer->options());
  EXPECT_EQ(count_files(directory.path()), 1u);
}

TEST(SaveModelErrors, UninitializedModel) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(throws<ConfigError>([&] { save_model(Glow(small_options()), directory / "model"); },
                                  {"not initialised", "initialize(x)", "mark_initialized()"}));
  EXPECT_EQ(count_files(directory.path()), 0u);
}

TEST(SaveModelErrors, NonFiniteTensorIsNamed) {
  const TemporaryDirectory directory;
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(), 1e39}) {  // 1e39 overflows float32
    auto model = random_model(small_options());
    {
      const torch::NoGradGuard no_grad;
      model->named_parameters()["levels.1.steps.0.actnorm.bias"][3] = bad;
    }
    EXPECT_TRUE(throws<NumericalError>([&] { save_model(model, directory / "model"); },
                                       {"levels.1.steps.0.actnorm.bias", "not finite"}));
  }
  EXPECT_EQ(count_files(directory.path()), 0u);
}

TEST(SaveModelErrors, UnwritablePathIsNamed) {
  const TemporaryDirectory directory;
  const auto path = directory / "missing" / "model";
  EXPECT_TRUE(throws<IoError>([&] { save_model(random_model(small_options()), path); }, {path.string()}));
  EXPECT_TRUE(throws<IoError>([&] { load_model(path); }, {path.string()}));
}

/// The contents of a valid model file. A test introduces a defect and writes the file with a correct checksum.
class BrokenModelFile : public ::testing::Test {
 protected:
  BrokenModelFile() {
    GlowOptions options = small_options();
    options.permutation = PermutationKind::kLU;
    options.num_classes = 2;
    auto model = random_model(options, 1, torch::kFloat);
    model->set_class_names({"bag", "coat"});
    save_model(model, path);
    tensors = glow::testing::read_tensors(path);
    metadata = io::SafetensorsReader(path).metadata();
  }

  void write() {
    TensorBytes bytes;
    for (const auto& [name, tensor] : tensors) bytes.add(name, tensor);
    io::write_safetensors(path, metadata, bytes.entries());
  }

  /// Writes the current contents. True if load_model then throws FormatError with `parts` and the path.
  ::testing::AssertionResult refused(std::initializer_list<std::string_view> parts) {
    write();
    const auto result = throws<FormatError>([&] { load_model(path); }, parts);
    return result ? throws<FormatError>([&] { load_model(path); }, {path.string()}) : result;
  }

  void change_config(const std::function<void(Json&)>& change) {
    Json config = Json::parse(metadata["glow.config"]);
    change(config);
    metadata["glow.config"] = config.dump();
  }

  const TemporaryDirectory directory;
  const std::filesystem::path path = directory / "model.safetensors";
  std::map<std::string, torch::Tensor> tensors;
  io::Metadata metadata;
};

TEST_F(BrokenModelFile, LoadsWithoutADefect) {
  write();
  EXPECT_EQ(load_model(path)->class_names().size(), 2u);
  metadata["author"] = "keys that do not begin with glow. are ignored";
  write();
  EXPECT_EQ(load_model(path)->class_names().size(), 2u);
}

TEST_F(BrokenModelFile, MissingTensor) {
  for (const char* name :
       {"top.prior.edge_weight", "levels.0.split.prior.bias", "levels.1.steps.1.permutation.indices"}) {
    const auto kept = tensors.extract(name);
    tensors["padding"] = torch::zeros(100000);  // keeps the file above the size check
    EXPECT_TRUE(refused({"missing tensor", name}));
    tensors.erase("padding");
    tensors[name] = kept.mapped();
  }
}

TEST_F(BrokenModelFile, ExtraTensor) {
  tensors["levels.0.steps.2.actnorm.bias"] = torch::zeros(4);
  EXPECT_TRUE(refused({"unknown tensor", "levels.0.steps.2.actnorm.bias"}));
}

TEST_F(BrokenModelFile, WrongShape) {
  tensors["levels.0.steps.0.actnorm.bias"] = torch::zeros({2, 2});
  EXPECT_TRUE(refused({"levels.0.steps.0.actnorm.bias", "expected F32 [4]", "got F32 [2, 2]"}));
}

TEST_F(BrokenModelFile, WrongDtype) {
  auto& bias = tensors["levels.0.steps.0.actnorm.bias"];
  bias = bias.to(torch::kDouble);
  EXPECT_TRUE(refused({"levels.0.steps.0.actnorm.bias", "expected F32 [4]", "got F64 [4]"}));
}

TEST_F(BrokenModelFile, WrongDtypeOfIndices) {
  auto& indices = tensors["levels.0.steps.0.permutation.indices"];
  indices = indices.to(torch::kFloat);
  EXPECT_TRUE(refused({"levels.0.steps.0.permutation.indices", "expected I64 [4]", "got F32 [4]"}));
}

TEST_F(BrokenModelFile, NonFiniteTensor) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    for (const char* name :
         {"levels.1.steps.0.coupling.net.conv2.weight", "levels.0.steps.1.permutation.sign_diagonal"}) {
      const auto good = tensors[name].clone();
      tensors[name].flatten()[1] = bad;
      EXPECT_TRUE(refused({name, "not finite"}));
      tensors[name] = good;
    }
  }
}

TEST_F(BrokenModelFile, IndicesThatAreNotAPermutation) {
  for (const std::vector<std::int64_t>& bad : {std::vector<std::int64_t>{0, 1, 2, 2}, {0, 1, 2, 4}, {-1, 0, 1, 2}}) {
    tensors["levels.0.steps.0.permutation.indices"] = torch::tensor(bad, torch::kLong);
    EXPECT_TRUE(refused({"levels.0.steps.0.permutation.indices", "not a permutation"}));
  }
}

TEST_F(BrokenModelFile, SignThatIsNotPlusOrMinusOne) {
  for (const double bad : {0.0, 0.999, 2.0}) {
    tensors["levels.0.steps.0.permutation.sign_diagonal"] = torch::full(4, bad);
    EXPECT_TRUE(refused({"levels.0.steps.0.permutation.sign_diagonal", "sign", "+1 or -1"}));
  }
}

/// A name with control characters, and its escaped form in an error message.
constexpr const char* kTornName = "torn\nname\x1b[2J\xc3\xa4";
constexpr const char* kTornNameInQuotes = R"("torn\nname\u001b[2J\u00e4")";

TEST_F(BrokenModelFile, NamesWithControlCharactersAreEscaped) {
  tensors[kTornName] = torch::zeros(4);
  EXPECT_TRUE(refused({"unknown tensor", kTornNameInQuotes}));
  tensors.erase(kTornName);
  metadata[std::string("glow.") + kTornName] = "";
  EXPECT_TRUE(refused({"unknown metadata key", "\"glow.torn\\nname\\u001b[2J\\u00e4\""}));
  metadata.erase(std::string("glow.") + kTornName);
  const auto format = std::exchange(metadata["format"], kTornName);
  EXPECT_TRUE(refused({"expected a model of Glow", kTornNameInQuotes}));
  metadata["format"] = format;
  write();
  EXPECT_EQ(load_model(path)->class_names().size(), 2u);
}

TEST_F(BrokenModelFile, PathWithANewlineIsEscaped) {
  const auto torn = directory / "torn\nmodel";
  metadata["format"] = "pt";
  write();
  std::filesystem::rename(path, torn);
  EXPECT_TRUE(throws<FormatError>([&] { load_model(torn); }, {"torn?model: expected a model of Glow", "\"pt\""}));
}

TEST_F(BrokenModelFile, UnknownMetadata) {
  metadata["glow.flavour"] = "vanilla";
  EXPECT_TRUE(refused({"unknown metadata key", "glow.flavour"}));
}

TEST_F(BrokenModelFile, MissingMetadata) {
  for (const char* key : {"format", "glow.config", "glow.version"}) {
    const auto kept = metadata.extract(key);
    EXPECT_TRUE(refused({key}));
    metadata[key] = kept.mapped();
  }
}

TEST_F(BrokenModelFile, UnknownFormat) {
  metadata["format"] = "pt";
  EXPECT_TRUE(refused({"expected a model of Glow, its \"format\" is \"pt\": another program wrote it"}));
}

TEST_F(BrokenModelFile, ConfigOfUnknownVersion) {
  change_config([](Json& config) { config["format_version"] = 2; });
  EXPECT_TRUE(refused({"format_version 2"}));
}

TEST_F(BrokenModelFile, ConfigOfUnknownFamily) {
  change_config([](Json& config) { config["family"] = "maf"; });
  EXPECT_TRUE(refused({"family 'maf'"}));
}

TEST_F(BrokenModelFile, ConfigWithUnknownKey) {
  change_config([](Json& config) { config["dropout"] = 0.1; });
  EXPECT_TRUE(refused({"unknown key", "dropout"}));
}

TEST_F(BrokenModelFile, ConfigWithInvalidValue) {
  change_config([](Json& config) { config["height"] = 6; });
  EXPECT_TRUE(refused({"height", "multiple of 4", "6"}));
}

TEST_F(BrokenModelFile, ConfigOfAModelLargerThanTheFile) {
  change_config([](Json& config) { config["hidden_width"] = 60000; });
  EXPECT_TRUE(refused({"glow.config asks for", "the file holds"}));
  change_config([](Json& config) {
    config["hidden_width"] = 1;
    config["channels"] = 1024;
    config["levels"] = 12;
    config["height"] = config["width"] = 4096;
    config["depth"] = 4096;
  });
  EXPECT_TRUE(refused({"glow.config asks for", "the file holds"}));
}

TEST_F(BrokenModelFile, MalformedClassNames) {
  for (const char* names : {"bag", "{}", "[1, 2]", "[\"bag\""}) {
    metadata["glow.classes"] = names;
    EXPECT_TRUE(refused({"glow.classes"})) << names;
  }
}

TEST_F(BrokenModelFile, WrongNumberOfClassNames) {
  metadata["glow.classes"] = R"(["bag"])";
  EXPECT_TRUE(refused({"class names", "1 for 2"}));
}

TEST_F(BrokenModelFile, EveryFlippedBitIsDetected) {
  glow::testing::expect_that_no_flipped_bit_is_read(path, [&] { load_model(path); });
}

TEST_F(BrokenModelFile, ChecksumDetectsChangedData) {
  auto bytes = glow::testing::get(path);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  glow::testing::put(path, bytes);
  EXPECT_TRUE(throws<FormatError>([&] { load_model(path); }, {path.string(), "checksum"}));
}

TEST_F(BrokenModelFile, MissingChecksum) {
  auto bytes = glow::testing::get(path);
  const auto key = bytes.find("glow.checksum");
  bytes.replace(key, 13, "some_checksum");
  glow::testing::put(path, bytes);
  EXPECT_TRUE(throws<FormatError>([&] { load_model(path); }, {path.string(), "glow.checksum"}));
}

TEST_F(BrokenModelFile, Truncated) {
  const auto bytes = glow::testing::get(path);
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{100}, bytes.size() - 1}) {
    glow::testing::put(path, bytes.substr(0, size));
    EXPECT_TRUE(throws<FormatError>([&] { load_model(path); }, {path.string()})) << size;
  }
}

}  // namespace
}  // namespace glow::nn::model_file_test
