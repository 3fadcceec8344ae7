#include "dist/watch.h"

#include <cstdio>
#include <future>
#include <memory>
#include <utility>

namespace glow::dist {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenBeats = 250ms;
/// Who has been silent for so long is lost; many times what a busy machine delays a beat.
constexpr auto kSilence = 4s;
/// For the store's answer.
constexpr auto kPatience = 10s;
/// How long who keeps the store waits for others to end: when all is well, and when one of them failed.
constexpr auto kFarewell = 8s, kShortFarewell = 3s;

constexpr const char* kFailure = "failure";

std::string beat_key(std::int64_t rank) { return "beat/" + std::to_string(rank); }
std::string end_key(std::int64_t rank) { return "end/" + std::to_string(rank); }

std::vector<std::uint8_t> to_bytes(const std::string& text) { return {text.begin(), text.end()}; }
std::string to_text(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

/// "rank 2 was lost", "ranks 2, 3 were lost"
std::string lost_text(const std::vector<std::int64_t>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) text.append(i == 0 ? "" : ", ").append(std::to_string(ranks[i]));
  return text.append(ranks.size() == 1 ? " was lost" : " were lost");
}

}  // namespace

Watch::Watch(c10::intrusive_ptr<c10d::Store> store, std::int64_t rank, std::int64_t size, bool is_host,
             std::function<void(const std::string&)> failed)
    : store_(std::move(store)), rank_(rank), size_(size), is_host_(is_host), failed_(std::move(failed)) {
  beat();
  thread_ = std::thread([this] { run(); });
}

Watch::~Watch() {
  ask<bool>([this] {
    is_over_ = true;  // from now on the store may go
    store_->set(end_key(rank_), to_bytes("1"));
    if (is_host_) let_others_read(knows_failure_ ? kShortFarewell : kFarewell);
    return true;
  });
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Watch::run() {
  std::unique_lock lock(mutex_);
  while (!stops_) {
    changed_.wait_for(lock, kBetweenBeats, [this] { return stops_ || !tasks_.empty(); });
    const auto tasks = std::exchange(tasks_, {});
    lock.unlock();
    for (const auto& task : tasks) task();
    if (!knows_failure_ && !is_over_) {
      try {
        beat();
      } catch (const std::exception&) {
        tell("rank 0 was lost: the store that it or its launcher keeps is gone");
      }
    }
    lock.lock();
  }
}

void Watch::beat() {
  store_->set(beat_key(rank_), to_bytes(std::to_string(++beats_) + " " + std::to_string(counted_)));
  if (store_->check({kFailure})) tell(to_text(store_->get(kFailure)));
}

void Watch::tell(const std::string& failure) {
  if (knows_failure_.exchange(true)) return;
  try {
    store_->set(end_key(rank_), to_bytes("1"));
  } catch (const std::exception&) {
    // Nobody is there to read it.
  }
  if (is_host_) let_others_read(kShortFarewell);
  if (failed_) failed_(failure);
}

template <class Result>
std::optional<Result> Watch::ask(std::function<Result()> task) {
  if (is_silent_) return std::nullopt;
  const auto promise = std::make_shared<std::promise<std::optional<Result>>>();
  auto answer = promise->get_future();
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back([promise, task = std::move(task)] {
      try {
        promise->set_value(task());
      } catch (const std::exception&) {
        promise->set_value(std::nullopt);
      }
    });
    changed_.notify_all();
  }
  if (answer.wait_for(kPatience) == std::future_status::ready) return answer.get();
  is_silent_ = true;
  return std::nullopt;
}

bool Watch::announce(const std::string& what) {
  const auto is_first = ask<bool>([this, what] {
    if (store_->add("failures", 1) > 1) return false;
    knows_failure_ = true;
    store_->set(kFailure, to_bytes(what));
    store_->set(end_key(rank_), to_bytes("1"));
    if (is_host_) let_others_read(kShortFarewell);
    return true;
  });
  // Who cannot ask must speak.
  return is_first ? *is_first : !knows_failure_.exchange(true);
}

std::vector<Watch::Sign> Watch::signs() {
  std::vector<Sign> all(static_cast<std::size_t>(size_));
  for (std::int64_t rank = 0; rank < size_; ++rank) {
    auto& sign = all[static_cast<std::size_t>(rank)];
    if (!store_->check({beat_key(rank)})) continue;
    long long beats = 0, counted = 0;
    if (std::sscanf(to_text(store_->get(beat_key(rank))).c_str(), "%lld %lld", &beats, &counted) == 2) {
      sign = {beats, counted};
    }
  }
  return all;
}

std::string Watch::blame(const std::string& error) {
  const auto before = ask<std::vector<Sign>>([this] { return signs(); });
  if (before) std::this_thread::sleep_for(kSilence);
  const auto after = ask<std::vector<Sign>>([this] { return signs(); });
  if (!before || !after) return "rank 0 was lost: the store that it or its launcher keeps does not answer";
  std::vector<std::int64_t> lost, late;
  for (std::int64_t rank = 0; rank < size_; ++rank) {
    const auto i = static_cast<std::size_t>(rank);
    if (rank == rank_) continue;
    if ((*after)[i].beats == (*before)[i].beats) lost.push_back(rank);
    if ((*after)[i].counted < counted_) late.push_back(rank);
  }
  if (!lost.empty()) return lost_text(lost);
  if (late.size() == 1) return "rank " + std::to_string(late[0]) + " did not come in time";
  return "the processes lost each other: " + error;
}

void Watch::let_others_read(std::chrono::seconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  std::vector<std::string> keys;
  for (std::int64_t rank = 0; rank < size_; ++rank) {
    if (rank != rank_) keys.push_back(end_key(rank));
  }
  while (std::chrono::steady_clock::now() < end && !store_->check(keys)) std::this_thread::sleep_for(kBetweenBeats);
}

}  // namespace glow::dist
