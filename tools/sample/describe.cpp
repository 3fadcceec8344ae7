#include "tools/sample/describe.h"

#include <glow/io/safetensors.h>
#include <glow/nn/model_file.h>

#include "tools/common/flag_values.h"
#include "tools/common/text.h"

namespace glow::tools {
namespace {

std::string class_text(const nn::ModelInfo& info) {
  if (info.options.num_classes == 0) return "none";
  std::string text = std::to_string(info.options.num_classes);
  for (std::size_t i = 0; i < info.class_names.size(); ++i) text += (i == 0 ? ": " : ", ") + info.class_names[i];
  return text;
}

}  // namespace

std::string describe_model(const std::filesystem::path& path) {
  const auto info = nn::read_model_info(path);
  io::SafetensorsReader(path).verify_checksum();
  Listing listing;
  listing.add("file", path.string());
  const auto options = Json::parse(nn::to_json(info.options));
  for (const auto& option : options.items()) listing.add(option.key(), to_text(option.value()));
  listing.add("classes", class_text(info));
  listing.add("parameters", grouped(nn::parameter_count(info.options)));
  listing.add("written by", "Glow " + info.version);
  listing.add("checksum", info.checksum);
  return listing.text();
}

}  // namespace glow::tools
