#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/serve/messages.h"

namespace glow::tools {

struct HttpOptions {
  /// An address of this machine.
  std::string host = "127.0.0.1";
  /// 0: any that is free.
  int port = 0;
  /// What clients must send as "Authorization: Bearer TOKEN"; empty: nothing.
  std::string token{};
  /// The largest body of a request, and of one in JSON, in bytes.
  std::size_t most_body = std::size_t{32} << 20, most_json = std::size_t{1} << 18;
  /// Completely received requests that wait or are computed; further ones get the status 503.
  std::size_t most_requests = 64;
  /// Bytes of the bodies of all requests that are received or not yet answered; further ones get the status 503.
  std::size_t most_received = std::size_t{256} << 20;
  /// The paths that `answer` knows: labels of the metrics.
  std::vector<std::string> paths{};
  /// The most connections; others wait. Fewer if the system does not let the process open as many files.
  unsigned connections = 20'000;
  /// Seconds until a connection on which nothing is sent or received is closed, and until a body must be there.
  unsigned timeout = 10, body_timeout = 60;
};

/// Whether only programs of this machine can reach the address.
bool is_loopback(const std::string& host);

/// A file that is a part of the program.
struct StaticFile {
  /// "/page/main.js"
  std::string path;
  std::string content_type;
  std::string_view content;
};

/// Answers requests over HTTP, and itself /healthz and /metrics (docs/http.md). A request with an Origin of another
/// site is refused; on a loopback address so is one with another Host than this address or localhost, which a web site
/// could have made to resolve to it (DNS rebinding). One thread reads and writes all connections, so that slow clients
/// cost a connection only.
class HttpServer {
 public:
  /// Binds to the address, and raises the process's limit of open files as far as the system allows. `answer` is called
  /// in several threads. `metrics`: more text for /metrics. Throws IoError if
  /// the address cannot be used.
  HttpServer(AnswerRequest answer, std::function<std::string()> metrics, const std::vector<StaticFile>& files,
             const HttpOptions& options);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// "http://127.0.0.1:8080/"
  std::string address() const;
  int port() const;

  /// Serves until `is_over` returns true, which is asked ten times a second. Then accepts no more connections, and
  /// returns when all requests are answered; after `patience` those that wait are abandoned.
  void serve(const std::function<bool()>& is_over, std::chrono::seconds patience = std::chrono::seconds(30));

 private:
  class Content;
  std::unique_ptr<Content> content_;
};

}  // namespace glow::tools
