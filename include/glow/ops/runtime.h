#pragma once

#include <exception>
#include <string>
#include <string_view>

#include <c10/core/Device.h>

#pragma GCC visibility push(default)

namespace glow::ops {

/// Sets, for the whole process, the number of threads of one LibTorch operation (intra-op) to `count`, or to
/// default_threads() (glow/cores.h) if it is 0, and the number of operations that run at the same time (inter-op) to
/// one. Without this call Debian's LibTorch uses one thread. OpenBLAS is limited to one thread of its own. Call it
/// once, before any work. Throws ConfigError when negative.
void use_threads(int count = 0);

/// Sets the number of threads of one LibTorch operation for operations that the calling thread starts, such as calls of
/// a model in several threads at the same time. count >= 1. Cheap after the first call in a thread.
void use_threads_here(int count);

/// Throws ConfigError for `field` unless this build of LibTorch can use the device: the CPU, or a CUDA device that
/// exists.
void require_device(std::string_view field, c10::Device device);

/// The unique name of a GPU, "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"; empty for the CPU.
std::string device_id(c10::Device device);

/// Whether a GPU has bfloat16 products (compute capability 8.0, Ampere); false for the CPU.
bool gpu_multiplies_bfloat16(c10::Device device);

/// Why a GPU that this machine has, and that this build of LibTorch could use, cannot be used: "the NVIDIA driver is
/// too old ..."; else empty.
std::string unused_gpu();

/// Allocates the memory that OpenBLAS needs for products in `threads` threads at the same time: 128 MiB of addresses
/// for each, of which only the used pages count as memory. OpenBLAS does this at the first product otherwise, and under
/// a limit on the address space (ulimit -v) it repeats a failed attempt for ever. Throws std::bad_alloc when it would
/// fail. Does nothing with another BLAS.
void reserve_blas_memory(int threads);

/// Whether LibTorch threw this exception because the memory of the host or of a GPU was short.
bool is_out_of_memory(const std::exception& error);

/// Makes malloc keep the memory of freed tensors. By default glibc returns the megabytes of every hidden layer to the
/// system and requests them again, page by page; in sampling on the CPU this was measured to cost a quarter of the
/// speed. For programs that mainly run LibTorch. Does nothing with a C library other than glibc. Call it once, before
/// any work.
void keep_freed_memory();

/// Returns the freed memory that malloc keeps to the system. Does nothing with a C library other than glibc.
void return_freed_memory();

}  // namespace glow::ops

#pragma GCC visibility pop
