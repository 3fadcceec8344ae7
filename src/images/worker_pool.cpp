#include <glow/images/worker_pool.h>

#include <algorithm>
#include <string>
#include <system_error>

#include <glow/checks.h>
#include <glow/cores.h>
#include <glow/error.h>

namespace glow::images {

namespace {

constexpr std::int64_t kMostThreads = 1024;

/// The pool of data_workers, null until it is needed.
struct SharedPool {
  std::mutex mutex;
  std::int64_t threads = 0;
  std::shared_ptr<WorkerPool> pool;
};

SharedPool& shared_pool() {
  static SharedPool pool;
  return pool;
}

}  // namespace

WorkerPool::WorkerPool(std::int64_t threads) {
  require_range("data_threads", threads, 1, kMostThreads);
  try {
    for (std::int64_t thread = 1; thread < threads; ++thread) threads_.emplace_back([this] { wait_for_jobs(); });
  } catch (const std::system_error& error) {
    end_threads();
    throw ConfigError("data_threads", "cannot start " + std::to_string(threads) + " threads: " + error.what());
  }
}

WorkerPool::~WorkerPool() { end_threads(); }

void WorkerPool::end_threads() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  started_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::run(std::int64_t count, const std::function<void(std::int64_t)>& task) {
  const std::lock_guard one_at_a_time(run_mutex_);
  std::unique_lock lock(mutex_);
  job_ = {.task = &task, .count = count};
  next_ = 0;
  started_.notify_all();
  work(lock);
  finished_.wait(lock, [this] { return job_.running == 0; });
  if (job_.error) std::rethrow_exception(job_.error);
}

void WorkerPool::work(std::unique_lock<std::mutex>& lock) {
  const auto* task = job_.task;
  const std::int64_t count = job_.count;
  ++job_.running;
  lock.unlock();
  std::int64_t number = 0;
  std::exception_ptr error;
  try {
    while ((number = next_++) < count) (*task)(number);
  } catch (...) {
    next_ = count;
    error = std::current_exception();
  }
  lock.lock();
  --job_.running;
  if (error && (!job_.error || number < job_.failed)) {
    job_.error = error;
    job_.failed = number;
  }
  if (job_.running == 0) finished_.notify_all();
}

void WorkerPool::wait_for_jobs() {
  std::unique_lock lock(mutex_);
  for (;;) {
    started_.wait(lock, [this] { return stop_ || next_ < job_.count; });
    if (stop_) return;
    work(lock);
  }
}

std::shared_ptr<WorkerPool> data_workers() {
  SharedPool& shared = shared_pool();
  const std::lock_guard lock(shared.mutex);
  if (!shared.pool)
    shared.pool =
        std::make_shared<WorkerPool>(shared.threads > 0 ? shared.threads : std::min(available_cores(), kMostThreads));
  return shared.pool;
}

void use_data_threads(std::int64_t threads) {
  require_range("data_threads", threads, 0, kMostThreads);
  SharedPool& shared = shared_pool();
  const std::lock_guard lock(shared.mutex);
  shared.threads = threads;
  shared.pool = nullptr;
}

}  // namespace glow::images
