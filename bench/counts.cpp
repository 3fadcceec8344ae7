#include "bench/counts.h"

#include <sys/resource.h>

#include <atomic>
#include <memory>

#include <ATen/record_function.h>

namespace glow::bench {
namespace {

std::atomic<std::int64_t> operators{0};

std::unique_ptr<at::ObserverContext> count_operator(const at::RecordFunction&) {
  operators.fetch_add(1, std::memory_order_relaxed);
  return nullptr;
}

/// Counts operators while it exists.
class OperatorCallback {
 public:
  OperatorCallback()
      : handle_(
            at::addGlobalCallback(at::RecordFunctionCallback(&count_operator).scopes({at::RecordScope::FUNCTION}))) {}
  ~OperatorCallback() { at::removeCallback(handle_); }
  OperatorCallback(const OperatorCallback&) = delete;
  OperatorCallback& operator=(const OperatorCallback&) = delete;

 private:
  at::CallbackHandle handle_;
};

std::int64_t minor_faults() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

}  // namespace

std::int64_t count_operators(const Work& work) {
  const OperatorCallback callback;
  const auto before = operators.load();
  work();
  return operators.load() - before;
}

std::int64_t count_minor_faults(const Work& work) {
  const auto before = minor_faults();
  work();
  return minor_faults() - before;
}

}  // namespace glow::bench
