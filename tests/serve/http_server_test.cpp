#include "tools/serve/http_server.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/http.h"
#include "support/throws.h"

namespace glow::serve_http_server_test {
namespace {

using namespace glow::testing;
using tools::ApiRequest;
using tools::ApiResponse;
using tools::HttpOptions;
using tools::HttpServer;

/// A server that answers with what it was asked; if `is_held`, after release().
class EchoServer {
 public:
  explicit EchoServer(const HttpOptions& options = {}, bool is_held = false)
      : is_held_(is_held),
        server_(
            [this](const ApiRequest& request) {
              ++begun_;
              is_held_.wait(true);
              return echo(request);
            },
            [] { return "more 1\n"; }, {{"/", "text/html", "<p>page</p>"}}, with_paths(options)),
        thread_([this] { server_.serve([this] { return is_over_.load(); }); }) {}
  ~EchoServer() { stop(); }

  int port() const { return server_.port(); }
  /// Waits until the server answers so many requests.
  void wait_until_begun(int requests) const {
    while (begun_ < requests) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void release() {
    is_held_ = false;
    is_held_.notify_all();
  }
  void stop() {
    is_over_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  static HttpOptions with_paths(HttpOptions options) {
    options.paths = {"/x", "/api/x"};
    return options;
  }
  static ApiResponse echo(const ApiRequest& request) {
    std::string text = request.method + " " + request.path + " " + request.content_type + " " + request.body;
    for (const auto& file : request.files) text += " " + file.name + "=" + file.bytes;
    for (const auto& [name, value] : request.query) text += " " + name + ":" + value;
    return {.status = request.path == "/unknown" ? 404 : 200, .content_type = "text/plain", .body = text};
  }

  std::atomic<bool> is_held_, is_over_ = false;
  std::atomic<int> begun_ = 0;
  HttpServer server_;
  std::thread thread_;
};

TEST(HttpServer, PassesRequestsOn) {
  const EchoServer server;
  const auto answer =
      http(server.port(), "POST", "/api/x?a=1&b=%20", "{}", {{"Content-Type", "application/json; x=y"}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "POST /api/x application/json {} a:1 b: ");
  const std::string multipart =
      "--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\n\r\nbytes\r\n--xx--\r\n";
  EXPECT_EQ(http(server.port(), "POST", "/u", multipart, {{"Content-Type", "multipart/form-data; boundary=xx"}}).body,
            "POST /u multipart/form-data  a.png=bytes");
  EXPECT_EQ(http(server.port(), "GET", "/").body, "<p>page</p>");
  EXPECT_EQ(http(server.port(), "GET", "/healthz").body, "ok\n");
  const auto metrics = http(server.port(), "GET", "/metrics").body;
  EXPECT_NE(metrics.find("glow_requests_total{path=\"/api/x\",status=\"200\"} 1\n"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("more 1\n"), std::string::npos);
}

TEST(HttpServer, RefusesOtherSites) {
  const EchoServer server;
  const auto status = [&](const HttpHeaders& headers) { return http(server.port(), "GET", "/x", "", headers).status; };
  const auto own = "127.0.0.1:" + std::to_string(server.port()), name = "localhost:" + std::to_string(server.port());
  EXPECT_EQ(status({{"Host", own}}), 200);
  EXPECT_EQ(status({{"Host", name}}), 200);
  EXPECT_EQ(status({{"Host", own}, {"Origin", "http://" + own}}), 200);
  EXPECT_EQ(status({{"Host", "evil.example"}}), 403);
  EXPECT_EQ(status({{"Host", "127.0.0.1.evil.example"}}), 403);
  EXPECT_EQ(status({{"Host", "localhost.evil.example:" + std::to_string(server.port())}}), 403);
  EXPECT_EQ(status({{"Host", ""}}), 403);
  EXPECT_EQ(status({{"Host", own}, {"Origin", "http://evil.example"}}), 403);
  EXPECT_EQ(status({{"Host", own}, {"Origin", "null"}}), 403);
  EXPECT_EQ(status({{"Host", own}, {"Origin", "https://" + own}}), 403);
}

TEST(HttpServer, AsksForTheToken) {
  const EchoServer server({.token = "secret"});
  const auto status = [&](const std::string& path, const std::string& value) {
    return http(server.port(), "GET", path, "", {{"Authorization", value}}).status;
  };
  EXPECT_EQ(status("/x", "Bearer secret"), 200);
  for (const char* wrong : {"", "Bearer ", "Bearer secre", "Bearer secret1", "secret", "bearer secret"}) {
    EXPECT_EQ(status("/x", wrong), 401) << wrong;
    EXPECT_EQ(status("/metrics", wrong), 401) << wrong;
  }
  EXPECT_EQ(status("/healthz", ""), 200);
  EXPECT_EQ(status("/", ""), 200);
}

TEST(HttpServer, RefusesMalformedAndLargeRequests) {
  const EchoServer server({.most_body = 1000});
  EXPECT_EQ(http(server.port(), "POST", "/x", std::string(1000, 'a')).status, 200);
  EXPECT_EQ(http(server.port(), "POST", "/x", std::string(1001, 'a')).status, 413);
  EXPECT_EQ(http(server.port(), "GET", "/" + std::string(100'000, 'a')).status, 414);
  EXPECT_EQ(http(server.port(), "GET", "/x", "", {{"X", std::string(100'000, 'a')}}).status, 431);
  EXPECT_EQ(http(server.port(), "POST", "/x", "no parts", {{"Content-Type", "multipart/form-data"}}).status, 400);
  EXPECT_EQ(http(server.port(), "POST", "/x", "zip", {{"Content-Encoding", "gzip"}}).status, 415);
  for (const char* path : {"/", "/healthz", "/metrics"}) {
    EXPECT_EQ(http(server.port(), "POST", path, "x").status, 405) << path;
  }
  const EchoServer impatient({.timeout = 1});
  for (const char* text : {"", "\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\xff\xfe\x00",
                           "POST /x HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                           "POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n"}) {
    const Connection connection(impatient.port());
    connection.send(text);
    const auto answer = connection.receive();
    EXPECT_EQ(answer.find(" 200 "), std::string::npos) << text << answer;
  }
  EXPECT_EQ(http(server.port(), "GET", "/x").status, 200);
  EXPECT_NE(http(server.port(), "GET", "/metrics").body.find("path=\"/x\",status=\"200\"} 2"), std::string::npos);
}

TEST(HttpServer, ABodyMustArriveInTime) {
  const EchoServer server({.body_timeout = 0});
  const Connection connection(server.port());
  connection.send("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nx");
  EXPECT_EQ(connection.receive(), "");
}

TEST(HttpServer, ChunkedBodiesAreBounded) {
  const EchoServer server({.most_body = 1000});
  const auto answer_to = [&](int chunks) {
    const Connection connection(server.port());
    connection.send("POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < chunks; ++i) connection.send("64\r\n" + std::string(100, 'a') + "\r\n");
    connection.send("0\r\n\r\n");
    return connection.receive();
  };
  EXPECT_NE(answer_to(10).find(" 200 OK"), std::string::npos);
  EXPECT_NE(answer_to(11).find(" 413 "), std::string::npos);
  EXPECT_EQ(answer_to(1000).find(" 200 OK"), std::string::npos);
}

TEST(HttpServer, TheBodyOfARefusedRequestIsNotTakenForARequest) {
  const EchoServer server;
  const std::string inner = "POST /api/sample HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
  for (const std::string header : {"Origin: http://evil.example", "Transfer-Encoding: chunked", "Host: localhost"}) {
    const Connection connection(server.port());
    connection.send("POST /x HTTP/1.1\r\nHost: localhost\r\n" + header +
                    "\r\nContent-Length: " + std::to_string(inner.size()) + "\r\n\r\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    connection.send(inner);
    EXPECT_EQ(connection.receive().find(" 200 OK"), std::string::npos) << header;
  }
}

TEST(HttpServer, FormsDoNotDependOnTheSegmentsInWhichTheyArrive) {
  const EchoServer server;
  const std::string body =
      "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\n\r\n12\r\n--b\r\n"
      "Content-Disposition: form-data; name=v\r\n\r\n3\r\n--b--\r\n";
  for (std::size_t split = 1; split < body.size(); split += 3) {
    const Connection connection(server.port());
    connection.send(
        "POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: multipart/form-data; "
        "boundary=b\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body.substr(0, split));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    connection.send(body.substr(split));
    const auto answer = connection.receive();
    EXPECT_NE(answer.find("POST /x multipart/form-data  a.png=12 v:3"), std::string::npos) << split << answer;
  }
  for (const auto& [type, form] : std::vector<std::pair<std::string, std::string>>{
           {"", body},
           {"; boundary=", body},
           {"; boundary=c", body},
           {"; boundary=b", ""},
           {"; boundary=b", "--b"},
           {"; boundary=b", "--b\r\n\r\nx\r\n--b--"},
           {"; boundary=b", "--b\r\n\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--"},
           {"; boundary=b", "--b\r\nContent-Disposition: form-data; name=a\r\n" + body},
           {"; boundary=b", body.substr(0, body.size() - 8)},
           {"; boundary=b", "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"}}) {
    EXPECT_EQ(http(server.port(), "POST", "/x", form, {{"Content-Type", "multipart/form-data" + type}}).status, 400)
        << type << form;
  }
}

TEST(HttpServer, OtherTransferEncodingsAreRefused) {
  const EchoServer server;
  for (const char* encoding : {"gzip, chunked", "xchunked", "identity"}) {
    EXPECT_EQ(http(server.port(), "POST", "/x", "", {{"Transfer-Encoding", encoding}}).status, 400) << encoding;
  }
}

TEST(HttpServer, SlowUploadsLeaveTheirPlaceToOthers) {
  const EchoServer server({.most_requests = 1, .most_received = 1000});
  std::vector<std::unique_ptr<Connection>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<Connection>(server.port()));
    clients.back()->send("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf");
  }
  EXPECT_EQ(http(server.port(), "POST", "/x", "body").status, 200);
  EXPECT_EQ(http(server.port(), "POST", "/x", std::string(1001, 'a')).status, 503) << "bodies have no limit";
  EXPECT_EQ(http(server.port(), "POST", "/x", std::string(500, 'a')).status, 200);
}

TEST(HttpServer, TooManyRequestsAreRefused) {
  EchoServer server({.most_requests = 2}, /*is_held=*/true);
  std::vector<std::thread> clients;
  std::atomic<int> answered = 0, refused = 0;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&] {
      const auto answer = http(server.port(), "GET", "/x");
      if (answer.status == 200) ++answered;
      if (answer.status == 503 && answer.head.find("Retry-After: 1") != std::string::npos) ++refused;
    });
  }
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (refused < 4 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  server.release();
  for (auto& client : clients) client.join();
  EXPECT_EQ(answered, 2);
  EXPECT_EQ(refused, 4);
  EXPECT_EQ(http(server.port(), "GET", "/x").status, 200);
}

TEST(HttpServer, UnknownPathsAreNoLabels) {
  const EchoServer server({.most_body = 10});
  http(server.port(), "GET", "/x");
  http(server.port(), "GET", "/unknown");
  http(server.port(), "POST", "/a%22%7D%201%0Ainjected", "x", {{"Content-Type", "multipart/form-data"}});
  http(server.port(), "POST", "/large", std::string(11, 'a'));
  const auto metrics = http(server.port(), "GET", "/metrics").body;
  EXPECT_NE(metrics.find("glow_requests_total{path=\"/x\",status=\"200\"} 1\n"), std::string::npos) << metrics;
  for (const char* status : {"400", "404", "413"}) {
    EXPECT_NE(metrics.find("glow_requests_total{path=\"other\",status=\"" + std::string(status) + "\"} 1\n"),
              std::string::npos)
        << metrics;
  }
  for (const char* path : {"injected", "large", "unknown"}) EXPECT_EQ(metrics.find(path), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("more 1\n"), std::string::npos);
}

TEST(HttpServer, IdleAndSlowClientsDoNotHoldUpOthers) {
  const EchoServer server({.timeout = 60});
  std::vector<std::unique_ptr<Connection>> clients;
  for (int i = 0; i < 600; ++i) {
    clients.push_back(std::make_unique<Connection>(server.port()));
    if (i % 2 == 0) clients.back()->send("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf");
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(http(server.port(), "GET", "/x").status, 200);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

bool can_connect(int port) {
  try {
    const Connection connection(port);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

TEST(HttpServer, StoppingAnswersWhatWasAccepted) {
  EchoServer server({}, /*is_held=*/true);
  int status = 0;
  std::thread client([&] { status = http(server.port(), "GET", "/x").status; });
  server.wait_until_begun(1);
  std::thread stop([&] { server.stop(); });
  while (can_connect(server.port())) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  server.release();
  client.join();
  stop.join();
  EXPECT_EQ(status, 200);
}

TEST(HttpServer, ARequestIsAbandonedWhenItsClientCloses) {
  std::atomic<int> begun = 0, abandoned = 0;
  HttpServer server(
      [&](const ApiRequest& request) {
        ++begun;
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!request.is_abandoned() && request.path == "/slow" && std::chrono::steady_clock::now() < end) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        abandoned += request.is_abandoned() ? 1 : 0;
        return ApiResponse{};
      },
      [] { return ""; }, {}, {});
  {
    const Connection client(server.port());
    client.send("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while (begun == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(http(server.port(), "GET", "/x").status, 200);
    EXPECT_EQ(abandoned, 0);
  }
  server.serve([&] { return abandoned > 0; });
  EXPECT_EQ(abandoned, 1);
}

TEST(HttpServer, ATakenPortIsNamed) {
  const EchoServer server;
  EXPECT_TRUE(throws<IoError>([&] { EchoServer another({.port = server.port()}); },
                              {"127.0.0.1:" + std::to_string(server.port()), "--port"}));
}

}  // namespace
}  // namespace glow::serve_http_server_test
