#include "tools/train/train_progress.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "tools/common/interruption.h"
#include "tools/common/text.h"
#include "tools/train/train_summary.h"

namespace glow::tools {

void RecentMean::add(double value) {
  constexpr double kDecay = 0.98;
  sum_ = kDecay * sum_ + value;
  weight_ = kDecay * weight_ + 1;
}

void LongWork::begin(const std::string& what) {
  end();
  constexpr std::chrono::milliseconds kOnTerminal(1000);
  const auto interval = status_.is_live() ? std::min(interval_, kOnTerminal) : interval_;
  thread_ = std::jthread([this, what, interval](const std::stop_token& stop) {
    const auto began = std::chrono::steady_clock::now();
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any is_over;
    while (!is_over.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) {
      const std::chrono::duration<double> time = std::chrono::steady_clock::now() - began;
      const auto text = what + ": " + duration(time.count()) + " so far";
      status_.is_live() ? status_.show(text) : status_.log(text);
    }
  });
}

void LongWork::end() { thread_ = std::jthread(); }

void TrainProgress::begin_steps(std::int64_t steps_done, std::int64_t steps) {
  total_steps_ = steps;
  last_line_ = step_began_ = Clock::now();
  if (steps_done < steps) work_.begin("step " + grouped(steps_done + 1) + "/" + grouped(steps));
}

train::RunCallbacks TrainProgress::callbacks() {
  train::RunCallbacks callbacks;
  callbacks.initialized = [this](const nn::InitializeReport& report) {
    for (const auto& floored : report.floored) {
      status_.log("initialisation: " + std::to_string(floored.channels) + " channels of " + floored.layer +
                  " have almost no variance; their scale is limited");
    }
  };
  callbacks.resumed = [this](const train::IntactCheckpoint& checkpoint) {
    for (const auto& reason : checkpoint.damaged) status_.log("skipped a damaged checkpoint: " + reason);
    status_.log("going on from " + checkpoint.path.string());
  };
  callbacks.step = [this](const train::StepReport& report) { step(report); };
  callbacks.evaluating = [this](const std::string& what, std::int64_t done, std::int64_t total) {
    evaluating(what, done, total);
  };
  callbacks.evaluated = [this](std::int64_t step, const evaluate::ScoreSummary& evaluation,
                               const train::Monitors& monitors,
                               bool best) { evaluated(step, evaluation, monitors, best); };
  callbacks.resynced = [this](std::int64_t step) {
    status_.log("up to step " + grouped(step) +
                " the processes rounded differently; all continue with the weights of rank 0");
  };
  callbacks.rolled_back = [this](const train::Rollback& rollback) { rolled_back(rollback); };
  callbacks.wrote = [this](const std::filesystem::path&) { knows_begin_ = false; };
  callbacks.should_stop = [] { return interruption() != 0; };
  return callbacks;
}

void TrainProgress::step(const train::StepReport& report) {
  work_.end();
  const auto now = Clock::now();
  const auto seconds = std::chrono::duration<double>(now - step_began_).count();
  if (knows_begin_) seconds_.add(seconds);
  if (!first_seconds_) first_seconds_ = seconds;
  step_began_ = now;
  knows_begin_ = true;
  steps_done_ = report.step;
  if (report.fell_back) {
    status_.log("warning: step " + grouped(report.step) + " rebuilt its flow variables with a relative error of " +
                brief(report.reconstruction_error) + "; from here on they are kept, as with --memory " +
                to_string(nn::MemoryPolicy::kRecompute));
  }
  if (report.skipped) {
    ++skipped_;
    status_.log("warning: step " + grouped(report.step) + " is skipped, its loss or gradient is not finite");
  } else {
    bits_per_dim_.add(report.bits_per_dim);
    if (options_.weight_y > 0) class_bits_.add(report.class_bits);
  }
  if (status_.is_live()) {
    const auto part = static_cast<double>(steps_done_) / static_cast<double>(total_steps_);
    status_.show(bar(part) + " " + line());
  } else if (steps_done_ % options_.log_every == 0 || now - last_line_ >= interval_) {
    status_.log(line());
    last_line_ = now;
  }
}

void TrainProgress::evaluating(const std::string& what, std::int64_t done, std::int64_t total) {
  work_.end();
  knows_begin_ = false;
  status_.show_images(what + ",", done, total);
}

void TrainProgress::rolled_back(const train::Rollback& rollback) {
  knows_begin_ = false;
  skipped_ = 0;
  status_.log("warning: too many steps up to " + grouped(rollback.from_step) +
              " were skipped (not finite: " + rollback.not_finite + "); back to step " + grouped(rollback.to_step) +
              (rollback.count == 1
                   ? ", on with half the learning rate"
                   : ", on with 1/" + grouped(std::int64_t{1} << rollback.count) + " of the learning rate"));
}

void TrainProgress::evaluated(std::int64_t step, const evaluate::ScoreSummary& evaluation,
                              const train::Monitors& monitors, bool best) {
  knows_begin_ = false;
  last_line_ = Clock::now();
  status_.log("step " + grouped(step) + ": validation " + score_text(evaluation) + (best ? ", the best so far" : ""));
  if (!(monitors.reconstruction_error <= monitors.half_bin)) {
    status_.log("warning: decoding latents reproduces images only to within " + brief(monitors.reconstruction_error) +
                ", more than half a bin: the model is becoming numerically non-invertible");
  }
}

std::string TrainProgress::line() const {
  auto text = "step " + grouped(steps_done_) + "/" + grouped(total_steps_) + ": " +
              (bits_per_dim_.is_empty() ? "no" : fixed(bits_per_dim_.value(), 3)) + " bits/dim";
  if (!class_bits_.is_empty()) text += ", " + fixed(class_bits_.value(), 3) + " bits/label";
  if (skipped_ > 0) text += ", " + grouped(skipped_) + " skipped";
  // The first step takes longer than others, and is used only while nothing else is known.
  const auto seconds = seconds_.is_empty() ? first_seconds_.value_or(0) : seconds_.value();
  if (seconds <= 0) return text;
  const auto left = static_cast<double>(total_steps_ - steps_done_) * seconds;
  const auto rate = static_cast<double>(options_.batch) / seconds;
  return text + ", " + fixed(rate, rate < 10 ? 1 : 0) + " images/s, " + duration(left) + " left";
}

}  // namespace glow::tools
