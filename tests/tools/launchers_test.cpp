// Runs the commands that docs/distributed.md gives for each launcher, as they stand there.
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/processes.h"

namespace glow::testing::launchers_test {
namespace {

namespace fs = std::filesystem;

constexpr const char *kFence = "```", *kMark = "<!-- run by: tests/tools/launchers_test.cpp ";

/// The commands of a page: the text between fences, and the line before, which says by which test they are run
/// (tests/docs/pages.py).
struct Block {
  std::string mark, text;
};

std::vector<Block> blocks_of(const std::string& page) {
  std::vector<Block> blocks;
  std::string before;
  bool is_inside = false;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kFence)) {
      if (!is_inside) blocks.push_back({before, ""});
      is_inside = !is_inside;
    } else if (is_inside) {
      blocks.back().text += line + "\n";
    }
    before = line;
  }
  return blocks;
}

class GlowTrainLaunchers : public ::testing::Test {
 protected:
  /// Runs a block of the page in an empty directory, with `torchrun` and mpirun on PATH. glow-train there is a script
  /// that adds flags for a short run.
  Outcome run_documented(const std::string& name, const fs::path& torchrun = {}) const {
    const auto blocks = blocks_of(get(fs::path(GLOW_DOCS) / "distributed.md"));
    const auto mark = kMark + name + " -->";
    const auto found = std::ranges::find(blocks, mark, &Block::mark);
    if (found == blocks.end()) {
      ADD_FAILURE() << "docs/distributed.md has no block after the line " << mark;
      return {};
    }
    return run_process({"/usr/bin/env", "-C", directory_.path().string(), "PATH=" + path_with(torchrun),
                        "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                        "OMPI_MCA_rmaps_base_oversubscribe=1", "/bin/bash", "-e", "-c", found->text});
  }

  void expect_trained(const Outcome& outcome, const std::string& launcher) const {
    EXPECT_TRUE(succeeded(outcome));
    const auto printed = outcome.out + outcome.err;
    EXPECT_NE(printed.find("2 on 1 host, started by " + launcher), std::string::npos) << printed;
    EXPECT_TRUE(fs::exists(directory_ / "runs" / "demo" / "model.safetensors")) << printed;
  }

 private:
  std::string path_with(const fs::path& torchrun) const {
    const auto programs = directory_ / "programs";
    fs::create_directories(programs);
    std::string line = "exec '" + command("glow-train", {})[0] +
                       "' \"$@\" --data 'fashion-mnist:" + put_fashion_mnist(directory_ / "data").string() +
                       "' --steps 2 --log-every 1";
    for (const auto& flag : tiny_model()) line += " " + flag;
    put(programs / "glow-train", "#!/bin/sh\n" + line + "\n");
    fs::permissions(programs / "glow-train", fs::perms::owner_all);
    if (!torchrun.empty()) fs::create_symlink(torchrun, programs / "torchrun");
    const fs::path mpirun = GLOW_MPIRUN;
    return programs.string() + ":" + mpirun.parent_path().string() + ":/usr/bin:/bin";
  }

  TemporaryDirectory directory_;
};

TEST_F(GlowTrainLaunchers, Mpirun) {
  if (std::string(GLOW_MPIRUN).empty()) GTEST_SKIP() << "there is no mpirun (Debian's openmpi-bin)";
  expect_trained(run_documented("mpirun"), "mpirun");
}

TEST_F(GlowTrainLaunchers, TorchrunOfDebian) {
  const std::string torchrun = GLOW_DEBIAN_TORCHRUN;
  if (torchrun.empty()) GTEST_SKIP() << "there is no torchrun of Debian (python3-torch)";
  expect_trained(run_documented("torchrun_debian", torchrun), "torchrun");
}

TEST_F(GlowTrainLaunchers, TorchrunOfPyPI) {
  const std::string torchrun = GLOW_PYPI_TORCHRUN;
  if (torchrun.empty()) GTEST_SKIP() << "there is no torchrun of PyPI's torch in .deps/pypi";
  expect_trained(run_documented("torchrun", torchrun), "torchrun");
}

TEST_F(GlowTrainLaunchers, ByHand) { expect_trained(run_documented("by_hand"), "RANK and WORLD_SIZE"); }

}  // namespace
}  // namespace glow::testing::launchers_test
