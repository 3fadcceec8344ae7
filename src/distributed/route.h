#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace glow::distributed {

/// How this host reaches another one.
struct Route {
  /// The numeric address from which packets to that host are sent, by which it reaches this host in turn.
  std::string source;
  /// Whether the address is one of this host itself.
  bool leads_here = false;
};

/// Throws std::runtime_error if the name cannot be resolved or no address has a route.
Route find_route(const std::string& host, std::uint16_t port);

/// Returns if a program on that host accepts connections. Throws std::runtime_error if not.
void require_listening(const std::string& host, std::uint16_t port, std::chrono::milliseconds timeout);
bool is_listening(const std::string& host, std::uint16_t port, std::chrono::milliseconds timeout);

bool is_loopback(const std::string& address);

/// The IPv4 address of the first interface to other hosts; "" when there is none.
std::string address_of_interface();

}  // namespace glow::distributed
