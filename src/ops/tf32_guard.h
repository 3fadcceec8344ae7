#pragma once

namespace glow::ops {

/// During its lifetime float32 products on CUDA may round their factors to TF32, if `allow`. The setting is global:
/// concurrent products of other threads may round too.
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
