#include <glow/ops/runtime.h>

#include <dlfcn.h>
#include <omp.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>  // defines __GLIBC__ where the C library is glibc
#include <new>
#include <string>
#include <string_view>
#include <vector>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <torch/cuda.h>

#include <glow/checks.h>
#include <glow/cores.h>
#include <glow/error.h>

#include "ops/cuda_status.h"

namespace glow::ops {
namespace {

/// Debian's OpenBLAS has its own threads, which would compete with those of OpenMP for the same cores. It computes only
/// small products; oneDNN computes the large ones.
void keep_openblas_on_one_thread() {
  using SetThreads = void (*)(int);
  if (auto* symbol = ::dlsym(RTLD_DEFAULT, "openblas_set_num_threads")) reinterpret_cast<SetThreads>(symbol)(1);
}

/// Enough for the buffer of one thread (BUFFER_SIZE of OpenBLAS, with malloc's part).
constexpr std::size_t kBlasBuffer = (std::size_t{128} << 20) + (std::size_t{64} << 10);

/// Whether so many bytes of addresses are free.
bool has_addresses(std::size_t bytes) {
  void* place = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return place != MAP_FAILED && ::munmap(place, bytes) == 0;
}

}  // namespace

void use_threads(int count) {
  require_at_least("threads", std::int64_t{count}, 0);
  at::set_num_threads(count > 0 ? count : static_cast<int>(default_threads()));
  keep_openblas_on_one_thread();
  try {
    at::set_num_interop_threads(1);
  } catch (const c10::Error&) {
    // LibTorch accepts only the first setting, which may be the application's.
  }
}

void use_threads_here(int count) {
  require_at_least("threads", std::int64_t{count}, 1);
  // LibTorch sets the number for each new thread at its first operation, which would undo an earlier setting. Its
  // library and this one each remember whether that is done.
  at::internal::lazy_init_num_threads();
  at::get_num_threads();
  ::omp_set_num_threads(count);
}

void require_device(std::string_view field, c10::Device device) {
  if (device.is_cpu()) return;
  const auto problem = [&](const std::string& text) { return ConfigError(field, device.str() + ": " + text); };
  if (!device.is_cuda()) throw problem("expected cpu, cuda or cuda:N");
  if (!torch::cuda::is_available()) throw problem(cuda_problem(read_cuda_status()));
  const auto devices = static_cast<std::int64_t>(torch::cuda::device_count());
  if (device.index() >= devices) throw problem("expected cuda:0 to cuda:" + std::to_string(devices - 1));
}

std::string device_id(c10::Device device) { return device.is_cuda() ? cuda::device_id(device.index()) : ""; }

bool gpu_multiplies_bfloat16(c10::Device device) {
  constexpr int kAmpere = 8;
  return device.is_cuda() && cuda::compute_capability(device.index()) >= kAmpere;
}

std::string unused_gpu() {
  const auto status = read_cuda_status();
  return wastes_gpu(status) ? cuda_problem(status) : "";
}

void reserve_blas_memory(int threads) {
  using Allocate = void* (*)(int);
  using Free = void (*)(void*);
  const auto allocate = reinterpret_cast<Allocate>(::dlsym(RTLD_DEFAULT, "blas_memory_alloc"));
  const auto free = reinterpret_cast<Free>(::dlsym(RTLD_DEFAULT, "blas_memory_free"));
  if (allocate == nullptr || free == nullptr) return;
  std::vector<void*> buffers(static_cast<std::size_t>(threads));
  if (!has_addresses(buffers.size() * kBlasBuffer)) throw std::bad_alloc();
  for (auto& buffer : buffers) buffer = allocate(0);
  // OpenBLAS keeps them for the next product.
  for (auto* buffer : buffers) free(buffer);
}

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return true;
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return true;
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  if (torch_error == nullptr) return false;
  // LibTorch has no type for the other failures.
  const std::string_view text = torch_error->what_without_backtrace();
  for (const auto* part : {"DefaultCPUAllocator", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED",
                           "CUDNN_STATUS_ALLOC_FAILED"}) {
    if (text.find(part) != std::string_view::npos) return true;
  }
  return false;
}

void keep_freed_memory() {
#if defined(__GLIBC__)
  constexpr int kGibibyte = 1 << 30;
  ::mallopt(M_MMAP_THRESHOLD, kGibibyte);
  ::mallopt(M_TRIM_THRESHOLD, kGibibyte);
  constexpr int kMoreAtOnce = 1 << 26;
  ::mallopt(M_TOP_PAD, kMoreAtOnce);
#endif
}

void return_freed_memory() {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

}  // namespace glow::ops
