#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/tools.h"

namespace glow::testing::sample_bad_input_test {
namespace {

namespace fs = std::filesystem;

struct Usage {
  std::string name;
  /// Appended to "--model MODEL --out DIRECTORY/out.png"; "DIRECTORY/" begins a path in the test's directory.
  Arguments flags;
  std::vector<std::string> message;
  std::string model = "colour_conv1x1_affine";
};

class GlowSampleUsage : public ::testing::TestWithParam<Usage> {};

TEST_P(GlowSampleUsage, ErrorIsOneLineThatNamesTheFlag) {
  const TemporaryDirectory directory;
  Arguments flags{"--model", fixture_model(GetParam().model), "--out", (directory / "out.png").string()};
  const std::string here = "DIRECTORY/";
  for (const auto& flag : GetParam().flags) {
    flags.push_back(flag.starts_with(here) ? (directory / flag.substr(here.size())).string() : flag);
  }
  EXPECT_TRUE(failed(sample(flags), "glow-sample", 2, GetParam().message));
  EXPECT_EQ(count_files(directory.path()), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    , GlowSampleUsage,
    ::testing::Values(
        Usage{"UnknownFlag", {"--classes", "3"}, {"unknown flag --classes"}},
        Usage{"NoModel", {"--model", ""}, {"--model: expected a model file"}},
        Usage{"NoOut", {"--out", ""}, {"--out: expected a file or folder"}},
        Usage{"OutWithWrongExtension", {"--out", "DIRECTORY/out.gif"}, {"--out: expected FILE.png", "out.gif"}},
        Usage{"OutIsTheStandardOutput", {"--out", "-"}, {"--out: '-' is not", "./-"}},
        Usage{"ModelIsTheStandardInput", {"--model", "-"}, {"--model: '-' is not", "./-"}},
        Usage{"ZeroCount", {"--count", "0"}, {"--count: ", "got 0"}},
        Usage{"ColumnsForAFolder", {"--out", "DIRECTORY/images", "--columns", "3"}, {"--columns: only a grid"}},
        Usage{"NegativeTemperature", {"--temperature", "-1"}, {"--temperature: ", "-1"}},
        Usage{"TooManyTemperatures", {"--temperature", "1,1,1"}, {"--temperature: ", "2 levels", "got 3"}},
        Usage{"EmptyTemperature", {"--temperature", "1,"}, {"--temperature: expected a number, got ''"}},
        Usage{"ClassForUnconditionalModel", {"--class", "cat"}, {"--class: ", "unconditional"}},
        Usage{"UnknownClass", {"--class", "cat"}, {"--class: ", "'cat'", "bag"}, "conditional_conv1x1_affine"},
        Usage{"ClassOutOfRange", {"--class", "3"}, {"--class: ", "0 to 2", "'3'"}, "conditional_conv1x1_affine"},
        Usage{"GridOfFiveChannels", {}, {"--out: ", "1 or 3 channels"}, "five_channels_shuffle_affine"},
        Usage{"DescribeWithOut", {"--describe"}, {"--out: nothing is written with --describe"}}),
    name_of);

TEST(GlowSampleMemory, ABatchTooLargeIsOneLineThatNamesTheFlag) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the sanitizer ends the program at such an allocation";
#endif
  const TemporaryDirectory directory;
  const auto many = std::to_string(std::int64_t{1} << 40);
  EXPECT_TRUE(failed(
      sample({"--model", kGreyModel, "--count", many, "--batch", many, "--out", (directory / "out.npy").string()}),
      "glow-sample", 1, {"out of memory", "; a smaller --batch needs less"}));
  EXPECT_EQ(count_files(directory.path()), 0u);
}

TEST(GlowSampleFiles, ErrorNamesAMissingOrDamagedModel) {
  const TemporaryDirectory directory;
  const auto model = (directory / "model.safetensors").string();
  const auto refused = [&](const std::string& reason) {
    for (const auto& task : {Arguments{"--describe"}, Arguments{"--out", (directory / "out.png").string()}}) {
      EXPECT_TRUE(failed(sample(Arguments{"--model", model} + task), "glow-sample", 1, {model, reason}));
    }
  };
  refused("No such file");
  auto bytes = get(kGreyModel);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  put(model, bytes);
  refused("checksum");
  EXPECT_EQ(count_files(directory.path()), 1u);
}

TEST(GlowSampleFiles, RefusesExistingOutputWithoutOverwrite) {
  const TemporaryDirectory directory;
  for (const char* name : {"out.png", "out.npy"}) {
    const auto out = directory / name;
    put(out, "mine");
    const auto outcome = sample({"--model", kGreyModel, "--out", out.string()});
    EXPECT_TRUE(failed(outcome, "glow-sample", 2, {"--out: " + out.string() + " exists", "--overwrite"}));
    EXPECT_EQ(get(out), "mine");
  }
}

TEST(GlowSampleFiles, ErrorNamesAnUnwritablePath) {
  const TemporaryDirectory directory;
  put(directory / "file", "");
  for (const char* name : {"file/out.png", "file/images", "none/out.npy"}) {
    const auto out = (directory / name).string();
    EXPECT_TRUE(failed(sample({"--model", kGreyModel, "--out", out}), "glow-sample", 1, {"cannot write " + out}));
  }
  EXPECT_EQ(count_files(directory.path()), 1u);
}

TEST(GlowSampleFiles, FileSizeLimitLeavesNoPartialFile) {
  const TemporaryDirectory directory;
  for (const char* name : {"out.png", "out.npy"}) {
    const auto out = (directory / name).string();
    const FileSizeLimit limit(1000);
    const auto outcome = sample({"--model", kColourModel, "--out", out});
    EXPECT_TRUE(failed(outcome, "glow-sample", 1, {"cannot write " + out, "File too large"}));
  }
  EXPECT_EQ(count_files(directory.path()), 0u);
}

}  // namespace
}  // namespace glow::testing::sample_bad_input_test
