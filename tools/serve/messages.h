#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <glow/images/memory_images.h>

namespace glow::tools {

/// A request, as far as the answer depends on it.
struct ApiRequest {
  std::string method, path;
  /// Without parameters: "application/json".
  std::string content_type{};
  std::string body{};
  /// The files of a multipart body.
  std::vector<images::EncodedFile> files{};
  /// Values in the URL, by their names.
  std::vector<std::pair<std::string, std::string>> query{};
  /// Whether the client asks for JSON instead of a picture.
  bool accepts_json = false;
  /// Whether no answer is needed any more, because the client has closed the connection or the program ends; null:
  /// unknown.
  std::function<bool()> is_abandoned{};
};

struct ApiResponse {
  int status = 200;
  std::string content_type{};
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
};

/// Answers a request. Never throws.
using AnswerRequest = std::function<ApiResponse(ApiRequest)>;

}  // namespace glow::tools
