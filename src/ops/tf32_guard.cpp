#include "ops/tf32_guard.h"

#include <ATen/Context.h>

namespace glow::ops {

Tf32Guard::Tf32Guard(bool allow) : allow_(allow), before_(allow && at::globalContext().allowTF32CuBLAS()) {
  if (allow_) at::globalContext().setAllowTF32CuBLAS(true);
}

Tf32Guard::~Tf32Guard() {
  if (allow_) at::globalContext().setAllowTF32CuBLAS(before_);
}

}  // namespace glow::ops
