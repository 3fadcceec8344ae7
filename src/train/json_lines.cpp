#include "train/json_lines.h"

#include <cerrno>
#include <sstream>
#include <string>

#include <glow/io/file.h>

#include "io/errors.h"

namespace glow::train {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMostLogBytes = std::uint64_t{1} << 32;

}  // namespace

JsonLines::JsonLines(std::filesystem::path path, const std::function<bool(const Json&)>& belongs)
    : path_(std::move(path)) {
  std::string kept;
  if (std::filesystem::exists(path_)) {
    std::istringstream lines(io::read_file(path_, kMostLogBytes));
    for (std::string line; std::getline(lines, line);) {
      auto json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (!json.is_object() || !belongs(json)) continue;
      kept += line + "\n";
      last_kept_ = std::move(json);
    }
  }
  io::write_file(path_, kept);
  stream_.open(path_, std::ios::app | std::ios::binary);
  if (!stream_) throw io::cannot_write(path_, errno);
}

void JsonLines::add(const Json& object) {
  stream_ << object.dump() << "\n" << std::flush;
  if (!stream_) throw io::cannot_write(path_, errno);
}

}  // namespace glow::train
