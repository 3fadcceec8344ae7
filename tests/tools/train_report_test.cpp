// Reads report.html while the run writes it, as a browser might.
#include <atomic>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/files.h"
#include "support/tools.h"

namespace glow::testing::train_report_test {
namespace {

namespace fs = std::filesystem;

bool is_whole(const std::string& page) {
  constexpr std::string_view kEnd = "</html>";
  const auto last = page.find_last_not_of(" \n");
  return page.starts_with("<!doctype html>") && last != std::string::npos && page.substr(0, last + 1).ends_with(kEnd);
}

class GlowTrainReport : public ::testing::Test {
 protected:
  Arguments flags() const {
    return Arguments{"--data", "npy:" + images_.string(), "--out", (directory_ / "run").string()} + tiny_model();
  }
  fs::path page() const { return directory_ / "run" / "report.html"; }

  TemporaryDirectory directory_;
  fs::path images_ = put_images(directory_ / "images.npy", {40, 8, 8});
};

TEST_F(GlowTrainReport, IsCompleteAtAnyTime) {
  std::atomic<bool> over = false;
  std::int64_t torn = 0;
  std::set<std::size_t> sizes;
  std::thread reader([&] {
    while (!over) {
      std::this_thread::yield();
      const auto seen = get(page());
      // Once the page exists, it must not disappear.
      if (seen.empty() && sizes.empty()) continue;
      if (!is_whole(seen)) ++torn;
      sizes.insert(seen.size());
    }
  });
  const auto outcome = train(flags() + Arguments{"--steps", "120", "--log-every", "1", "--eval-every", "3",
                                                 "--sample-every", "30", "--checkpoint-every", "100"});
  over = true;
  reader.join();
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_EQ(torn, 0);
  EXPECT_GE(sizes.size(), 2U);  // of about 40; the number depends on the scheduler
}

TEST_F(GlowTrainReport, ShowsRollbacksAndSkippedStepsOfAFailedRun) {
  const auto outcome = train(flags() + Arguments{"--steps", "100", "--lr", "1e30", "--warmup-epochs", "0",
                                                 "--skip-limit", "3", "--checkpoint-every", "1"});
  EXPECT_EQ(outcome.exit_code, 1);
  const auto text = get(page());
  ASSERT_TRUE(is_whole(text));
  const std::string before = "<script id=\"data\" type=\"application/json\">";
  const auto begin = text.find(before) + before.size();
  const auto record = nlohmann::json::parse(text.substr(begin, text.find("</script>", begin) - begin)).at("record");
  EXPECT_EQ(record["rollbacks"].size(), 2U);
  EXPECT_EQ(record["rollbacks"][1]["rollbacks"], 2);
  EXPECT_EQ(record["skipped"], 3);  // those since the last rollback
  EXPECT_EQ(record["skipped_steps"].size(), 3U);
}

}  // namespace
}  // namespace glow::testing::train_report_test
