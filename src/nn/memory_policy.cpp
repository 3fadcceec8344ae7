#include <glow/nn/memory_policy.h>

#include "nn/enum_names.h"

namespace glow::nn {
namespace {

constexpr EnumNames<MemoryPolicy, 3> kNames{{
    {"store", MemoryPolicy::kStore},
    {"recompute", MemoryPolicy::kRecompute},
    {"reversible", MemoryPolicy::kReversible},
}};

}  // namespace

std::string to_string(MemoryPolicy policy) { return name_of(kNames, policy); }

void from_string(const std::string& name, MemoryPolicy& policy) { policy = enumerator_of(kNames, "memory", name); }

}  // namespace glow::nn
