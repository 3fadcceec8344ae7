// Checkpoints that other code bases wrote, with what these code bases compute from them (fixtures/README.md).
#include <glow/import/import_model.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/nn/latents.h>

#include "import/mapping.h"
#include "io/npz.h"
#include "io/tensor_bundle.h"
#include "io/torch_file.h"
#include "support/archives.h"
#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::import_model_test {
namespace {

using glow::testing::get;
using glow::testing::put;
using glow::testing::relative_error;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(GLOW_TEST_FIXTURES) / "../../import/fixtures" / name;
}

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

struct Case {
  std::string file;
  CodeBase code_base;
  nn::GlowOptions options;
  /// Relative, of bits/dim: the TensorFlow code computes in float32.
  double tolerance;
};

nn::GlowOptions small(nn::GlowOptions options) {
  options.height = options.width = 16;
  return options;
}

std::vector<Case> cases() {
  using nn::CouplingKind;
  using nn::PermutationKind;
  const nn::GlowOptions tensorflow{.levels = 2, .depth = 2, .hidden_width = 16},
      torch_ones{.levels = 2, .depth = 3, .hidden_width = 24, .permutation = PermutationKind::kLU};
  auto additive = tensorflow, classes = tensorflow, plain = torch_ones, without_top = torch_ones, reversed = torch_ones;
  additive.coupling = CouplingKind::kAdditive;
  additive.permutation = PermutationKind::kShuffle;
  classes.num_classes = 10;
  plain.edge_bias = false;
  without_top.levels = 3;
  without_top.permutation = PermutationKind::kConv1x1;
  without_top.edge_bias = without_top.learn_top = false;
  reversed.depth = 2;
  reversed.permutation = PermutationKind::kReverse;
  reversed.edge_bias = false;
  return {{"affine-conv1x1.ckpt", CodeBase::kOpenAI, small(tensorflow), 1e-6},
          {"additive-shuffle.ckpt", CodeBase::kOpenAI, small(additive), 1e-6},
          {"classes.ckpt", CodeBase::kOpenAI, small(classes), 1e-6},
          {"rosinality-affine-lu-L2K3-8bits.pt", CodeBase::kRosinality, small(torch_ones), 1e-6},
          {"y0ast-affine-invconv-lu-L2K3.pt", CodeBase::kY0ast, small(plain), 1e-6},
          {"y0ast-affine-reverse-L2K2.pt", CodeBase::kY0ast, small(reversed), 1e-6},
          {"chaiyujin-affine-invconv-L3K3.pt", CodeBase::kChaiyujin, small(without_top), 1e-6},
          {"normflows-affine-lu-L2K3.pt", CodeBase::kNormflows, small(plain), 1e-6}};
}

ImportOptions options_of(const Case& each) {
  ImportOptions options{.height = 16, .width = 16, .bits = 8};
  if (each.options.permutation == nn::PermutationKind::kReverse) options.permutation = nn::PermutationKind::kReverse;
  return options;
}

class ImportModel : public ::testing::TestWithParam<Case> {
 protected:
  ImportedModel imported = import_model(fixture(GetParam().file), options_of(GetParam()));
  torch::Tensor of_code_base(const std::string& name) const { return array(fixture(GetParam().file + ".npz"), name); }
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
  EXPECT_LE(((bits - expected) / expected).abs().max().item<double>(), GetParam().tolerance) << bits << expected;
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

/// The tensors of a fixture.
std::map<std::string, importing::StoredTensor> stored_tensors(const Case& each) {
  std::map<std::string, importing::StoredTensor> tensors;
  if (each.code_base == CodeBase::kOpenAI) {
    static std::map<std::string, io::TensorBundle> bundles;
    for (const auto& tensor : bundles.try_emplace(each.file, fixture(each.file)).first->second.tensors()) {
      std::vector<std::int64_t> strides(tensor.shape.size(), 1);
      for (auto i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * tensor.shape[i];
      tensors.emplace(tensor.name, importing::StoredTensor{tensor.dtype, tensor.shape, strides, tensor.data});
    }
  } else {
    static std::map<std::string, io::TorchFile> files;
    for (const auto& tensor : files.try_emplace(each.file, fixture(each.file)).first->second.tensors()) {
      tensors.emplace(tensor.name, importing::StoredTensor{tensor.dtype, tensor.shape, tensor.strides, tensor.data});
    }
  }
  return tensors;
}

ImportedModel import_tensors(const std::map<std::string, importing::StoredTensor>& tensors, const Case& each) {
  importing::Checkpoint checkpoint(each.file, tensors, nullptr);
  return importing::import_checkpoint(checkpoint, options_of(each));
}

torch::Tensor weights(ImportedModel imported) { return imported.model->flat_parameters().values(); }

/// Every so many tensors, because each copy takes tens of milliseconds.
constexpr std::size_t kStride = 11;

TEST_P(ImportModel, ATensorLeftOutIsMissed) {
  const auto tensors = stored_tensors(GetParam());
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
  auto tensors = stored_tensors(GetParam());
  tensors.emplace("another.weight", tensors.begin()->second);
  EXPECT_TRUE(throws<FormatError>([&] { import_tensors(tensors, GetParam()); },
                                  {GetParam().file, "unknown tensor", "another.weight"}));
}

TEST_P(ImportModel, AnotherShapeAndNaNAreRefusedByName) {
  const auto tensors = stored_tensors(GetParam());
  std::size_t number = 0;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.dtype != "F32" || number++ % kStride != 0) continue;
    auto without = tensors;
    without.erase(name);
    try {
      if (weights(import_tensors(without, GetParam())).equal(weights(imported))) continue;  // it is not used
    } catch (const Error&) {
    }
    auto reshaped = tensors, not_finite = tensors;
    reshaped.at(name).shape = {1, 1, 1, 1, 1};
    reshaped.at(name).strides = {1, 1, 1, 1, 1};
    EXPECT_TRUE(throws<FormatError>([&] { import_tensors(reshaped, GetParam()); }, {GetParam().file})) << name;
    std::string nans(tensor.data.size(), '\xff');
    not_finite.at(name).data = nans;
    EXPECT_TRUE(throws<FormatError>([&] { import_tensors(not_finite, GetParam()); }, {name, "not finite"})) << name;
  }
}

TEST_P(ImportModel, AMovedTensorChangesTheDensity) {
  const torch::NoGradGuard no_grad;
  const auto tensors = stored_tensors(GetParam());
  const auto x = imported.model->quantizer().center(images("x"));
  const auto density = [&](const ImportedModel& each) { return each.model->log_prob(x, labels()).to(torch::kDouble); };
  const auto expected = density(imported);
  std::size_t number = 0;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.dtype != "F32" || number++ % kStride != 0) continue;
    auto copy = tensors;
    std::string bytes(tensor.data);
    for (std::size_t i = 0; i + sizeof(float) <= bytes.size(); i += sizeof(float)) {
      float value = 0;
      std::memcpy(&value, bytes.data() + i, sizeof value);
      value += 1e-3F;
      std::memcpy(bytes.data() + i, &value, sizeof value);
    }
    copy.at(name).data = bytes;
    try {
      const auto changed = import_tensors(copy, GetParam());
      const bool is_used = !weights(changed).equal(weights(imported));
      const auto difference = ((density(changed) - expected) / expected).abs().max().item<double>();
      if (is_used && name.find("classifier") == std::string::npos) {
        EXPECT_GT(difference, 2 * GetParam().tolerance) << name;
      }
    } catch (const FormatError&) {
      // A permutation matrix is none any more.
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, ImportModel, ::testing::ValuesIn(cases()), [](const auto& test) {
  std::string name;
  for (const char c : test.param.file) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
});

TEST(ImportOptions, MissingOnesAreNamed) {
  const auto file = fixture("y0ast-affine-reverse-L2K2.pt");
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

const Case& case_of(const std::string& file) {
  static const auto all = cases();
  return *std::find_if(all.begin(), all.end(), [&](const Case& each) { return each.file == file; });
}
const std::string kRosinality = "rosinality-affine-lu-L2K3-8bits.pt", kY0ast = "y0ast-affine-invconv-lu-L2K3.pt",
                  kReversed = "y0ast-affine-reverse-L2K2.pt", kChaiyujin = "chaiyujin-affine-invconv-L3K3.pt";

/// The bytes of a tensor, and the tensor as a checkpoint stores it.
struct OwnTensor {
  explicit OwnTensor(const torch::Tensor& value) : numbers(value.to(torch::kFloat).contiguous()) {}
  importing::StoredTensor stored() const {
    return {"F32",
            numbers.sizes().vec(),
            numbers.strides().vec(),
            {static_cast<const char*>(numbers.data_ptr()), numbers.nbytes()}};
  }
  torch::Tensor numbers;
};

TEST(ImportCheckpoint, PrefixesOfDataParallelAndOfATrainingAreRemoved) {
  const auto& each = case_of(kRosinality);
  const auto tensors = stored_tensors(each);
  std::map<std::string, importing::StoredTensor> parallel, training;
  for (const auto& [name, tensor] : tensors) {
    parallel.emplace("module." + name, tensor);
    training.emplace("state_dict/module." + name, tensor);
  }
  training.emplace("optimizer/state/0/exp_avg", tensors.begin()->second);
  const auto expected = weights(import_tensors(tensors, each));
  EXPECT_TRUE(weights(import_tensors(parallel, each)).equal(expected));
  const auto unwrapped = import_tensors(training, each);
  EXPECT_TRUE(weights(unwrapped).equal(expected));
  EXPECT_EQ(unwrapped.dropped.front(), "1 tensor beside \"state_dict/\"");
  auto twice = parallel;
  twice.emplace("blocks.0.flows.0.actnorm.loc", tensors.begin()->second);
  EXPECT_TRUE(
      throws<FormatError>([&] { import_tensors(twice, each); }, {"two tensors", "blocks.0.flows.0.actnorm.loc"}));
}

TEST(ImportCheckpoint, AClassVectorFixesTheLabels) {
  const auto& each = case_of(kChaiyujin);
  auto tensors = stored_tensors(each);
  const OwnTensor weight(testing::random_normal({96, 3}, 1) * 0.1), bias(testing::random_normal({96}, 2) * 0.1),
      logs(testing::random_normal({96}, 3) * 0.1), classifier(testing::random_normal({3, 48}, 4)),
      three(torch::zeros({3}));
  for (const auto& [name, tensor] :
       {std::pair{"project_ycond.weight", &weight}, std::pair{"project_ycond.bias", &bias},
        std::pair{"project_ycond.logs", &logs}, std::pair{"project_class.weight", &classifier},
        std::pair{"project_class.bias", &three}, std::pair{"project_class.logs", &three}}) {
    tensors.emplace(name, tensor->stored());
  }
  const auto import_with = [&](const ImportOptions& more) {
    auto options = options_of(each);
    options.class_vector = more.class_vector;
    options.class_names = more.class_names;
    importing::Checkpoint checkpoint(each.file, tensors, nullptr);
    return importing::import_checkpoint(checkpoint, options);
  };
  const torch::NoGradGuard no_grad;
  const auto with_classes = import_with({.class_names = {"a", "b", "c"}}).model,
             fixed = import_with({.class_vector = {0, 1, 0}}).model;
  EXPECT_EQ(with_classes->options().num_classes, 3);
  EXPECT_EQ(fixed->options().num_classes, 0);
  const auto x = testing::random_images(fixed->options(), 2, 5).to(torch::kFloat);
  EXPECT_TRUE(testing::close(fixed->log_prob(x), with_classes->log_prob(x, torch::ones({2}, torch::kLong)), 1e-6));
  EXPECT_FALSE(testing::close(fixed->log_prob(x), with_classes->log_prob(x, torch::zeros({2}, torch::kLong)), 1e-6));
  EXPECT_TRUE(throws<ConfigError>([&] { import_with({.class_vector = {0, 1}}); }, {"class_vector", "3", "2"}));
  EXPECT_TRUE(throws<ConfigError>([&] { import_with({}); }, {"class_vector", "3 labels"}));
  EXPECT_TRUE(throws<ConfigError>([&] { import_with({.class_names = {"a"}}); }, {"classes", "3", "1"}));
}

TEST(ImportCheckpoint, ValuesThatAModelCannotHaveAreRefused) {
  const auto refuses = [](const std::string& file, const std::string& name, const torch::Tensor& value,
                          std::initializer_list<std::string_view> parts) {
    const auto& each = case_of(file);
    auto tensors = stored_tensors(each);
    const OwnTensor own(value);
    tensors.at(name) = own.stored();
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
  const auto& each = case_of(kRosinality);
  auto tensors = stored_tensors(each);
  auto& wide = tensors.at("blocks.0.flows.0.coupling.net.0.weight");
  wide.data = {};
  wide.shape = {std::int64_t{1} << 40, 0, 3, 3};
  EXPECT_TRUE(throws<FormatError>([&] { import_tensors(tensors, each); }, {each.file, "hidden_width"}));
  wide.shape = {60000, 0, 3, 3};
  EXPECT_TRUE(throws<FormatError>([&] { import_tensors(tensors, each); }, {each.file, "weights"}));
}

TEST(ImportCheckpoint, HparamsSayWhatTheWeightsDoNot) {
  const auto& each = case_of(kReversed);
  const auto import_with = [&](const std::string& hparams, const ImportOptions& options) {
    importing::Checkpoint checkpoint(each.file, stored_tensors(each), nullptr);
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
  const auto weights_file = get(fixture(kReversed));
  const auto options = options_of(case_of(kReversed));
  const auto expected = weights(import_model(fixture(kReversed), options));
  put(file, testing::zip_archive({testing::zip_stored("glow/a.pt", weights_file),
                                  testing::zip_stored("__MACOSX/glow/._a.pt", "metadata"),
                                  testing::zip_stored("glow/hparams.json", R"({"flow_permutation": "reverse"})")}));
  EXPECT_TRUE(weights(import_model(file, {.height = 16, .width = 16, .bits = 8})).equal(expected));
  put(file,
      testing::zip_archive({testing::zip_stored("a.pt", weights_file), testing::zip_stored("b.pt", weights_file)}));
  EXPECT_TRUE(throws<FormatError>([&] { import_model(file, options); }, {"several checkpoints", "a.pt", "b.pt"}));
  put(file, testing::zip_archive({testing::zip_stored("a.txt", "text")}));
  EXPECT_TRUE(throws<FormatError>([&] { import_model(file, options); }, {"no member that is a checkpoint"}));
  std::filesystem::remove(file);
  put(directory / "a.pth", weights_file);
  EXPECT_TRUE(weights(import_model(directory / "", options)).equal(expected));
  put(directory / "old.pth.tar", weights_file);
  EXPECT_TRUE(weights(import_model(directory / "old.pth.tar", options)).equal(expected));
}

TEST(ImportOptions, FilesBesideTheCheckpointSayTheRest) {
  const TemporaryDirectory directory;
  const auto copy = [&](const std::string& from, const std::string& to) {
    std::filesystem::copy_file(fixture(from), directory / to);
  };
  copy("affine-conv1x1.ckpt.index", "model_best_loss.ckpt.index");
  copy("affine-conv1x1.ckpt.data-00000-of-00001", "model_best_loss.ckpt.data-00000-of-00001");
  put(directory / "train.txt", "{\"image_size\": 16, \"n_bits_x\": 5, \"depth\": 2}\nresults\n");
  for (const char* name :
       {"", "model_best_loss.ckpt", "model_best_loss.ckpt.index", "model_best_loss.ckpt.data-00000-of-00001"}) {
    EXPECT_EQ(import_model(directory / name).model->options().bits, 5) << name;
  }
  EXPECT_EQ(import_model(directory / "model_best_loss.ckpt", {.bits = 8}).model->options().bits, 8);
}

TEST(ImportOptions, AverageTakesTheMovingAverages) {
  const ImportOptions options{.height = 16, .width = 16, .bits = 8};
  auto averaged = options;
  averaged.average = true;
  const auto raw = import_model(fixture("classes.ckpt"), options),
             mean = import_model(fixture("classes.ckpt"), averaged);
  EXPECT_FALSE(weights(raw).equal(weights(mean)));
  for (const auto& imported : {raw, mean}) EXPECT_EQ(imported.dropped.size(), 2u);
}

}  // namespace
}  // namespace glow::import_model_test
