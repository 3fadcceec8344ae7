#include "tools/common/gpu_text.h"

#include <cstddef>
#include <map>
#include <regex>

namespace glow::tools {

std::string gpu_memory_text(const std::string& message) {
  static const std::regex form(
      R"(Tried to allocate ([0-9.]+ \w+)[\s\S]*total capacity of ([0-9.]+ \w+)[\s\S]*?([0-9.]+ \w+) is free)");
  std::smatch match;
  if (!std::regex_search(message, match, form)) return "";
  return " (wanted " + match.str(1) + ", " + match.str(3) + " of " + match.str(2) + " are free)";
}

std::string shared_gpu_text(const std::vector<std::string>& gpus) {
  std::map<std::string, std::size_t> ranks;
  for (std::size_t rank = 0; rank < gpus.size(); ++rank) {
    const auto& gpu = gpus[rank];
    if (gpu.empty()) continue;
    const auto [before, is_new] = ranks.emplace(gpu, rank);
    if (is_new) continue;
    const auto slash = gpu.rfind('/');
    return "ranks " + std::to_string(before->second) + " and " + std::to_string(rank) + " both use GPU " +
           gpu.substr(slash + 1) + " of host " + gpu.substr(0, slash);
  }
  return "";
}

}  // namespace glow::tools
