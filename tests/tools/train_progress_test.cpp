#include "tools/train/train_progress.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <sstream>
#include <streambuf>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tools/common/console.h"
#include "tools/common/text.h"
#include "tools/train/train_summary.h"

namespace glow::tools::train_progress_test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

/// What a run of three steps prints.
std::string printed(milliseconds interval, std::int64_t log_every, std::size_t columns = 0) {
  std::ostringstream out, err;
  Console console{out, err, [=] { return columns; }};
  StatusLine status(console, /*quiet=*/false);
  TrainProgress progress(status, {.log_every = log_every}, interval);
  const auto callbacks = progress.callbacks();
  progress.begin_steps(3, 3);  // sets the length of the run, and waits for no step
  for (std::int64_t step = 1; step <= 3; ++step) {
    train::StepReport report;
    report.step = step;
    report.bits_per_dim = 2;
    callbacks.step(report);
  }
  return err.str();
}

TEST(TrainProgress, WritesALineWheneverTheIntervalHasPassed) {
  EXPECT_EQ(printed(hours(1), 100), "");
  const auto each = printed(milliseconds(0), 100);
  EXPECT_EQ(std::count(each.begin(), each.end(), '\n'), 3) << each;
  EXPECT_TRUE(each.starts_with("step 1/3: 2.000 bits/dim")) << each;
  EXPECT_NE(each.find("step 3/3: 2.000 bits/dim, "), std::string::npos) << each;
  EXPECT_NE(each.find("images/s, 0:00 left"), std::string::npos) << each;
  // The lines of --log-every, and no others in between.
  const auto of_log = printed(hours(1), 2);
  EXPECT_EQ(std::count(of_log.begin(), of_log.end(), '\n'), 1) << of_log;
  EXPECT_TRUE(of_log.starts_with("step 2/3: ")) << of_log;
}

TEST(TrainProgress, HasNoSuchLinesOnATerminal) {
  EXPECT_EQ(printed(milliseconds(0), 100, 80).find('\n'), std::string::npos);
}

/// A buffer that may be read while another thread writes.
class SharedBuffer : public std::streambuf {
 public:
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  int_type overflow(int_type character) override {
    const std::lock_guard lock(mutex_);
    text_ += static_cast<char>(character);
    return character;
  }

  std::mutex mutex_;
  std::string text_;
};

/// What is printed until it contains `text`, in at most a minute.
std::string printed_until(SharedBuffer& buffer, const std::string& text) {
  for (int i = 0; i < 6000 && buffer.text().find(text) == std::string::npos; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  return buffer.text();
}

TEST(LongWork, SaysAfterEachIntervalThatItGoesOn) {
  SharedBuffer buffer;
  std::ostream err(&buffer);
  std::ostringstream out;
  Console console{out, err};
  StatusLine status(console, /*quiet=*/false);
  LongWork work(status, milliseconds(1));
  work.begin("initialising the model");
  EXPECT_TRUE(printed_until(buffer, "so far\n").starts_with("initialising the model: 0:00 so far\n"));
  work.begin("step 1/3");
  EXPECT_NE(printed_until(buffer, "step 1/3: ").find("\nstep 1/3: 0:0"), std::string::npos) << buffer.text();
  work.end();
  const auto at_end = buffer.text();
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(buffer.text(), at_end);
}

TEST(LongWork, IsSilentWhenItIsShort) {
  std::ostringstream out, err;
  Console console{out, err};
  StatusLine status(console, /*quiet=*/false);
  LongWork work(status, hours(1));
  work.begin("step 1/3");
  work.end();
  EXPECT_EQ(err.str(), "");
}

TEST(DescribeTrial, SaysHowLongTheRunWouldTake) {
  const train::TrainOptions training{.batch = 66, .steps = 3'900'000};
  EXPECT_EQ(describe_trial({.steps = 2, .seconds = 0.2}, training, 100),
            "time         about 9 days for the whole run (3,900,000 steps at 200 ms, 330 images/s, measured on this "
            "machine; without evaluations)\n");
  EXPECT_EQ(
      describe_trial({.steps = 1, .seconds = 66, .cpu_part = 0.2, .peak_bytes = 2.1e9}, {.batch = 6, .steps = 60}, 100),
      "time         about 66 minutes for the whole run (60 steps at 66.0 s, 0.1 images/s, measured on this machine; "
      "without evaluations)\n"
      "             less when the machine is idle: other processes took most of the time of its cores\n"
      "             2.1 GB of memory were in use during this step\n");
  EXPECT_EQ(describe_trial({.not_measured = "not measured: only 3 GB of memory are free"}, training, 100),
            "time         not measured: only 3 GB of memory are free\n");
  EXPECT_EQ(describe_trial({}, training, 100), "");
}

TEST(RoughDuration, HasOneUnit) {
  EXPECT_EQ(rough_duration(0.4), "0 seconds");
  EXPECT_EQ(rough_duration(1), "1 second");
  EXPECT_EQ(rough_duration(99), "99 seconds");
  EXPECT_EQ(rough_duration(101), "2 minutes");
  EXPECT_EQ(rough_duration(3 * 3600), "3 hours");
  EXPECT_EQ(rough_duration(9 * 86'400), "9 days");
  EXPECT_EQ(rough_duration(1e9), "32 years");
}

}  // namespace
}  // namespace glow::tools::train_progress_test
