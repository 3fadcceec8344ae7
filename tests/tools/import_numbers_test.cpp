// The tools' numbers of imported models are those of the code bases that wrote the checkpoints.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/io/npy.h>

#include "import/checkpoints.h"
#include "io/npz.h"
#include "support/eval_tool.h"
#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/tools.h"

namespace glow::tools_import_numbers_test {
namespace {

using namespace glow::testing;

class ImportedNumbers : public ::testing::TestWithParam<ImportCase> {
 protected:
  void SetUp() override {
    const auto& file = GetParam().file;
    Arguments arguments{import_fixture(file).string(), model_, "--height", "16", "--width", "16", "--bits", "8"};
    if (options_of(GetParam()).permutation) arguments = arguments + Arguments{"--permutation", "reverse"};
    const auto outcome = call(tools::run_glow_import, arguments);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto images = io::open_npz(import_fixture(file + ".npz"), {"x"}).at("x");
    io::write_npy(images_, images.dtype(), images.shape(), data(images));
  }

  static std::string data(const io::NpzArray& array) {
    auto size = array.element_size();
    for (const auto each : array.shape()) size *= static_cast<std::uint64_t>(each);
    std::string bytes(size, '\0');
    array.read_at(0, bytes);
    return bytes;
  }

  /// Bits/dim of the images, as the code base says.
  template <class Number>
  Numbers expected(const std::string& name) const {
    const auto bytes = data(io::open_npz(import_fixture(GetParam().file + ".npz"), {name}).at(name));
    std::vector<Number> numbers(bytes.size() / sizeof(Number));
    std::memcpy(numbers.data(), bytes.data(), bytes.size());
    return {numbers.begin(), numbers.end()};
  }
  Numbers expected() const {
    return GetParam().code_base == CodeBase::kOpenAI ? expected<float>("bits_x") : expected<double>("bits_per_dim");
  }

  TemporaryDirectory directory_;
  std::string model_ = (directory_ / "model.safetensors").string(), images_ = (directory_ / "x.npy").string();
};

TEST_P(ImportedNumbers, GlowEvalGivesTheBitsPerDim) {
  const auto scores = (directory_ / "scores.csv").string();
  const auto outcome = call(tools::run_glow_eval, {model_, images_, "--draws", "none", "--scores", scores});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto bits = column(scores, "bits_per_dim"), of_code_base = expected();
  ASSERT_EQ(bits.size(), of_code_base.size());
  for (std::size_t i = 0; i < bits.size(); ++i) EXPECT_NEAR(bits[i] / of_code_base[i], 1, 1e-6) << i;
}

TEST_P(ImportedNumbers, GlowTrainBeginsWithThemAndImprovesThem) {
  const auto of_images = expected();
  // Each batch has all images but the one that is held out.
  const auto batch = std::to_string(of_images.size() - 1);
  const auto outcome = call(tools::run_glow_train, {"--init-from", model_, "--data", "npy:" + images_, "--out",
                                                    (directory_ / "run").string(), "--steps", "20", "--lr", "0.001",
                                                    "--batch", batch, "--valid-images", "1", "--log-every", "1"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  Numbers bits;
  std::istringstream lines(get(directory_ / "run" / "metrics.jsonl"));
  for (std::string text; std::getline(lines, text);) {
    const auto line = nlohmann::json::parse(text);
    if (line.contains("bits_per_dim")) bits.push_back(line["bits_per_dim"]);
  }
  ASSERT_EQ(bits.size(), 20u);
  // Noise is added to the images.
  EXPECT_GT(bits.front(), std::ranges::min(of_images) - 0.1);
  EXPECT_LT(bits.front(), std::ranges::max(of_images) + 0.1);
  EXPECT_LT(bits.back(), bits.front());
}

/// Without the conditional model, whose images need labels.
std::vector<ImportCase> unconditional_cases() {
  auto cases = import_cases();
  std::erase_if(cases, [](const ImportCase& each) { return each.options.num_classes > 0; });
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Files, ImportedNumbers, ::testing::ValuesIn(unconditional_cases()),
                         [](const auto& test) { return import_test_name(test.param); });

}  // namespace
}  // namespace glow::tools_import_numbers_test
