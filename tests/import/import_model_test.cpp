// Checkpoints that other code bases wrote, with what these code bases compute from them (fixtures/README.md).
#include <glow/import/import_model.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/nn/latents.h>

#include "import/checkpoints.h"
#include "io/crc32c.h"
#include "io/npz.h"
#include "support/archives.h"
#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::import_model_test {
namespace {

using namespace glow::testing;

/// An array of numbers of an npz file.
torch::Tensor array(const std::filesystem::path& path, const std::string& name) {
  static const std::map<std::string, torch::Dtype> dtypes{{"|u1", torch::kByte},
                                                          {"<i4", torch::kInt},
                                                          {"<i8", torch::kLong},
                                                          {"<f4", torch::kFloat},
                                                          {"<f8", torch::kDouble}};
  const auto arrays = io::open_npz(path, {name});
  const auto& found = arrays.at(name);
  auto tensor = torch::empty(found.shape(), dtypes.at(found.dtype()));
  found.read_at(0, {static_cast<char*>(tensor.data_ptr()), tensor.nbytes()});
  return tensor;
}

/// Relative, of bits/dim. The TensorFlow code computes in float32, as our models do here.
constexpr double kTolerance = 1e-6;

class ImportModel : public ::testing::TestWithParam<ImportCase> {
 protected:
  ImportedModel imported = import_model(import_fixture(GetParam().file), options_of(GetParam()));
  torch::Tensor of_code_base(const std::string& name) const {
    return array(import_fixture(GetParam().file + ".npz"), name);
  }
  /// [N, H, W, C] -> [N, C, H, W]
  torch::Tensor images(const std::string& name) const { return of_code_base(name).permute({0, 3, 1, 2}).contiguous(); }
  torch::Tensor labels() const {
    return GetParam().options.num_classes > 0 ? of_code_base("y").to(torch::kLong) : torch::Tensor();
  }
  bool is_of_tensorflow() const { return GetParam().code_base == CodeBase::kOpenAI; }
  /// Latents of the fixture: in our order, or with each level flattened H, W, C.
  nn::Latents latents(const std::string& name) const {
    const auto rows = of_code_base(name);
    const auto& options = imported.model->options();
    if (!is_of_tensorflow()) return nn::unflatten(rows, options);
    nn::Latents latents;
    std::int64_t begin = 0;
    for (std::int64_t level = 0; level < options.levels; ++level) {
      const auto [c, h, w] = nn::latent_shape(options, level);
      latents.eps.push_back(rows.narrow(1, begin, c * h * w).view({-1, h, w, c}).permute({0, 3, 1, 2}).contiguous());
      begin += c * h * w;
    }
    return latents;
  }
};

TEST_P(ImportModel, RecognisesCodeBaseAndConfiguration) {
  EXPECT_EQ(imported.code_base, GetParam().code_base);
  EXPECT_EQ(nn::to_json(imported.model->options()), nn::to_json(GetParam().options));
}

TEST_P(ImportModel, GivesTheSameBitsPerDim) {
  const torch::NoGradGuard no_grad;
  const auto& model = imported.model;
  const auto x = model->quantizer().center(images("x"));
  const auto bits = model->quantizer().bits_per_dim(model->log_prob(x, labels())).to(torch::kDouble);
  const auto expected = of_code_base(is_of_tensorflow() ? "bits_x" : "bits_per_dim").to(torch::kDouble);
  EXPECT_LE(((bits - expected) / expected).abs().max().item<double>(), kTolerance) << bits << expected;
}

TEST_P(ImportModel, GivesTheSameLatents) {
  const torch::NoGradGuard no_grad;
  const auto x = imported.model->quantizer().center(images("x"));
  const auto eps = nn::flatten(imported.model->encode(x, labels()));
  EXPECT_LE(relative_error(eps, nn::flatten(latents("eps"))), 2e-6);
}

TEST_P(ImportModel, DecodesTheSameImages) {
  const torch::NoGradGuard no_grad;
  const auto decoded = imported.model->quantizer().to_bytes(imported.model->decode(latents("new_eps"), labels()));
  const auto difference = (decoded.to(torch::kInt) - images("decoded").to(torch::kInt)).abs();
  // Values near the edge of a bin may be rounded to either side.
  EXPECT_LE(difference.max().item<int>(), 1);
  EXPECT_LE(difference.ne(0).to(torch::kDouble).mean().item<double>(), 2e-3);
}

torch::Tensor weights(ImportedModel imported) { return imported.model->flat_parameters().values(); }

/// Every so many tensors, because each copy takes tens of milliseconds.
constexpr std::size_t kStride = 11;

TEST_P(ImportModel, ATensorLeftOutIsMissed) {
  const auto tensors = fixture_tensors(GetParam());
  std::size_t number = 0, missed = 0;
  for (const auto& [name, tensor] : tensors) {
    if (number++ % kStride != 0) continue;
    auto copy = tensors;
    copy.erase(name);
    try {
      // A tensor that is not used need not be there.
      EXPECT_TRUE(weights(import_tensors(copy, GetParam())).equal(weights(imported))) << name;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(GetParam().file), std::string::npos) << error.what();
      ++missed;
    }
  }
  EXPECT_GE(missed, 3u);
}

TEST_P(ImportModel, OneTooManyIsRefused) {
  auto tensors = fixture_tensors(GetParam());
  tensors.emplace("another.weight", tensors.begin()->second);
  EXPECT_TRUE(throws<FormatError>([&] { import_tensors(tensors, GetParam()); },
                                  {GetParam().file, "unknown tensor", "another.weight"}));
}

TEST_P(ImportModel, AnotherShapeAndNaNAreRefusedByName) {
  const auto tensors = fixture_tensors(GetParam());
  std::size_t number = 0;
  for (const auto& [name, tensor] : tensors) {
    if (number++ % kStride != 0) continue;
    auto without = tensors;
    without.erase(name);
    try {
      if (weights(import_tensors(without, GetParam())).equal(weights(imported))) continue;  // it is not used
    } catch (const Error&) {
    }
    auto reshaped = tensors, not_finite = tensors;
    reshaped.at(name) = torch::zeros({1, 1, 1, 1, 1});
    EXPECT_TRUE(throws<FormatError>([&] { import_tensors(reshaped, GetParam()); }, {GetParam().file})) << name;
    not_finite.at(name) = at::full_like(tensor, NAN);
    EXPECT_TRUE(throws<FormatError>([&] { import_tensors(not_finite, GetParam()); }, {name, "not finite"})) << name;
  }
}

TEST_P(ImportModel, AMovedTensorChangesTheDensity) {
  const torch::NoGradGuard no_grad;
  const auto tensors = fixture_tensors(GetParam());
  const auto x = imported.model->quantizer().center(images("x"));
  const auto density = [&](const ImportedModel& each) { return each.model->log_prob(x, labels()).to(torch::kDouble); };
  const auto expected = density(imported);
  std::size_t number = 0;
  for (const auto& [name, tensor] : tensors) {
    if (number++ % kStride != 0) continue;
    auto copy = tensors;
    copy.at(name) = tensor + 1e-3;
    try {
      const auto changed = import_tensors(copy, GetParam());
      const bool is_used = !weights(changed).equal(weights(imported));
      const auto difference = ((density(changed) - expected) / expected).abs().max().item<double>();
      if (is_used && name.find("classifier") == std::string::npos) {
        EXPECT_GT(difference, 2 * kTolerance) << name;
      }
    } catch (const FormatError&) {
      // A permutation matrix is none any more.
    }
  }
}

/// Changes a checkpoint at random, in ways in which files differ from what the code expects.
class RandomChanges {
 public:
  explicit RandomChanges(std::uint64_t seed) : random_(seed) {}

  void change(TensorMap& tensors) {
    auto& [name, tensor] = *std::next(tensors.begin(), below(static_cast<std::int64_t>(tensors.size())));
    switch (below(9)) {
      case 0:
        tensors.erase(std::string(name));
        return;
      case 1:
        tensors[changed_number(name)] = tensor;
        return;
      case 2: {
        const auto moved = tensor;
        const auto to = changed_number(name);
        tensors.erase(std::string(name));
        tensors[to] = moved;
        return;
      }
      case 3:
        tensor = tensor.flatten();
        return;
      case 4:
        tensor = tensor.unsqueeze(below(tensor.dim() + 1));
        return;
      case 5:
        if (tensor.dim() > 0) {
          const auto cut = axis(tensor);
          tensor = tensor.narrow(cut, 0, below(tensor.size(cut) + 1));
        }
        return;
      case 6:
        if (tensor.dim() > 1) tensor = tensor.transpose(axis(tensor), axis(tensor));
        return;
      case 7:
        tensor = std::next(tensors.begin(), below(static_cast<std::int64_t>(tensors.size())))->second;
        return;
      default: {
        static const std::vector<double> values{0, -1, 1e300, -1e300, INFINITY, NAN, 1e-300, 0.5};
        tensor =
            at::full_like(tensor, values[static_cast<std::size_t>(below(static_cast<std::int64_t>(values.size())))]);
      }
    }
  }

  std::int64_t below(std::int64_t bound) {
    return bound <= 1 ? 0 : std::uniform_int_distribution<std::int64_t>(0, bound - 1)(random_);
  }

 private:
  std::int64_t axis(const torch::Tensor& tensor) { return below(tensor.dim()); }

  /// The name with another digit: of another level, step or layer.
  std::string changed_number(std::string name) {
    const auto at =
        name.find_first_of("0123456789", static_cast<std::size_t>(below(static_cast<std::int64_t>(name.size()))));
    if (at == std::string::npos) return name + "0";
    name[at] = static_cast<char>('0' + below(10));
    return name;
  }

  std::mt19937_64 random_;
};

TEST_P(ImportModel, ChangedCheckpointsAreRefusedOrGiveFiniteWeights) {
  const auto tensors = fixture_tensors(GetParam());
  int refused = 0;
  constexpr int kTries = 150;
  for (int seed = 0; seed < kTries; ++seed) {
    RandomChanges changes(static_cast<std::uint64_t>(seed));
    auto changed = tensors;
    for (auto count = 1 + changes.below(3); count > 0; --count) changes.change(changed);
    try {
      EXPECT_TRUE(weights(import_tensors(changed, GetParam())).isfinite().all().item<bool>()) << seed;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << seed << ": " << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, kTries / 3);
}

class ImportClasses : public ImportModel {};

TEST_P(ImportClasses, GivesTheSameBits) {
  const torch::NoGradGuard no_grad;
  const auto& model = imported.model;
  const auto logits = model->evaluate(model->quantizer().center(images("x")), labels()).class_logits;
  const auto bits = at::cross_entropy_loss(logits, labels(), {}, at::Reduction::None) / std::log(2.0);
  EXPECT_TRUE(close(bits, of_code_base("bits_y"), kTolerance)) << bits << of_code_base("bits_y");
}

INSTANTIATE_TEST_SUITE_P(Files, ImportClasses, ::testing::Values(import_case(kClasses)),
                         [](const auto& test) { return import_test_name(test.param); });

INSTANTIATE_TEST_SUITE_P(Files, ImportModel, ::testing::ValuesIn(import_cases()),
                         [](const auto& test) { return import_test_name(test.param); });

TEST(ImportOptions, MissingOnesAreNamed) {
  const auto file = import_fixture("y0ast-affine-reverse-L2K2.pt");
  const auto reverse = nn::PermutationKind::kReverse;
  const auto refuses = [&](const ImportOptions& options, std::initializer_list<std::string_view> parts) {
    return throws<ConfigError>([&] { import_model(file, options); }, parts);
  };
  EXPECT_TRUE(refuses({.width = 16, .bits = 8, .permutation = reverse}, {"height"}));
  EXPECT_TRUE(refuses({.height = 16, .width = 16, .permutation = reverse}, {"bits"}));
  EXPECT_TRUE(refuses({.height = 16, .width = 16, .bits = 8}, {"permutation", "reverse"}));
  EXPECT_TRUE(refuses({.height = 16, .width = 16, .bits = 8, .permutation = nn::PermutationKind::kShuffle},
                      {"permutation", "shuffle"}));
  EXPECT_TRUE(refuses({.height = 15, .width = 16, .bits = 8, .permutation = reverse}, {"height"}));
  EXPECT_TRUE(refuses({.height = 16, .width = 16, .bits = 8, .permutation = reverse, .average = true}, {"average"}));
  EXPECT_TRUE(
      refuses({.height = 16, .width = 16, .bits = 8, .permutation = reverse, .class_vector = {1}}, {"class_vector"}));
  EXPECT_TRUE(throws<FormatError>(
      [&] {
        import_model(file, {.height = 16, .width = 16, .bits = 8, .permutation = reverse}, CodeBase::kRosinality);
      },
      {"rosinality"}));
}

TEST(ImportCheckpoint, PrefixesOfDataParallelAndOfATrainingAreRemoved) {
  const auto& each = import_case(kRosinality);
  const auto tensors = fixture_tensors(each);
  TensorMap parallel, training;
  for (const auto& [name, tensor] : tensors) {
    parallel.emplace("module." + name, tensor);
    training.emplace("state_dict/module." + name, tensor);
  }
  training.emplace("optimizer/state/0/exp_avg", tensors.begin()->second);
  const auto expected = weights(import_tensors(tensors, each));
  EXPECT_TRUE(weights(import_tensors(parallel, each)).equal(expected));
  const auto unwrapped = import_tensors(training, each);
  EXPECT_TRUE(weights(unwrapped).equal(expected));
  EXPECT_EQ(unwrapped.dropped.front(), "1 tensor beside \"state_dict/module.\"");
  auto twice = parallel;
  twice.emplace("blocks.0.flows.0.actnorm.loc", tensors.begin()->second);
  EXPECT_TRUE(throws<FormatError>([&] { import_tensors(twice, each); }, {"several models"}));
}

TEST(ImportCheckpoint, AClassVectorFixesTheLabels) {
  const auto& each = import_case(kChaiyujin);
  auto tensors = fixture_tensors(each);
  tensors["project_ycond.weight"] = random_normal({96, 3}, 1) * 0.1;
  tensors["project_ycond.bias"] = random_normal({96}, 2) * 0.1;
  tensors["project_ycond.logs"] = random_normal({96}, 3) * 0.1;
  tensors["project_class.weight"] = random_normal({3, 48}, 4);
  tensors["project_class.bias"] = tensors["project_class.logs"] = torch::zeros({3});
  const auto import_with = [&](const ImportOptions& more) {
    auto options = options_of(each);
    options.class_vector = more.class_vector;
    options.class_names = more.class_names;
    return import_tensors(tensors, each, options);
  };
  const torch::NoGradGuard no_grad;
  const auto with_classes = import_with({.class_names = {"a", "b", "c"}}).model,
             fixed = import_with({.class_vector = {0, 1, 0}}).model;
  EXPECT_EQ(with_classes->options().num_classes, 3);
  EXPECT_EQ(fixed->options().num_classes, 0);
  const auto x = random_images(fixed->options(), 2, 5).to(torch::kFloat);
  EXPECT_TRUE(close(fixed->log_prob(x), with_classes->log_prob(x, torch::ones({2}, torch::kLong)), 1e-6));
  EXPECT_FALSE(close(fixed->log_prob(x), with_classes->log_prob(x, torch::zeros({2}, torch::kLong)), 1e-6));
  EXPECT_TRUE(throws<ConfigError>([&] { import_with({.class_vector = {0, 1}}); }, {"class_vector", "3", "2"}));
  EXPECT_TRUE(throws<ConfigError>([&] { import_with({}); }, {"class_vector", "3 labels"}));
  EXPECT_TRUE(throws<ConfigError>([&] { import_with({.class_names = {"a"}}); }, {"classes", "3", "1"}));
}

TEST(ImportCheckpoint, ValuesThatAModelCannotHaveAreRefused) {
  const auto refuses = [](const std::string& file, const std::string& name, const torch::Tensor& value,
                          std::initializer_list<std::string_view> parts) {
    const auto& each = import_case(file);
    auto tensors = fixture_tensors(each);
    tensors.at(name) = value;
    return throws<FormatError>([&] { import_tensors(tensors, each); }, parts);
  };
  EXPECT_TRUE(refuses(kY0ast, "flow.layers.1.invconv.sign_s", torch::full({12}, 0.5), {"sign_s", "+1 or -1"}));
  EXPECT_TRUE(refuses(kY0ast, "flow.layers.1.invconv.p", torch::ones({12, 12}), {"invconv.p", "permutation"}));
  EXPECT_TRUE(refuses(kY0ast, "prior_h", torch::ones({1, 48, 4, 4}), {"prior_h", "not zero"}));
  EXPECT_TRUE(refuses(kRosinality, "blocks.0.flows.0.actnorm.scale", torch::zeros({1, 12, 1, 1}), {"scale", "finite"}));
  EXPECT_TRUE(refuses(kRosinality, "blocks.0.flows.0.actnorm.initialized", torch::zeros({}), {"not initialised"}));
  EXPECT_TRUE(refuses(kRosinality, "blocks.1.prior.conv.weight", torch::zeros({48, 99, 3, 3}), {"24 input planes"}));
  EXPECT_TRUE(refuses("additive-shuffle.ckpt", "model/0/0/shuffle/indices", torch::full({12}, 3), {"permutation"}));
  EXPECT_TRUE(refuses("additive-shuffle.ckpt", "model/0/0/shuffle/indices", torch::full({12}, 1e30), {"permutation"}));
  EXPECT_TRUE(refuses("affine-conv1x1.ckpt", "model/prior/p/W", torch::zeros({3, 3, 7, 48}), {"49 input planes"}));
}

TEST(ImportCheckpoint, ShapesAloneAllocateNothing) {
  const io::MappedFile file(import_fixture(kRosinality));
  const auto import_with = [&](std::int64_t width) {
    auto tensors = io::read_torch(file.bytes(), kRosinality);
    auto& wide = *std::ranges::find(tensors, "blocks.0.flows.0.coupling.net.0.weight", &io::StoredTensor::name);
    wide.data = {};
    wide.shape = {width, 0, 3, 3};
    importing::Checkpoint checkpoint(kRosinality, tensors, nullptr);
    importing::import_checkpoint(checkpoint, options_of(import_case(kRosinality)));
  };
  EXPECT_TRUE(throws<FormatError>([&] { import_with(std::int64_t{1} << 40); }, {kRosinality, "hidden_width"}));
  EXPECT_TRUE(throws<FormatError>([&] { import_with(60000); }, {kRosinality, "weights"}));
}

TEST(ImportCheckpoint, TensorsThatShareNumbersCountOnce) {
  const io::MappedFile file(import_fixture(kRosinality));
  auto tensors = io::read_torch(file.bytes(), kRosinality);
  auto& wide = *std::ranges::find(tensors, "blocks.0.flows.0.coupling.net.0.weight", &io::StoredTensor::name);
  wide.shape = {4000, 6, 3, 3};
  wide.strides = {0, 9, 3, 1};
  const auto shared = wide;
  for (int i = 0; i < 1000; ++i) {
    tensors.push_back(shared);
    tensors.back().name = "copy." + std::to_string(i);
  }
  importing::Checkpoint checkpoint(kRosinality, tensors, nullptr);
  EXPECT_LE(checkpoint.bytes(), std::ssize(file.bytes()));
  EXPECT_TRUE(throws<FormatError>(
      [&] { importing::import_checkpoint(checkpoint, options_of(import_case(kRosinality))); }, {"weights", "bytes"}));
}

TEST(ImportCheckpoint, AnEmptyTensorDoesNotHideADamagedOneAtItsPlace) {
  const std::string bytes(4, 'a');
  const auto tensor = [&](const std::string& name, std::size_t size, std::uint32_t checksum) {
    const auto data = std::string_view(bytes).substr(0, size);
    return io::StoredTensor{.name = name,
                            .dtype = "F32",
                            .shape = {static_cast<std::int64_t>(size / sizeof(float))},
                            .strides = {1},
                            .data = data,
                            .checksum = {io::Checksum::Kind::kMaskedCrc32c, data, checksum}};
  };
  importing::Checkpoint checkpoint("file", {tensor("a", 0, io::masked_crc32c("")), tensor("b", 4, 0)}, nullptr);
  EXPECT_EQ(checkpoint.take("a").numel(), 0);
  EXPECT_TRUE(throws<FormatError>([&] { checkpoint.take("b"); }, {"\"b\" is damaged"}));
}

TEST(ImportCheckpoint, ShapesOfTensorsWithoutNumbersAreNotUsed) {
  const io::TensorBundle bundle(import_fixture(kAffineConv1x1));
  auto tensors = bundle.tensors();
  auto& strings = *std::ranges::find(tensors, "model/0/0/f1/l_1/W", &io::StoredTensor::name);
  strings = {.name = strings.name, .dtype = "", .shape = {3, 3, 7, 60000}, .strides = {}};
  importing::Checkpoint checkpoint(kAffineConv1x1, tensors, nullptr);
  EXPECT_TRUE(
      throws<FormatError>([&] { importing::import_checkpoint(checkpoint, options_of(import_case(kAffineConv1x1))); },
                          {"model/0/0/f1/l_1/W", "no numbers"}));
}

TEST(ImportCheckpoint, ModelsThatCannotBeImportedAreNamed) {
  auto tensors = fixture_tensors(import_case(kNormflows));
  const auto refuses = [&](std::initializer_list<std::string_view> parts) {
    return throws<FormatError>([&] { import_tensors(tensors, import_case(kNormflows)); }, parts);
  };
  const auto loc = tensors.at("q0.0.loc");
  tensors["q0.0.loc"] = torch::zeros({1, loc.numel(), 4, 4});
  EXPECT_TRUE(refuses({"q0.0", "a mean for each pixel", "normflows.md"}));
  tensors["q0.0.loc"] = loc;
  tensors["q0.0.loc_cc"] = loc;
  EXPECT_TRUE(refuses({"q0.0", "parameters for each class"}));
  TensorMap other{{"module.flowlevels.0.flowsteps.0.0.bias", torch::zeros({3})}};
  EXPECT_TRUE(throws<FormatError>([&] { import_tensors(other, import_case(kNormflows)); }, {"kamenbliznashki"}));
}

TEST(ImportCheckpoint, AveragesBesideTheWeightsAreDropped) {
  const auto& each = import_case(kY0astReversed);
  const auto tensors = fixture_tensors(each);
  TensorMap training;
  for (const auto& [name, tensor] : tensors) {
    training.emplace("net/module." + name, tensor);
    training.emplace("net_ema/module." + name, tensor + 1);
  }
  const auto imported = import_tensors(training, each);
  EXPECT_TRUE(weights(imported).equal(weights(import_tensors(tensors, each))));
  EXPECT_EQ(imported.dropped.front(), std::to_string(tensors.size()) + " tensors beside \"net/module.\"");
}

TEST(ImportCheckpoint, HparamsSayWhatTheWeightsDoNot) {
  const auto& each = import_case(kY0astReversed);
  const auto import_with = [&](const std::string& hparams, const ImportOptions& options) {
    const auto tensors = fixture_tensors(each);
    auto checkpoint = checkpoint_of(tensors, each.file);
    checkpoint.add_option_file("hparams.json", hparams);
    return importing::import_checkpoint(checkpoint, options).model->options();
  };
  const auto options = import_with(R"({"dataset": "cifar10", "flow_permutation": "reverse"})", {});
  EXPECT_EQ(options.height, 32);
  EXPECT_EQ(options.bits, 8);
  EXPECT_EQ(options.permutation, nn::PermutationKind::kReverse);
  EXPECT_TRUE(throws<FormatError>([&] { import_with(R"({"flow_permutation": "shuffle"})", options_of(each)); },
                                  {"shuffled", "lost"}));
  EXPECT_TRUE(throws<ConfigError>([&] { import_with("[1, 2", {}); }, {"permutation"}));
}

TEST(ImportCheckpoint, ArchivesAndFoldersOfOneCheckpoint) {
  const TemporaryDirectory directory;
  const auto file = directory / "glow.zip";
  const auto weights_file = get(import_fixture(kY0astReversed));
  const auto options = options_of(import_case(kY0astReversed));
  const auto expected = weights(import_model(import_fixture(kY0astReversed), options));
  put(file, zip_archive({zip_stored("glow/a.pt", weights_file), zip_stored("__MACOSX/glow/._a.pt", "metadata"),
                         zip_stored("glow/hparams.json", R"({"flow_permutation": "reverse"})")}));
  EXPECT_TRUE(weights(import_model(file, {.height = 16, .width = 16, .bits = 8})).equal(expected));
  put(file, zip_archive({zip_stored("a.pt", weights_file), zip_stored("b.pt", weights_file)}));
  EXPECT_TRUE(throws<FormatError>([&] { import_model(file, options); }, {"several checkpoints", "a.pt", "b.pt"}));
  put(file, zip_archive({zip_stored("a.txt", "text")}));
  EXPECT_TRUE(throws<FormatError>([&] { import_model(file, options); }, {"no member that is a checkpoint"}));
  const std::string log(200'000, ' ');
  put(file, zip_archive({zip_stored("a.pt", weights_file),
                         zip_deflated("hparams.json", R"({"flow_permutation": "reverse"})" + log)}));
  EXPECT_TRUE(weights(import_model(file, {.height = 16, .width = 16, .bits = 8})).equal(expected));
  std::filesystem::remove(file);
  put(directory / "a.pth", weights_file);
  EXPECT_TRUE(weights(import_model(directory / "", options)).equal(expected));
  put(directory / "optim.pt", weights_file);
  EXPECT_TRUE(throws<FormatError>([&] { import_model(directory / "", options); },
                                  {"several checkpoints", "a.pth", "optim.pt"}));
  put(directory / "old.pth.tar", weights_file);
  EXPECT_TRUE(weights(import_model(directory / "old.pth.tar", options)).equal(expected));
}

TEST(ImportOptions, FilesBesideTheCheckpointSayTheRest) {
  const TemporaryDirectory directory;
  const auto copy = [&](const std::string& from, const std::string& to) {
    std::filesystem::copy_file(import_fixture(from), directory / to);
  };
  copy("affine-conv1x1.ckpt.index", "model_best_loss.ckpt.index");
  copy("affine-conv1x1.ckpt.data-00000-of-00001", "model_best_loss.ckpt.data-00000-of-00001");
  put(directory / "train.txt", "{\"image_size\": 16, \"n_bits_x\": 5, \"depth\": 2}\nresults\n");
  for (const char* name :
       {"", "model_best_loss.ckpt", "model_best_loss.ckpt.index", "model_best_loss.ckpt.data-00000-of-00001"}) {
    EXPECT_EQ(import_model(directory / name).model->options().bits, 5) << name;
  }
  EXPECT_EQ(import_model(directory / "model_best_loss.ckpt").images_from, "train.txt");
  EXPECT_EQ(import_model(directory / "model_best_loss.ckpt", {.height = 16, .width = 16, .bits = 5}).images_from, "");
  EXPECT_TRUE(throws<ConfigError>([&] { import_model(directory / "model_best_loss.ckpt", {.bits = 8}); },
                                  {"bits", "8 contradicts train.txt, which says 5"}));
}

TEST(ImportOptions, AverageTakesTheMovingAverages) {
  const ImportOptions options{.height = 16, .width = 16, .bits = 8};
  auto averaged = options;
  averaged.average = true;
  const auto raw = import_model(import_fixture("classes.ckpt"), options),
             mean = import_model(import_fixture("classes.ckpt"), averaged);
  EXPECT_FALSE(weights(raw).equal(weights(mean)));
  for (const auto& imported : {raw, mean}) EXPECT_EQ(imported.dropped.size(), 2u);
}

}  // namespace
}  // namespace glow::import_model_test
