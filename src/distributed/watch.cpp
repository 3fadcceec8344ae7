#include "distributed/watch.h"

#include <cstdio>
#include <exception>
#include <thread>
#include <utility>

#include "distributed/store_text.h"

namespace glow::distributed {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenBeats = 250ms;
/// For the store's answer.
constexpr auto kPatience = 10s;
/// How long who keeps the store waits for others to end: when all is well, and when one of them failed.
constexpr auto kFarewell = 8s, kShortFarewell = 3s;

constexpr const char* kFailure = "failure";
constexpr const char* kStop = "stop";
constexpr const char* kNoAnswer = "rank 0 was lost: the store that it or its launcher keeps does not answer";

std::string beat_key(std::int64_t rank) { return "beat/" + std::to_string(rank); }
std::string end_key(std::int64_t rank) { return "end/" + std::to_string(rank); }

/// "rank 2 was lost", "ranks 2, 3 were lost"
std::string lost_text(const std::vector<std::int64_t>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) text.append(i == 0 ? "" : ", ").append(std::to_string(ranks[i]));
  return text.append(ranks.size() == 1 ? " was lost" : " were lost");
}

bool is_done(const std::function<bool()>& expected) {
  try {
    return expected();
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

std::shared_ptr<Watch> Watch::start(c10::intrusive_ptr<c10d::Store> store, Options options) {
  const std::shared_ptr<Watch> watch(new Watch(std::move(store), std::move(options)));
  // What the thread needs lives as long as the thread.
  std::thread([watch] { watch->run(); }).detach();
  std::thread([watch] { watch->guard(); }).detach();
  return watch;
}

Watch::Watch(c10::intrusive_ptr<c10d::Store> store, Options options)
    : store_(std::move(store)), options_(std::move(options)) {}

void Watch::end() {
  {
    const std::lock_guard lock(mutex_);
    if (stops_) return;
  }
  ask([this] {
    is_over_ = true;  // from now on the store may go
    say_how_far();
    store_->set(end_key(options_.rank), to_bytes("1"));
    if (options_.is_host) let_others_read(knows_failure_ ? kShortFarewell : kFarewell);
    return true;
  });
  std::unique_lock lock(mutex_);
  stops_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, patience(), [this] { return !guard_tells_ && (is_silent_ || running_ == 0); });
}

void Watch::run() {
  std::unique_lock lock(mutex_);
  while (!stops_) {
    const auto tasks = std::exchange(tasks_, {});
    lock.unlock();
    for (const auto& task : tasks) task();
    if (!knows_failure_ && !is_over_) look();
    lock.lock();
    changed_.wait_for(lock, kBetweenBeats, [this] { return stops_ || !tasks_.empty(); });
  }
  --running_;
  changed_.notify_all();
}

void Watch::guard() {
  // In its own looks, not in time: who was stopped for a while has missed nothing.
  const auto patience = (options_.timeout + kPatience) / kBetweenBeats;
  std::int64_t last = -1, since = 0;
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, kBetweenBeats, [this] { return stops_; })) {
    since = looks_ == last ? since + 1 : 0;
    last = looks_;
    if (since <= patience || knows_failure_.exchange(true)) continue;
    is_silent_ = guard_tells_ = true;
    lock.unlock();
    if (options_.failed) options_.failed(kNoAnswer);
    lock.lock();
    guard_tells_ = false;
    changed_.notify_all();
  }
  --running_;
  changed_.notify_all();
}

void Watch::look() {
  try {
    beat();
    ++looks_;
    if (knows_failure_) return;
    look_at_neighbour();
    if (!suspicion_) {
      if (const auto error = overdue()) suspicion_ = Suspicion{*error, signs(), Clock::now(), nullptr};
    } else if (Clock::now() - suspicion_->since >= options_.silence) {
      follow();
    }
  } catch (const std::exception&) {
    tell("rank 0 was lost: the store that it or its launcher keeps is gone");
  }
}

void Watch::say_how_far() {
  store_->set(beat_key(options_.rank), to_bytes(std::to_string(++beats_) + " " + std::to_string(counted_)));
}

void Watch::beat() {
  say_how_far();
  if (!stop_asked_ && store_->check({kStop})) stop_asked_ = true;
  if (const auto failure = known_failure()) tell(*failure);
}

void Watch::look_at_neighbour() {
  const auto rank = (options_.rank + 1) % options_.size;
  const auto now = Clock::now();
  const auto sign = sign_of(rank);
  // Who has said that it ends may be silent.
  if (rank == options_.rank || sign.beats != neighbour_.beats || has_ended(rank)) {
    neighbour_ = sign;
    neighbour_since_ = now;
  }
}

std::optional<std::string> Watch::overdue() {
  const auto now = Clock::now();
  if (now - neighbour_since_ >= options_.timeout) return "a process is silent";
  // Or what a device does.
  const std::lock_guard lock(mutex_);
  if (!expected_ || now - expected_since_ < options_.timeout || is_done(expected_)) return std::nullopt;
  return "what a device does for all was not done in time";
}

void Watch::follow() {
  const auto verdict = verdict_on(*suspicion_);
  if (const auto whoever_waits = std::exchange(suspicion_, std::nullopt)->verdict) {
    whoever_waits->set_value(verdict);
  } else if (overdue()) {
    make_known(verdict);
    tell(verdict);
  }
}

std::string Watch::verdict_on(const Suspicion& suspicion) {
  if (const auto failure = known_failure()) return *failure;
  std::vector<std::int64_t> lost, late;
  for (std::int64_t rank = 0; rank < options_.size; ++rank) {
    const auto before = suspicion.before[static_cast<std::size_t>(rank)], after = sign_of(rank);
    if (rank == options_.rank) continue;
    if (after.beats == before.beats && !has_ended(rank)) lost.push_back(rank);
    if (after.counted < counted_) late.push_back(rank);
  }
  // Another may have found out meanwhile.
  if (const auto failure = known_failure()) return *failure;
  if (!lost.empty()) return lost_text(lost);
  if (late.size() == 1) return "rank " + std::to_string(late[0]) + " did not come in time";
  return "the processes lost each other: " + suspicion.error;
}

void Watch::tell(const std::string& failure) {
  if (knows_failure_.exchange(true)) return;
  failure_ = failure;
  if (suspicion_ && suspicion_->verdict) suspicion_->verdict->set_value(failure);
  suspicion_.reset();
  try {
    store_->set(end_key(options_.rank), to_bytes("1"));
    if (options_.is_host) let_others_read(kShortFarewell);
  } catch (const std::exception&) {
    // Nobody is there to read it.
  }
  {
    // Whoever has ended may be gone.
    const std::lock_guard lock(mutex_);
    if (stops_) return;
  }
  if (options_.failed) options_.failed(failure);
}

std::optional<bool> Watch::ask(std::function<bool()> task) {
  if (is_silent_) return std::nullopt;
  const auto promise = std::make_shared<std::promise<std::optional<bool>>>();
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
  if (answer.wait_for(patience()) == std::future_status::ready) return answer.get();
  is_silent_ = true;
  return std::nullopt;
}

void Watch::expect(std::function<bool()> is_done) {
  const std::lock_guard lock(mutex_);
  expected_ = std::move(is_done);
  expected_since_ = Clock::now();
}

bool Watch::announce(const std::string& what) {
  const auto is_first = ask([this, what] {
    if (!make_known(what)) return false;
    knows_failure_ = true;
    failure_ = what;
    store_->set(end_key(options_.rank), to_bytes("1"));
    if (options_.is_host) let_others_read(kShortFarewell);
    return true;
  });
  // Who cannot ask must speak.
  return is_first ? *is_first : !knows_failure_.exchange(true);
}

bool Watch::make_known(const std::string& failure) {
  // With whose it is, for several may say the same.
  const auto own = std::to_string(options_.rank) + " " + failure;
  return !knows_failure_ && to_text(store_->compareSet(kFailure, {}, to_bytes(own))) == own;
}

std::optional<std::string> Watch::known_failure() {
  if (!store_->check({kFailure})) return std::nullopt;
  const auto text = to_text(store_->get(kFailure));
  return text.substr(text.find(' ') + 1);
}

std::string Watch::blame(const std::string& error) {
  const auto verdict = std::make_shared<std::promise<std::string>>();
  auto heard = verdict->get_future();
  const auto is_asked = ask([this, error, verdict] {
    if (knows_failure_) {
      verdict->set_value(failure_);
    } else {
      suspicion_ = Suspicion{error, signs(), Clock::now(), verdict};
    }
    return true;
  });
  if (is_asked && heard.wait_for(options_.silence + patience()) == std::future_status::ready) return heard.get();
  is_silent_ = true;
  return kNoAnswer;
}

void Watch::ask_to_stop() {
  if (stop_asked_.exchange(true)) return;
  ask([this] {
    store_->set(kStop, to_bytes("1"));
    return true;
  });
}

std::chrono::milliseconds Watch::patience() const {
  // Many may ask the store about all at once.
  constexpr auto kForEach = 50ms;
  return kPatience + options_.size * kForEach;
}

bool Watch::has_ended(std::int64_t rank) { return store_->check({end_key(rank)}); }

Watch::Sign Watch::sign_of(std::int64_t rank) {
  if (!store_->check({beat_key(rank)})) return {};
  long long beats = 0, counted = 0;
  const auto text = to_text(store_->get(beat_key(rank)));
  return std::sscanf(text.c_str(), "%lld %lld", &beats, &counted) == 2 ? Sign{beats, counted} : Sign{};
}

std::vector<Watch::Sign> Watch::signs() {
  std::vector<Sign> all;
  for (std::int64_t rank = 0; rank < options_.size; ++rank) all.push_back(sign_of(rank));
  return all;
}

void Watch::let_others_read(std::chrono::seconds patience) {
  const auto end = Clock::now() + patience;
  std::vector<std::string> keys;
  for (std::int64_t rank = 0; rank < options_.size; ++rank) {
    if (rank != options_.rank) keys.push_back(end_key(rank));
  }
  while (!keys.empty() && Clock::now() < end && !store_->check(keys)) std::this_thread::sleep_for(kBetweenBeats);
}

}  // namespace glow::distributed
