#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include <glow/nn/model_file.h>

#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/tools.h"

namespace glow::tools_import_test {
namespace {

using glow::testing::Arguments;
using glow::testing::call;
using glow::testing::operator+;
using glow::testing::Outcome;
using glow::testing::put;
using glow::testing::TemporaryDirectory;

std::string checkpoint(const std::string& name) {
  return (std::filesystem::path(GLOW_TEST_FIXTURES) / "../../import/fixtures" / name).string();
}

class GlowImport : public ::testing::Test {
 protected:
  Outcome import(const std::string& file, const Arguments& more) const {
    return call(tools::run_glow_import, Arguments{checkpoint(file), "--out", out_} + more);
  }

  TemporaryDirectory directory_;
  std::string out_ = (directory_ / "model.safetensors").string();
  const Arguments images_{"--height", "16", "--width", "16", "--bits", "8"};
};

TEST_F(GlowImport, WritesAModelFileAndSaysWhatItIs) {
  put(directory_ / "names.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
  const auto outcome = import("classes.ckpt", images_ + Arguments{"--classes", (directory_ / "names.txt").string()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* part : {"openai", "10 classes", "16x16, 3 channels, 8 bits", "121 tensors of the optimiser",
                           "all come back", "model.safetensors"}) {
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part << outcome.out;
  }
  EXPECT_EQ(nn::read_model_info(out_).class_names.back(), "j");
}

TEST_F(GlowImport, ReplacesAFileOnlyIfAsked) {
  put(out_, "before");
  const auto refused = import("affine-conv1x1.ckpt", images_);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("--overwrite"), std::string::npos) << refused.err;
  EXPECT_EQ(testing::get(out_), "before");
  EXPECT_EQ(import("affine-conv1x1.ckpt", images_ + Arguments{"--overwrite"}).exit_code, 0);
  EXPECT_EQ(nn::read_model_info(out_).options.depth, 2);
}

TEST_F(GlowImport, ADryRunWritesNothing) {
  const auto outcome = import("rosinality-affine-lu-L2K3-8bits.pt", images_ + Arguments{"--dry-run"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("dry run"), std::string::npos) << outcome.out;
  EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST_F(GlowImport, ADryRunChecksTheOutput) {
  put(out_, "before");
  EXPECT_EQ(import("affine-conv1x1.ckpt", images_ + Arguments{"--dry-run"}).exit_code, 2);
  EXPECT_EQ(testing::get(out_), "before");
}

TEST_F(GlowImport, LargeImagesAreNotSampled) {
  const auto outcome = import("affine-conv1x1.ckpt", {"--height", "8192", "--width", "8192", "--bits", "8"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("too large for a quick one"), std::string::npos) << outcome.out;
}

TEST_F(GlowImport, NamesOfClassesAreChecked) {
  const auto names = directory_ / "names.txt";
  const auto refuses = [&](const std::string& text, const std::string& part) {
    put(names, text);
    const auto outcome = import("classes.ckpt", images_ + Arguments{"--classes", names.string()});
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
    return outcome.exit_code == 2;
  };
  EXPECT_TRUE(refuses("", "is empty"));
  EXPECT_TRUE(refuses("a\n\nb\n", "line 2 is empty"));
  EXPECT_TRUE(refuses("a\nb\na\n", "line 3 has the same name"));
  EXPECT_TRUE(refuses("a\nb\n", "10"));
  EXPECT_EQ(import("classes.ckpt", images_ + Arguments{"--classes", "/dev/zero"}).exit_code, 1);
}

TEST_F(GlowImport, ErrorsAreOneLineWithTheFlag) {
  const auto without_size = import("classes.ckpt", {"--width", "16", "--bits", "8"});
  EXPECT_EQ(without_size.exit_code, 2);
  EXPECT_EQ(without_size.err, "glow-import: --height: the checkpoint does not say, so it must be given\n");
  const auto reversed = import("y0ast-affine-reverse-L2K2.pt", images_);
  EXPECT_EQ(reversed.exit_code, 2);
  EXPECT_EQ(reversed.err.find("glow-import: --permutation: "), 0u) << reversed.err;
  EXPECT_EQ(import("y0ast-affine-reverse-L2K2.pt", images_ + Arguments{"--permutation", "reverse"}).exit_code, 0);
  const auto text = import("README.md", images_ + Arguments{"--overwrite"});
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_NE(text.err.find("expected a file of torch.save"), std::string::npos) << text.err;
}

}  // namespace
}  // namespace glow::tools_import_test
