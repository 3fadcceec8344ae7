#include "tools/common/gpu_text.h"

#include <cstddef>
#include <map>

namespace glow::tools {

namespace {

/// The text between the first `before` in `message` and the next `after`; empty without them.
std::string between(const std::string& message, const std::string& before, const std::string& after) {
  const auto found = message.find(before);
  if (found == std::string::npos) return "";
  const auto begin = found + before.size(), end = message.find(after, begin);
  return end == std::string::npos ? "" : message.substr(begin, end - begin);
}

}  // namespace

std::string gpu_memory_text(const std::string& message) {
  const auto wanted = between(message, "Tried to allocate ", ". GPU"),
             all = between(message, "total capacity of ", " of "), free = between(message, " of which ", " is free");
  if (wanted.empty() || all.empty() || free.empty()) return "";
  return " (wanted " + wanted + ", " + free + " of " + all + " are free)";
}

std::string shared_gpu_text(const std::vector<std::string>& gpus) {
  std::map<std::string, std::size_t> ranks;
  for (std::size_t rank = 0; rank < gpus.size(); ++rank) {
    const auto& gpu = gpus[rank];
    if (gpu.empty()) continue;
    const auto slash = gpu.rfind('/');
    const auto [before, is_new] = ranks.emplace(gpu.substr(slash + 1), rank);
    if (is_new) continue;
    return "ranks " + std::to_string(before->second) + " and " + std::to_string(rank) + " both use " +
           gpu.substr(slash + 1) + " of host " + gpu.substr(0, slash);
  }
  return "";
}

}  // namespace glow::tools
