// Joins a run of glow-train as rank 1 and reports another version.
#include <string>

#include <gtest/gtest.h>

#include <glow/distributed/communicator.h>
#include <glow/version.h>

#include "support/process_threads.h"
#include "support/train_ranks.h"

namespace glow::testing::version_test {
namespace {

class GlowTrainVersion : public TrainRanks {};

TEST_F(GlowTrainVersion, MustBeEqualOnAllRanks) {
  Ranks ranks(2);
  ranks.start(flags({"--steps", "2"}));
  auto processes = distributed::connect({.rank = 1, .size = 2, .address = "127.0.0.1", .port = ranks.port()});
  processes->gather(R"({"glow": "0.0.0", "libtorch": "0.0.0"})");
  processes = nullptr;
  const auto outcome = ranks[0].wait();
  const std::string reason = "glow-train: rank 1 has glow \"0.0.0\", rank 0 has \"" + std::string(kVersion) + "\"";
  EXPECT_TRUE(ended(outcome, 2, reason));
  EXPECT_FALSE(std::filesystem::exists(run_));
}

}  // namespace
}  // namespace glow::testing::version_test
