#include "tools/common/gpu_text.h"

#include <gtest/gtest.h>

namespace glow::tools::gpu_text_test {
namespace {

TEST(GpuMemoryText, SaysWhatWasWantedAndWhatIsFree) {
  // The form of LibTorch 2.11.
  EXPECT_EQ(
      gpu_memory_text("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.11 GiB "
                      "of which 1.25 GiB is free. Including non-PyTorch memory, this process has 77.85 GiB memory "
                      "in use. Of the allocated memory 70.00 GiB is allocated by PyTorch, and 1.00 MiB is reserved."),
      " (wanted 20.00 GiB, 1.25 GiB of 79.11 GiB are free)");
  EXPECT_EQ(gpu_memory_text("CUDA out of memory. Tried to allocate 2.00 MiB. GPU 1 has a total capacity of 7.79 GiB of "
                            "which 512.00 KiB is free."),
            " (wanted 2.00 MiB, 512.00 KiB of 7.79 GiB are free)");
}

TEST(GpuMemoryText, IsEmptyForAnotherMessage) {
  EXPECT_EQ(gpu_memory_text("CUDA out of memory. Tried to allocate more than 1EB memory."), "");
  EXPECT_EQ(gpu_memory_text(""), "");
}

TEST(SharedGpuText, NamesTheRanksTheGpuAndTheHost) {
  EXPECT_EQ(shared_gpu_text({"a/GPU-1", "a/GPU-2", "a/GPU-1"}), "ranks 0 and 2 both use GPU-1 of host a");
}

TEST(SharedGpuText, AcceptsOneGpuEachAndProcessesWithoutGpu) {
  EXPECT_EQ(shared_gpu_text({"a/GPU-1", "a/GPU-2", "b/GPU-3"}), "");
  EXPECT_EQ(shared_gpu_text({"", "", ""}), "");
}

}  // namespace
}  // namespace glow::tools::gpu_text_test
