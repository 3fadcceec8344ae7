#include <glow/nn/memory_policy.h>

#include <glow/enum_names.h>

namespace glow::nn {
namespace {

constexpr EnumNames<MemoryPolicy, 3> kPolicyNames{{
    {"store", MemoryPolicy::kStore},
    {"recompute", MemoryPolicy::kRecompute},
    {"reversible", MemoryPolicy::kReversible},
}};

}  // namespace

std::string to_string(MemoryPolicy policy) { return name_of(kPolicyNames, policy); }

void from_string(const std::string& name, MemoryPolicy& policy) {
  policy = enumerator_of(kPolicyNames, "memory", name);
}

}  // namespace glow::nn
