#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

// A small HTTP client, which also sends what a browser never would.

namespace glow::testing {

/// A connection to a port of this machine.
class Connection {
 public:
  explicit Connection(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(socket_);
      throw std::runtime_error("cannot connect");
    }
  }
  ~Connection() { ::close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the server has closed it
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// All bytes until the server closes the connection.
  std::string receive() const {
    std::string bytes(1 << 16, '\0');
    std::string all;
    for (;;) {
      const auto count = ::recv(socket_, bytes.data(), bytes.size(), 0);
      if (count <= 0) return all;
      all.append(bytes, 0, static_cast<std::size_t>(count));
    }
  }

 private:
  int socket_;
};

struct HttpAnswer {
  int status = 0;
  std::string head, body;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// Sends a request on a connection of its own. `headers` may contain another Host.
inline HttpAnswer http(int port, const std::string& method, const std::string& path, const std::string& body = "",
                       const HttpHeaders& headers = {}) {
  std::string text = method + " " + path + " HTTP/1.1\r\nConnection: close\r\n";
  bool has_host = false;
  for (const auto& [name, value] : headers) {
    text += name + ": " + value + "\r\n";
    has_host = has_host || name == "Host";
  }
  if (!has_host) text += "Host: 127.0.0.1:" + std::to_string(port) + "\r\n";
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  const Connection connection(port);
  connection.send(text + "\r\n" + body);
  const auto answer = connection.receive();
  const auto end = answer.find("\r\n\r\n");
  if (end == std::string::npos) return {};
  return {std::stoi(answer.substr(answer.find(' ') + 1)), answer.substr(0, end), answer.substr(end + 4)};
}

}  // namespace glow::testing
