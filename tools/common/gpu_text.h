#pragma once

#include <string>
#include <vector>

namespace glow::tools {

/// From LibTorch's message that the memory of a GPU is short: " (wanted 20.00 GiB, 1.25 GiB of 79.11 GiB are free)";
/// empty when the message has another form.
std::string gpu_memory_text(const std::string& message);

/// `gpus`: of each process, by rank, the host and the GPU that it uses, "a/GPU-8932f937-...". Empty without a GPU. The
/// error when two use the same GPU: "ranks 0 and 1 both use GPU-8932f937-... of host a"; empty when none do.
std::string shared_gpu_text(const std::vector<std::string>& gpus);

}  // namespace glow::tools
