#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace glow::bench {

/// What the JSON of every benchmark says about the machine:
///
/// - `threads`: those of a LibTorch operation
/// - `libtorch`: its version
/// - `processor`: its name in /proc/cpuinfo, "unknown" where that has none; there and in the following the first
///   processor counts
/// - `processor_family`, `processor_model`: its numbers; only on x86
/// - `instruction_sets`: those of avx2, avx512f, avx512_bf16 and amx_bf16 that it has, separated by spaces
nlohmann::ordered_json machine();

/// One line: the processor with its numbers, and these instruction sets.
std::string describe_processor();

}  // namespace glow::bench
