#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#pragma GCC visibility push(default)

namespace glow::images {

/// Threads that decode images.
class WorkerPool {
 public:
  /// Starts threads - 1 threads; the thread that calls `run` is one more. Throws ConfigError naming data_threads when
  /// there are fewer than 1 or more than 1,024, or when the system refuses to start them.
  explicit WorkerPool(std::int64_t threads);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Number of threads that run tasks, including the one that calls `run`.
  std::int64_t threads() const { return std::ssize(threads_) + 1; }
  /// Calls task(0) ... task(count - 1), each once, in any order and several at a time, and waits for them. Tasks
  /// start in the order of their numbers. When one throws, no further ones start, and the exception of the smallest
  /// number is rethrown. When several threads call `run`, one waits for the other. A task must not call `run` of its
  /// own pool.
  void run(std::int64_t count, const std::function<void(std::int64_t)>& task);

 private:
  /// The tasks of one `run`.
  struct Job {
    const std::function<void(std::int64_t)>* task = nullptr;
    std::int64_t count = 0;
    /// Threads that run tasks.
    std::int64_t running = 0;
    std::int64_t failed = 0;
    std::exception_ptr error = nullptr;
  };

  /// Runs tasks of the current job until none is left to start; `lock` holds mutex_.
  void work(std::unique_lock<std::mutex>& lock);
  void wait_for_jobs();
  void end_threads();

  /// Held during `run`.
  std::mutex run_mutex_;
  /// Guards the members below, but for next_.
  std::mutex mutex_;
  std::condition_variable started_;
  std::condition_variable finished_;
  Job job_;
  /// The next task of the job to start. Not guarded, because the tasks of small images are as short as a lock.
  std::atomic<std::int64_t> next_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

/// The threads that read and decode images in this process: one for each core that it may use, or the number that
/// use_data_threads was called with. They start at the first call.
std::shared_ptr<WorkerPool> data_workers();
/// Sets the number of threads of data_workers; 0: one for each core that the process may use. Work that has begun ends
/// on the former threads. Throws ConfigError naming data_threads unless it is 0 to 1,024.
void use_data_threads(std::int64_t threads);

}  // namespace glow::images

#pragma GCC visibility pop
