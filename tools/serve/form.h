#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <glow/images/memory_images.h>

namespace glow::tools {

/// The parts of a form.
struct Form {
  /// Parts with a file name.
  std::vector<images::EncodedFile> files;
  /// The others, by their names.
  std::vector<std::pair<std::string, std::string>> fields;
};

/// Reads a body of the type multipart/form-data (RFC 7578). `content_type` is the header of the request, with the
/// boundary. Throws ConfigError for a body that is no complete form.
Form parse_form(std::string_view content_type, std::string_view body);

}  // namespace glow::tools
