#include "distributed/route.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace glow::distributed {
namespace {

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

Addresses resolve(const std::string& host, std::uint16_t port, int type) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = type;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) throw std::runtime_error("MASTER_ADDR " + host + " cannot be resolved: " + ::gai_strerror(error));
  return {found, ::freeaddrinfo};
}

/// A socket for the address; closed at the end of the object's life.
class Socket {
 public:
  explicit Socket(const addrinfo& address)
      : id_(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol)) {}
  ~Socket() {
    if (id_ >= 0) ::close(id_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// Returns 0 or an error number.
  int connect(const addrinfo& address, std::chrono::milliseconds timeout) const {
    if (id_ < 0) return errno;
    if (::connect(id_, address.ai_addr, address.ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    pollfd ready{id_, POLLOUT, 0};
    if (::poll(&ready, 1, static_cast<int>(timeout.count())) <= 0) return ETIMEDOUT;
    int error = 0;
    socklen_t length = sizeof error;
    return ::getsockopt(id_, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
  }

  /// The numeric address of this end; "" when it has none.
  std::string own_address() const;

 private:
  int id_;
};

std::string numeric_address(const sockaddr& address) {
  const socklen_t length = address.sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  char name[NI_MAXHOST] = "";
  ::getnameinfo(&address, length, name, sizeof name, nullptr, 0, NI_NUMERICHOST);
  return name;
}

std::string Socket::own_address() const {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  return ::getsockname(id_, address, &length) == 0 ? numeric_address(*address) : "";
}

}  // namespace

Route find_route(const std::string& host, std::uint16_t port) {
  const auto addresses = resolve(host, port, SOCK_DGRAM);
  for (const auto* target = addresses.get(); target != nullptr; target = target->ai_next) {
    const Socket socket(*target);
    // On a datagram socket connect() sends nothing: it looks up the route and sets the source address.
    if (socket.connect(*target, {}) != 0) continue;
    const auto source = socket.own_address(), address = numeric_address(*target->ai_addr);
    if (!source.empty()) return {source, source == address || is_loopback(address)};
  }
  throw std::runtime_error("there is no route to " + host);
}

void require_listening(const std::string& host, std::uint16_t port, std::chrono::milliseconds timeout) {
  const auto addresses = resolve(host, port, SOCK_STREAM);
  int error = 0;
  for (const auto* target = addresses.get(); target != nullptr; target = target->ai_next) {
    error = Socket(*target).connect(*target, timeout);
    if (error == 0) return;
  }
  const auto* explanation = error == ECONNREFUSED ? ": nothing listens there" : "";
  throw std::runtime_error(std::generic_category().message(error) + explanation);
}

bool is_listening(const std::string& host, std::uint16_t port, std::chrono::milliseconds timeout) {
  try {
    require_listening(host, port, timeout);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

std::string address_of_interface() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return "";
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> interfaces(first, ::freeifaddrs);
  for (const auto* interface = first; interface != nullptr; interface = interface->ifa_next) {
    constexpr unsigned kRequired = IFF_UP | IFF_RUNNING, kExcluded = IFF_LOOPBACK | IFF_POINTOPOINT;
    const auto* address = interface->ifa_addr;
    const bool is_usable = (interface->ifa_flags & kRequired) == kRequired && (interface->ifa_flags & kExcluded) == 0;
    if (is_usable && address != nullptr && address->sa_family == AF_INET) return numeric_address(*address);
  }
  return "";
}

}  // namespace glow::distributed
