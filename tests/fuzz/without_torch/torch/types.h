#pragma once

// Stands for LibTorch's header where a source only passes it by: clang 14 cannot compile LibTorch 1.13 as C++20.

namespace torch {

struct Tensor {};

}  // namespace torch
