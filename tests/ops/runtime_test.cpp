#include <glow/ops/runtime.h>

#include <omp.h>

#include <cstdint>
#include <exception>
#include <new>
#include <set>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <glow/cores.h>
#include <glow/error.h>

#include "support/throws.h"

namespace glow::ops::runtime_test {
namespace {

TEST(UseThreads, UsesTheGivenNumberOrTheDefault) {
  use_threads(3);
  EXPECT_EQ(at::get_num_threads(), 3);
  use_threads();
  EXPECT_EQ(at::get_num_threads(), default_threads());
  EXPECT_EQ(at::get_num_interop_threads(), 1);
}

/// A build with another OpenMP than LibTorch's would have two sets of threads, and one without OpenMP a single thread.
TEST(UseThreads, LoopsOfThisProgramUseTheThreadsOfLibTorch) {
  use_threads(3);
  EXPECT_EQ(::omp_get_max_threads(), 3);
  std::vector<std::thread::id> ids(3);
  at::parallel_for(0, 3, 1, [&](std::int64_t first, std::int64_t) { ids.at(first) = std::this_thread::get_id(); });
  EXPECT_EQ(std::set<std::thread::id>(ids.begin(), ids.end()).size(), 3u);
  use_threads();
}

TEST(UseThreads, TheNumberOfOneThreadIsItsOwn) {
  use_threads(3);
  int here = 0, other = 0;
  std::thread([&] {
    use_threads_here(2);
    here = at::get_num_threads();
  }).join();
  std::thread([&] {
    at::parallel_for(0, 1, 1, [](std::int64_t, std::int64_t) {});  // LibTorch sets the number of a new thread
    other = at::get_num_threads();
  }).join();
  EXPECT_EQ(here, 2);
  EXPECT_EQ(other, 3);
  EXPECT_EQ(at::get_num_threads(), 3);
  EXPECT_TRUE(glow::testing::throws<ConfigError>([] { use_threads_here(0); }, {"threads", "0"}));
  use_threads();
}

TEST(UseThreads, RefusesANegativeNumber) {
  EXPECT_TRUE(glow::testing::throws<ConfigError>([] { use_threads(-1); }, {"threads", "-1"}));
}

/// The answer of is_out_of_memory for what `call` throws.
template <class Call>
bool runs_out_of_memory(Call&& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return is_out_of_memory(error);
  }
  ADD_FAILURE() << "nothing was thrown";
  return false;
}

TEST(IsOutOfMemory, TellsItFromOtherErrors) {
#if !defined(__SANITIZE_ADDRESS__)  // which ends the program at such an allocation
  constexpr std::int64_t kPetabytes = std::int64_t{1} << 52;
  EXPECT_TRUE(runs_out_of_memory([] { torch::empty({kPetabytes}, torch::kByte); }));
#endif
  EXPECT_TRUE(runs_out_of_memory([] { throw std::bad_alloc(); }));
  EXPECT_TRUE(runs_out_of_memory([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory."); }));
  EXPECT_TRUE(runs_out_of_memory([] { TORCH_CHECK(false, "CUDA error: out of memory"); }));
  EXPECT_TRUE(runs_out_of_memory([] { TORCH_CHECK(false, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling x"); }));
  EXPECT_FALSE(runs_out_of_memory([] { torch::ones({2, 3}).mm(torch::ones({2, 3})); }));
  // A file may have any name.
  EXPECT_FALSE(runs_out_of_memory([] { throw IoError("cannot read CUDA error: out of memory"); }));
}

TEST(ReserveBlasMemory, LeavesProductsAsTheyAre) {
  reserve_blas_memory(3);
  const auto matrix = torch::arange(40000, torch::kDouble).view({200, 200});
  EXPECT_TRUE(matrix.mm(torch::eye(200, torch::kDouble)).equal(matrix));
}

}  // namespace
}  // namespace glow::ops::runtime_test
