#include "bench/machine.h"

#include <fstream>
#include <map>
#include <sstream>

#include <ATen/Parallel.h>
#include <torch/version.h>

namespace glow::bench {
namespace {

using Json = nlohmann::ordered_json;

/// The fields of the first processor in /proc/cpuinfo.
std::map<std::string, std::string> processor_fields() {
  std::map<std::string, std::string> fields;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line) && !line.empty();) {
    const auto colon = line.find(": ");
    if (colon == std::string::npos) continue;
    fields[line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1)] = line.substr(colon + 2);
  }
  return fields;
}

std::string instruction_sets(const std::string& flags) {
  std::istringstream words(flags);
  std::string found;
  for (std::string word; words >> word;) {
    if (word != "avx2" && word != "avx512f" && word != "avx512_bf16" && word != "amx_bf16") continue;
    found += (found.empty() ? "" : " ") + word;
  }
  return found;
}

}  // namespace

Json machine() {
  auto fields = processor_fields();
  const auto name = fields["model name"];
  Json json{
      {"threads", at::get_num_threads()}, {"libtorch", TORCH_VERSION}, {"processor", name.empty() ? "unknown" : name}};
  if (fields.contains("cpu family")) json["processor_family"] = std::stoi(fields["cpu family"]);
  if (fields.contains("model")) json["processor_model"] = std::stoi(fields["model"]);
  json["instruction_sets"] = instruction_sets(fields["flags"]);
  return json;
}

std::string describe_processor() {
  const auto json = machine();
  std::ostringstream text;
  text << json.at("processor").get<std::string>();
  if (json.contains("processor_family") && json.contains("processor_model")) {
    text << " (family " << json.at("processor_family") << ", model " << json.at("processor_model") << ")";
  }
  const auto sets = json.at("instruction_sets").get<std::string>();
  if (!sets.empty()) text << ", " << sets;
  return text.str();
}

}  // namespace glow::bench
