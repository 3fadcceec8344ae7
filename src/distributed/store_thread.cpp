#include "distributed/store_thread.h"

#include <exception>
#include <future>
#include <thread>
#include <utility>

namespace glow::distributed {

void StoreThread::start(const std::shared_ptr<const void>& owner, std::function<void()> round,
                        std::function<void()> silent) {
  running_ = 2;
  std::thread([this, owner, round = std::move(round)] { run(round); }).detach();
  std::thread([this, owner, silent = std::move(silent)] { watch(silent); }).detach();
}

void StoreThread::run(const std::function<void()>& round) {
  std::unique_lock lock(mutex_);
  while (!stops_) {
    const auto tasks = std::exchange(tasks_, {});
    lock.unlock();
    for (const auto& task : tasks) task();
    round();
    lock.lock();
    ++rounds_;
    changed_.wait_for(lock, options_.interval, [this] { return stops_ || !tasks_.empty(); });
  }
  --running_;
  changed_.notify_all();
}

void StoreThread::watch(const std::function<void()>& silent) {
  // Time is measured by the number of this thread's checks: time in which the whole process was stopped must not count.
  const auto limit = options_.silence / options_.interval;
  std::int64_t last = -1, checks_without_round = 0;
  bool is_reported = false;
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, options_.interval, [this] { return stops_; })) {
    checks_without_round = rounds_ == last ? checks_without_round + 1 : 0;
    last = rounds_;
    if (checks_without_round <= limit || is_reported) continue;
    is_reported = is_silent_ = true;
    lock.unlock();
    unless_stopped(silent);
    lock.lock();
  }
  --running_;
  changed_.notify_all();
}

std::optional<bool> StoreThread::ask(std::function<bool()> task) {
  if (is_silent_) return std::nullopt;
  const auto promise = std::make_shared<std::promise<std::optional<bool>>>();
  auto answer = promise->get_future();
  {
    const std::lock_guard lock(mutex_);
    if (stops_) return std::nullopt;
    tasks_.push_back([promise, task = std::move(task)] {
      try {
        promise->set_value(task());
      } catch (const std::exception&) {
        promise->set_value(std::nullopt);
      }
    });
    changed_.notify_all();
  }
  if (answer.wait_for(options_.answer_time) == std::future_status::ready) return answer.get();
  give_up();
  return std::nullopt;
}

void StoreThread::unless_stopped(const std::function<void()>& report) {
  std::unique_lock lock(mutex_);
  if (stops_) return;
  ++reporting_;
  lock.unlock();
  report();
  lock.lock();
  --reporting_;
  changed_.notify_all();
}

void StoreThread::stop() {
  std::unique_lock lock(mutex_);
  stops_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, options_.answer_time, [this] { return reporting_ == 0 && (is_silent_ || running_ == 0); });
}

}  // namespace glow::distributed
