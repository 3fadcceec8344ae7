#include "io/utf8.h"

#include <nlohmann/json.hpp>

namespace glow::io {

bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

std::string to_utf8(const std::string& text) {
  using nlohmann::json;
  const auto dumped = json(text).dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
  return json::parse(dumped).get<std::string>();
}

}  // namespace glow::io
