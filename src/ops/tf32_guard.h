#pragma once

namespace glow::ops {

/// While it lives, float32 products on CUDA may round their factors to TF32, if `allow`. The switch is the process's:
/// products of other threads that run meanwhile may round too.
class Tf32Guard {
 public:
  explicit Tf32Guard(bool allow);
  ~Tf32Guard();
  Tf32Guard(const Tf32Guard&) = delete;
  Tf32Guard& operator=(const Tf32Guard&) = delete;

 private:
  bool allow_;
};

}  // namespace glow::ops
