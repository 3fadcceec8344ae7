#include <glow/train/run_directory.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "support/files.h"
#include "support/runs.h"
#include "support/temporary_directory.h"

namespace glow::train::run_directory_test {
namespace {

using namespace glow::testing;
namespace fs = std::filesystem;

class RunDirectoryTest : public ::testing::Test {
 protected:
  /// All files that a run can leave when it is killed before it writes config.json.
  void begin() const {
    run_.create();
    for (const auto& file : {run_.metrics(), run_.timing()}) put(file, "");
    put(run_.checkpoints() / checkpoint_name(0), "a checkpoint");
    put(run_.root() / ".config.json.0123abcd.tmp", "half of one");
  }

  TemporaryDirectory directory_;
  RunDirectory run_{directory_ / "run"};
};

TEST_F(RunDirectoryTest, MissingOrEmptyDirectoryIsUnused) {
  EXPECT_TRUE(run_.is_unused());
  EXPECT_FALSE(run_.holds_run());
  run_.create();
  EXPECT_TRUE(run_.is_unused());
  EXPECT_FALSE(run_.holds_run());
}

TEST_F(RunDirectoryTest, LeftoversOfAnInterruptedStartAreUnused) {
  begin();
  EXPECT_TRUE(run_.is_unused());
  EXPECT_FALSE(run_.holds_run());
}

TEST_F(RunDirectoryTest, ConfigMetricsModelOrLaterCheckpointMakeItARun) {
  const auto is_run_with = [&](const fs::path& file, const char* content) {
    begin();
    put(file, content);
    const bool is_run = !run_.is_unused() && run_.holds_run();
    fs::remove_all(run_.root());
    return is_run;
  };
  EXPECT_TRUE(is_run_with(run_.config(), "{}"));
  EXPECT_TRUE(is_run_with(run_.metrics(), "{\"step\":1}\n"));
  EXPECT_TRUE(is_run_with(run_.model(), "weights"));
  EXPECT_TRUE(is_run_with(run_.checkpoints() / checkpoint_name(1), "a checkpoint"));
}

TEST_F(RunDirectoryTest, ForeignFilesAreNeitherUnusedNorARun) {
  run_.create();
  put(run_.root() / "notes.txt", "mine");
  EXPECT_FALSE(run_.is_unused());
  EXPECT_FALSE(run_.holds_run());
}

}  // namespace
}  // namespace glow::train::run_directory_test
