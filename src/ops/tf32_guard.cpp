#include "ops/tf32_guard.h"

#include <mutex>

#include <ATen/Context.h>

namespace glow::ops {
namespace {

std::mutex mutex;
/// The number of guards that allow TF32, and the setting before the first of them.
int guards = 0;
bool allowed_before = false;

}  // namespace

Tf32Guard::Tf32Guard(bool allow) : allow_(allow) {
  if (!allow_) return;
  const std::lock_guard lock(mutex);
  if (guards++ > 0) return;
  allowed_before = at::globalContext().allowTF32CuBLAS();
  at::globalContext().setAllowTF32CuBLAS(true);
}

Tf32Guard::~Tf32Guard() {
  if (!allow_) return;
  const std::lock_guard lock(mutex);
  if (--guards == 0) at::globalContext().setAllowTF32CuBLAS(allowed_before);
}

}  // namespace glow::ops
