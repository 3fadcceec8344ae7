#pragma once

#include <vector>

#include "tools/serve/http_server.h"

namespace glow::tools {

/// The page and its files (tools/serve/page), which CMake makes a part of the program.
std::vector<StaticFile> page_files();

}  // namespace glow::tools
