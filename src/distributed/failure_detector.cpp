#include "distributed/failure_detector.h"

#include <algorithm>
#include <exception>
#include <future>
#include <thread>
#include <utility>

namespace glow::distributed {
namespace {

using namespace std::chrono_literals;

/// How long the host of the store waits for the other ranks to leave: after a failure, and at the end of a run.
constexpr auto kFailureFarewell = 3s, kFarewell = 8s;
/// How long the other ranks wait for the report of the rank that has published a failure, and how often they look.
constexpr std::chrono::milliseconds kOwnReport = 2s, kBetweenLooks = 50ms;

constexpr const char* kStoreIsSilent = "rank 0 was lost: the store that it or its launcher hosts does not answer";
constexpr const char* kStoreIsGone = "rank 0 was lost: the store that it or its launcher hosts is gone";

std::chrono::milliseconds heartbeat_timeout(const FailureDetector::Options& options) {
  return std::min(options.heartbeat_timeout, options.timeout);
}

StoreThread::Options thread_options(const FailureDetector::Options& options) {
  constexpr auto kForEachRank = 50ms;
  return {.interval = Heartbeat::kInterval,
          .answer_time = options.answer_time + options.size * kForEachRank,
          .silence = heartbeat_timeout(options) + options.answer_time};
}

}  // namespace

FailureDetector::FailureDetector(c10::intrusive_ptr<c10d::Store> store, Options options)
    : options_(std::move(options)),
      heartbeat_(store, options_.rank, options_.size),
      board_(std::move(store), options_.rank),
      monitor_(
          heartbeat_, board_,
          {.timeout = options_.timeout, .heartbeat_timeout = heartbeat_timeout(options_), .silence = options_.silence}),
      failure_(kStoreIsSilent),
      thread_(thread_options(options_)) {}

std::shared_ptr<FailureDetector> FailureDetector::start(c10::intrusive_ptr<c10d::Store> store, Options options) {
  const std::shared_ptr<FailureDetector> detector(new FailureDetector(std::move(store), std::move(options)));
  auto* self = detector.get();  // the threads keep it alive
  self->thread_.start(
      detector, [self] { self->round(); },
      [self] {
        if (self->knows_failure_.exchange(true)) return;
        if (self->options_.failed) self->options_.failed(kStoreIsSilent);
      });
  return detector;
}

void FailureDetector::round() {
  if (knows_failure_ || is_over_) return;
  try {
    if (!stop_asked_ && board_.stop_requested()) stop_asked_ = true;
    if (const auto failure = monitor_.round()) report(*failure);
  } catch (const std::exception&) {
    report(kStoreIsGone);
  }
}

void FailureDetector::report(const std::string& failure) {
  if (knows_failure_.exchange(true)) return;
  failure_ = failure;
  monitor_.answer_investigation(failure);
  wait_for_publisher();
  leave(kFailureFarewell);
  // After `end` the objects that the function uses may be destroyed.
  thread_.unless_stopped([this, &failure] {
    if (options_.failed) options_.failed(failure);
  });
}

void FailureDetector::wait_for_publisher() {
  try {
    const auto rank = board_.publisher();
    if (!rank || *rank == options_.rank) return;
    const auto end = std::chrono::steady_clock::now() + kOwnReport;
    while (std::chrono::steady_clock::now() < end && !heartbeat_.has_ended(*rank)) {
      std::this_thread::sleep_for(kBetweenLooks);
    }
  } catch (const std::exception&) {
    // The store is gone, and with it the rank that hosted it.
  }
}

void FailureDetector::leave(std::chrono::milliseconds patience) {
  try {
    heartbeat_.write_end();
    if (!options_.is_store_host) return;
    const auto end = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < end && !heartbeat_.others_have_ended()) {
      std::this_thread::sleep_for(Heartbeat::kInterval);
    }
  } catch (const std::exception&) {
    // The store is gone: there is no rank left to tell.
  }
}

std::string FailureDetector::diagnose(const std::string& error) {
  const auto verdict = std::make_shared<std::promise<std::string>>();
  auto answer = verdict->get_future();
  const auto is_asked = thread_.ask([this, error, verdict] {
    if (knows_failure_) {
      verdict->set_value(failure_);
    } else {
      monitor_.investigate(error, [verdict](const std::string& text) { verdict->set_value(text); });
    }
    return true;
  });
  const auto longest = options_.silence + thread_.answer_time();
  if (is_asked && answer.wait_for(longest) == std::future_status::ready) return answer.get();
  thread_.give_up();
  return kStoreIsSilent;
}

bool FailureDetector::announce(const std::string& what, const std::function<void()>& own_report) {
  const auto is_published = thread_.ask([this, what] {
    if (knows_failure_ || !board_.publish(what)) return false;
    knows_failure_ = true;
    failure_ = what;
    return true;
  });
  // Without an answer it is unknown whether another rank has reported a failure, so this rank reports its own.
  const bool is_first = is_published ? *is_published : !knows_failure_.exchange(true);
  if (is_first && own_report) own_report();
  if (is_first && is_published) {
    thread_.ask([this] {
      leave(kFailureFarewell);
      return true;
    });
  }
  return is_first;
}

void FailureDetector::ask_to_stop() {
  if (stop_asked_.exchange(true)) return;
  thread_.ask([this] {
    board_.request_stop();
    return true;
  });
}

void FailureDetector::end() {
  thread_.ask([this] {
    is_over_ = true;
    monitor_.write_heartbeat();
    leave(knows_failure_ ? kFailureFarewell : kFarewell);
    return true;
  });
  thread_.stop();
}

}  // namespace glow::distributed
