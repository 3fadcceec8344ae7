#include "distributed/own_address.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include <glow/error.h>

namespace glow::distributed {
namespace {

socklen_t length_of(const sockaddr& address) {
  return address.sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

std::string digits_of(const sockaddr& address) {
  char name[NI_MAXHOST] = "";
  ::getnameinfo(&address, length_of(address), name, sizeof name, nullptr, 0, NI_NUMERICHOST);
  return name;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

/// Of the first interface that leads elsewhere; "" when there is none.
std::string address_of_interface() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return "";
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> interfaces(first, ::freeifaddrs);
  for (const auto* interface = first; interface != nullptr; interface = interface->ifa_next) {
    constexpr unsigned kWanted = IFF_UP | IFF_RUNNING, kUnwanted = IFF_LOOPBACK | IFF_POINTOPOINT;
    const auto* address = interface->ifa_addr;
    const bool is_there = (interface->ifa_flags & kWanted) == kWanted && (interface->ifa_flags & kUnwanted) == 0;
    if (is_there && address != nullptr && address->sa_family == AF_INET) return digits_of(*address);
  }
  return "";
}

/// Where packets to one of the addresses come from; "" when there is no way.
std::string address_towards(const addrinfo* addresses) {
  for (const auto* place = addresses; place != nullptr; place = place->ai_next) {
    const int socket = ::socket(place->ai_family, place->ai_socktype | SOCK_CLOEXEC, place->ai_protocol);
    if (socket < 0) continue;
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    auto* own = reinterpret_cast<sockaddr*>(&storage);
    // Sends nothing.
    const bool leads_there = ::connect(socket, place->ai_addr, place->ai_addrlen) == 0;
    const bool is_known = leads_there && ::getsockname(socket, own, &length) == 0;
    ::close(socket);
    if (is_known) return digits_of(*own);
  }
  return "";
}

}  // namespace

std::string own_address(const Launch& launch) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (::getaddrinfo(launch.address.c_str(), std::to_string(launch.port).c_str(), &hints, &found) != 0) {
    throw ProcessError("cannot find the host " + launch.address + ", where the processes are to meet");
  }
  const auto address = address_towards(found);
  ::freeaddrinfo(found);
  if (address.empty()) throw ProcessError("there is no way to " + launch.address + ", where the processes are to meet");
  // To itself a host may be known by a name that leads no further (Debian's 127.0.1.1).
  if (is_loopback(address) && !is_loopback(launch.address) && launch.local_size < launch.size) {
    if (const auto other = address_of_interface(); !other.empty()) return other;
  }
  return address;
}

}  // namespace glow::distributed
