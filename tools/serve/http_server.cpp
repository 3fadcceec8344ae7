#include "tools/serve/http_server.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <new>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <microhttpd.h>
#include <nlohmann/json.hpp>

#include <glow/error.h>

#include "tools/serve/form.h"
#include "tools/serve/header_text.h"
#include "tools/serve/metrics.h"
#include "tools/serve/workers.h"

namespace glow::tools {
namespace {

using Clock = std::chrono::steady_clock;

/// The page loads its own files and pictures only, and talks to this server only.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; base-uri "
    "'none'; form-action 'none'; frame-ancestors 'none'";

/// The host of "host:port" or "[::1]:port", in lower case.
std::string host_of(std::string_view authority) {
  if (authority.starts_with('[')) return lower(authority.substr(1, authority.find(']') - 1));
  return lower(authority.substr(0, authority.find(':')));
}

/// Whether two secrets are equal, in a time that does not depend on where they differ.
bool is_same_secret(std::string_view one, std::string_view other) {
  unsigned difference = one.size() == other.size() ? 0 : 1;
  for (std::size_t i = 0; i < one.size() && i < other.size(); ++i) {
    difference |= static_cast<unsigned char>(one[i]) ^ static_cast<unsigned char>(other[i]);
  }
  return difference == 0;
}

ApiResponse refusal(int status, const std::string& message) {
  return {
      .status = status, .content_type = "application/json", .body = nlohmann::json({{"error", message}}).dump() + "\n"};
}

/// A header of a request; empty if it is missing.
std::string header(MHD_Connection* connection, const char* name) {
  const char* value = ::MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? "" : value;
}

/// Whether the client has closed a suspended connection.
bool is_closed(MHD_Connection* connection) {
  const auto* info = ::MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  char next = 0;
  const auto received = ::recv(info->connect_fd, &next, 1, MSG_PEEK | MSG_DONTWAIT);
  return received == 0 || (received < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

int count_headers(MHD_Connection* connection, const std::string& name) {
  struct Counter {
    const std::string& name;
    int count;
  } counter{name, 0};
  const auto add = [](void* data, MHD_ValueKind, const char* key, const char*) {
    auto& each = *static_cast<Counter*>(data);
    each.count += lower(key) == each.name ? 1 : 0;
    return MHD_YES;
  };
  ::MHD_get_connection_values(connection, MHD_HEADER_KIND, add, &counter);
  return counter.count;
}

/// The most connections, at most `wanted`: each is an open file, and 100 files stay for the program itself.
unsigned possible_connections(unsigned wanted) {
  constexpr rlim_t kOthers = 100;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, wanted + kOthers));
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<unsigned>(std::clamp<rlim_t>(limit.rlim_cur - std::min(limit.rlim_cur, kOthers), 1, wanted));
}

/// Messages of the HTTP library about clients that misbehave.
void ignore_message(void*, const char*, std::va_list) {}

/// What is known of a request while it is received and answered.
struct Exchange {
  ApiRequest request;
  /// The header Content-Type with its parameters.
  std::string content_type;
  /// Bytes of the body, and those of them that count in HttpOptions::most_received.
  std::size_t received = 0, kept = 0;
  Clock::time_point begin = Clock::now();
  /// Whether the whole request is there and its answer is not sent.
  bool is_unfinished = false;
  /// Set by a worker before it resumes the connection.
  std::atomic<bool> is_answered = false;
  ApiResponse response;
};

}  // namespace

bool is_loopback(const std::string& host) {
  in_addr address{};
  const bool is_ipv4 = ::inet_pton(AF_INET, host.c_str(), &address) == 1;
  return (is_ipv4 && ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET) || host == "localhost" || host == "::1";
}

class HttpServer::Content {
 public:
  Content(AnswerRequest answer, std::function<std::string()> metrics, const std::vector<StaticFile>& files,
          const HttpOptions& options)
      : answer_(std::move(answer)),
        more_metrics_(std::move(metrics)),
        files_(files),
        options_(options),
        workers_(options.most_requests) {
    start();
  }
  ~Content() { stop(std::chrono::seconds(0)); }
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;

  int port() const { return port_; }
  std::string address() const {
    const bool is_ipv6 = options_.host.find(':') != std::string::npos;
    return "http://" + (is_ipv6 ? "[" + options_.host + "]" : options_.host) + ":" + std::to_string(port_) + "/";
  }

  void serve(const std::function<bool()>& is_over, std::chrono::seconds patience) {
    while (!is_over()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    stop(patience);
  }

 private:
  void start() {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    const auto port = std::to_string(options_.port);
    if (::getaddrinfo(options_.host.c_str(), port.c_str(), &hints, &found) != 0) throw unusable();
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (found->ai_family == AF_INET6) flags |= MHD_USE_IPv6;
    // For the request line and the headers, and for a piece of a body.
    constexpr std::size_t kMemory = std::size_t{1} << 16;
    const auto connections = possible_connections(options_.connections);
    daemon_ = ::MHD_start_daemon(flags, 0, nullptr, nullptr, &Content::on_request, this, MHD_OPTION_EXTERNAL_LOGGER,
                                 ignore_message, nullptr, MHD_OPTION_NOTIFY_COMPLETED, &Content::on_end, this,
                                 MHD_OPTION_SOCK_ADDR, found->ai_addr, MHD_OPTION_CONNECTION_LIMIT, connections,
                                 MHD_OPTION_CONNECTION_TIMEOUT, options_.timeout, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 kMemory, MHD_OPTION_LISTEN_BACKLOG_SIZE, connections, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                                 MHD_OPTION_END);
    ::freeaddrinfo(found);
    if (daemon_ == nullptr) throw unusable();
    port_ = ::MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT)->port;
  }

  IoError unusable() const {
    return IoError(options_.host + ":" + std::to_string(options_.port) +
                   ": this address cannot be used; is another program listening there? (--port 0 takes a free port)");
  }

  void stop(std::chrono::seconds patience) {
    if (daemon_ == nullptr) return;
    is_stopping_ = true;
    if (const auto listener = ::MHD_quiesce_daemon(daemon_); listener != MHD_INVALID_SOCKET) ::close(listener);
    const auto end = Clock::now() + patience;
    // A request that arrives just now is still being received.
    constexpr std::chrono::milliseconds kLast(200);
    std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(kLast, patience));
    while (unfinished_ > 0 && Clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    is_over_ = true;
    // The workers must not resume connections that are gone.
    while (working_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ::MHD_stop_daemon(std::exchange(daemon_, nullptr));
  }

  // Called by the HTTP library in its thread.

  static MHD_Result on_request(void* self, MHD_Connection* connection, const char* url, const char* method,
                               const char* /*version*/, const char* data, std::size_t* size, void** state) {
    try {
      return static_cast<Content*>(self)->receive(connection, url, method, {data, *size}, size, state);
    } catch (const std::exception&) {
      return MHD_NO;  // closes the connection: memory is short
    }
  }

  static void on_end(void* self, MHD_Connection*, void** state, MHD_RequestTerminationCode) {
    auto* exchange = static_cast<Exchange*>(*state);
    if (exchange == nullptr) return;
    auto& content = *static_cast<Content*>(self);
    if (exchange->is_unfinished) --content.unfinished_;
    content.receiving_ -= exchange->kept;
    delete exchange;
    *state = nullptr;
  }

  /// Is called when the headers are there, for each piece of the body, at its end, and after the answer is made.
  MHD_Result receive(MHD_Connection* connection, const std::string& path, const std::string& method,
                     std::string_view data, std::size_t* size, void** state) {
    auto* exchange = static_cast<Exchange*>(*state);
    if (exchange == nullptr) {
      exchange = new Exchange;
      *state = exchange;
      return begin(connection, path, method, *exchange);
    }
    if (!data.empty()) {
      *size = 0;
      return add(data, *exchange);
    }
    if (!exchange->is_answered) return dispatch(connection, *exchange);
    return finish(connection, *exchange, exchange->response);
  }

  /// An answer before the body is read closes the connection, so that the body is never taken for a request.
  MHD_Result begin(MHD_Connection* connection, const std::string& path, const std::string& method, Exchange& exchange) {
    auto& request = exchange.request;
    request.method = method == "HEAD" ? "GET" : method;
    request.path = path;
    exchange.content_type = header(connection, "Content-Type");
    request.content_type = lower(exchange.content_type.substr(0, exchange.content_type.find_first_of("; ")));
    request.accepts_json = header(connection, "Accept").find("application/json") != std::string::npos;
    const auto add_value = [](void* data_, MHD_ValueKind, const char* key, const char* value) {
      static_cast<Exchange*>(data_)->request.query.emplace_back(key, value == nullptr ? "" : value);
      return MHD_YES;
    };
    ::MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_value, &exchange);
    if (const auto refused = check(connection, path)) return finish(connection, exchange, *refused);
    if (const auto own = own_answer(request)) return finish(connection, exchange, *own);
    // Also numbers of 20 digits and more are too large.
    const auto length = header(connection, "Content-Length");
    if (length.size() >= 20 || (!length.empty() && std::stoull(length) > most_bytes(request))) {
      return finish(connection, exchange, too_large(most_bytes(request)));
    }
    return MHD_YES;
  }

  static ApiResponse busy() {
    auto response = refusal(503, "too many requests at once; try again later");
    response.headers.emplace_back("Retry-After", "1");
    return response;
  }

  static ApiResponse stopping() { return refusal(503, "the server is stopping"); }

  /// Refuses requests that other sites send from a browser, those without the token, and forms of requests that servers
  /// understand differently.
  std::optional<ApiResponse> check(MHD_Connection* connection, const std::string& path) const {
    const auto host = header(connection, "Host"), origin = header(connection, "Origin"),
               encoding = lower(header(connection, "Content-Encoding"));
    if (count_headers(connection, "host") != 1) return refusal(400, "Host: expected it once");
    if (is_loopback(options_.host) && !is_loopback(host_of(host))) {
      return refusal(403, "Host: expected localhost or a loopback address");
    }
    if (!origin.empty() && origin != "http://" + host)
      return refusal(403, "Origin: requests of other sites are refused");
    const auto transfer = lower(header(connection, "Transfer-Encoding"));
    if (!transfer.empty() && transfer != "chunked") return refusal(400, "Transfer-Encoding: expected chunked or none");
    if (count_headers(connection, "content-length") + count_headers(connection, "transfer-encoding") > 1) {
      return refusal(400, "Content-Length: expected one length of the body");
    }
    if (!encoding.empty() && encoding != "identity") return refusal(415, "Content-Encoding: expected none");
    const bool is_open = path == "/healthz" || find_file(path) != nullptr;
    if (!is_open && !options_.token.empty() &&
        !is_same_secret(header(connection, "Authorization"), "Bearer " + options_.token)) {
      auto response = refusal(401, "Authorization: expected Bearer and the token");
      response.headers.emplace_back("WWW-Authenticate", "Bearer");
      return response;
    }
    return std::nullopt;
  }

  const StaticFile* find_file(const std::string& path) const {
    const auto found = std::ranges::find(files_, path, &StaticFile::path);
    return found == files_.end() ? nullptr : &*found;
  }

  bool is_own(const std::string& path) const {
    return path == "/healthz" || path == "/metrics" || find_file(path) != nullptr;
  }

  /// The answers that need no model.
  std::optional<ApiResponse> own_answer(const ApiRequest& request) const {
    if (request.method != "GET") {
      if (!is_own(request.path)) return std::nullopt;
      auto response = refusal(405, "expected GET");
      response.headers.emplace_back("Allow", "GET");
      return response;
    }
    if (const auto* file = find_file(request.path)) {
      return ApiResponse{.content_type = file->content_type, .body = std::string(file->content)};
    }
    if (request.path == "/healthz") return ApiResponse{.content_type = "text/plain", .body = "ok\n"};
    if (request.path != "/metrics") return std::nullopt;
    return ApiResponse{.content_type = "text/plain; version=0.0.4", .body = metrics_.text() + more_metrics_()};
  }

  /// Adds a piece of the body. An answer is possible at the end of the body only, so the rest of a body that is refused
  /// is read, unless it is too much.
  MHD_Result add(std::string_view data, Exchange& exchange) {
    exchange.received += data.size();
    const auto most = most_bytes(exchange.request);
    if (exchange.received > 2 * most) return MHD_NO;
    if (Clock::now() > exchange.begin + std::chrono::seconds(options_.body_timeout)) return MHD_NO;
    const bool is_kept = exchange.kept + data.size() == exchange.received;
    if (!is_kept || exchange.received > most || receiving_ + data.size() > options_.most_received) {
      receiving_ -= std::exchange(exchange.kept, 0);
      exchange.request.body = {};
      return MHD_YES;
    }
    exchange.request.body.append(data);
    exchange.kept += data.size();
    receiving_ += data.size();
    return MHD_YES;
  }

  std::size_t most_bytes(const ApiRequest& request) const {
    return request.content_type == "application/json" ? options_.most_json : options_.most_body;
  }
  static ApiResponse too_large(std::size_t most) {
    return refusal(413, "the body is too large: expected at most " + std::to_string(most) + " bytes");
  }

  /// Gives a whole request to a worker.
  MHD_Result dispatch(MHD_Connection* connection, Exchange& exchange) {
    const auto most = most_bytes(exchange.request);
    ++unfinished_;
    exchange.is_unfinished = true;
    exchange.begin = Clock::now();
    if (exchange.received > most) return finish(connection, exchange, too_large(most));
    const bool is_kept = exchange.kept == exchange.received;
    if (is_stopping_) return finish(connection, exchange, stopping());
    if (!is_kept || admitted_ >= options_.most_requests) return finish(connection, exchange, busy());
    exchange.request.is_abandoned = [this, connection] { return is_over_ || is_closed(connection); };
    ++admitted_;
    ++working_;
    ::MHD_suspend_connection(connection);
    workers_.add([this, connection, &exchange] {
      exchange.response = respond(exchange.request, exchange.content_type);
      if (is_over_ && exchange.response.status != 200) exchange.response = stopping();
      exchange.is_answered = true;
      --admitted_;  // before the client can send its next request
      ::MHD_resume_connection(connection);
      --working_;
    });
    return MHD_YES;
  }

  /// Moves the request to answer_, but keeps its path, which is a label of the metrics.
  ApiResponse respond(ApiRequest& request, const std::string& content_type) const noexcept {
    try {
      if (request.content_type == "multipart/form-data") {
        auto form = parse_form(content_type, std::exchange(request.body, {}));
        request.files = std::move(form.files);
        for (auto& field : form.fields) request.query.push_back(std::move(field));
      }
      return answer_(std::exchange(request, {.method = {}, .path = request.path}));
    } catch (const Error& error) {
      return refusal(400, error.what());
    } catch (const std::bad_alloc&) {
      return busy();
    }
  }

  MHD_Result finish(MHD_Connection* connection, Exchange& exchange, const ApiResponse& response) {
    auto* out = ::MHD_create_response_from_buffer(response.body.size(), const_cast<char*>(response.body.data()),
                                                  MHD_RESPMEM_MUST_COPY);
    if (out == nullptr) return MHD_NO;
    for (const auto& [name, value] : response.headers) ::MHD_add_response_header(out, name.c_str(), value.c_str());
    for (const auto& [name, value] :
         {std::pair{"Content-Type", response.content_type.c_str()}, std::pair{"X-Content-Type-Options", "nosniff"},
          std::pair{"Content-Security-Policy", kPolicy}, std::pair{"Cross-Origin-Resource-Policy", "same-origin"},
          std::pair{"Cache-Control", "no-store"}}) {
      ::MHD_add_response_header(out, name, value);
    }
    if (is_stopping_) ::MHD_add_response_header(out, "Connection", "close");
    const auto result = ::MHD_queue_response(connection, static_cast<unsigned>(response.status), out);
    ::MHD_destroy_response(out);
    // Other paths are no labels: clients could make any number of them.
    const auto& path = exchange.request.path;
    const bool is_known = std::ranges::find(options_.paths, path) != options_.paths.end() || is_own(path);
    const std::chrono::duration<double> seconds = Clock::now() - exchange.begin;
    metrics_.add(is_known ? path : "other", response.status, seconds.count());
    return result;
  }

  AnswerRequest answer_;
  std::function<std::string()> more_metrics_;
  std::vector<StaticFile> files_;
  HttpOptions options_;
  int port_ = 0;
  RequestMetrics metrics_;
  MHD_Daemon* daemon_ = nullptr;
  /// Whether no more requests are taken, and whether those that wait are abandoned.
  std::atomic<bool> is_stopping_ = false, is_over_ = false;
  /// Whole requests whose answer is not sent, those that are not answered, and those whose connections workers will
  /// resume.
  std::atomic<std::size_t> unfinished_ = 0, admitted_ = 0, working_ = 0;
  /// Bytes of the bodies of requests that are received or not yet answered.
  std::atomic<std::size_t> receiving_ = 0;
  Workers workers_;
};

HttpServer::HttpServer(AnswerRequest answer, std::function<std::string()> metrics, const std::vector<StaticFile>& files,
                       const HttpOptions& options)
    : content_(std::make_unique<Content>(std::move(answer), std::move(metrics), files, options)) {}
HttpServer::~HttpServer() = default;
std::string HttpServer::address() const { return content_->address(); }
int HttpServer::port() const { return content_->port(); }
void HttpServer::serve(const std::function<bool()>& is_over, std::chrono::seconds patience) {
  content_->serve(is_over, patience);
}

}  // namespace glow::tools
