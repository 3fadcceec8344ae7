#include "distributed/rendezvous.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <glow/error.h>

#include "distributed/shared_store.h"

namespace glow::distributed {
namespace {

using StorePointer = c10::intrusive_ptr<c10d::Store>;

/// "rank 3", "ranks 1, 2 and 5"; of many ranks the first ones and their number.
std::string ranks_text(const std::set<std::int64_t>& ranks) {
  constexpr std::size_t kMostNamed = 8;
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  std::size_t named = 0;
  for (const auto rank : ranks) {
    if (named == kMostNamed) return text + " and others (" + std::to_string(ranks.size()) + " in all)";
    if (named > 0) text += named + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(rank);
    ++named;
  }
  return text;
}

StorePointer open_store(const Launch& launch, std::chrono::seconds timeout, bool is_host) {
  c10d::TCPStoreOptions options;
  options.port = launch.port;
  options.isServer = is_host;
  options.timeout = timeout;
  StorePointer store = c10::make_intrusive<c10d::TCPStore>(launch.address, options);
  store->setTimeout(timeout);
  return store;
}

/// The first connection, for which the store's host may be missing.
StorePointer open_store_watched(const Launch& launch, std::chrono::seconds timeout, bool is_host, StartWatch& watch) {
  const auto place = launch.address + ":" + std::to_string(launch.port);
  watch.wait_for(launch.has_store ? "the launcher's store at " + place : "rank 0, whose store is expected at " + place);
  return open_store(launch, timeout, is_host);
}

// The keys of the rendezvous. All but the last are shared by all epochs. A rank writes a random request, and rank 0
// answers the request with the epoch, so that a rank cannot read the answer of an earlier start.

constexpr const char* kEpochCount = "glow/starts";

std::string request_key(std::int64_t rank) { return "glow/question/" + std::to_string(rank); }
std::string answer_key(const std::string& request) { return "glow/answer/" + request; }
std::string joined_key(const std::string& epoch, std::int64_t rank) { return epoch + "/here/" + std::to_string(rank); }

std::string join_epoch(c10d::Store& store, std::int64_t rank, StartWatch& watch) {
  watch.wait_for("rank 0");
  std::random_device random;
  const auto request = std::to_string(random()) + "-" + std::to_string(random());
  set_text(store, request_key(rank), request);
  const auto epoch = wait_for_text(store, answer_key(request));
  // From now on rank 0 knows which ranks are missing.
  watch.wait_for("");
  set_text(store, joined_key(epoch, rank), "1");
  return epoch;
}

std::string publish_epoch(c10d::Store& store, std::int64_t size, std::chrono::seconds timeout, StartWatch& watch) {
  constexpr std::chrono::milliseconds kBetweenPolls{50};
  const auto epoch = "glow/start-" + std::to_string(store.add(kEpochCount, 1));
  std::set<std::int64_t> missing;
  for (std::int64_t rank = 1; rank < size; ++rank) missing.insert(rank);
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (true) {
    std::erase_if(missing, [&](std::int64_t rank) { return store.check({joined_key(epoch, rank)}); });
    watch.wait_for(missing.empty() ? "the other ranks, which have all joined, to connect to each other"
                                   : ranks_text(missing));
    if (missing.empty()) return epoch;
    if (std::chrono::steady_clock::now() > end) {
      throw std::runtime_error("rank " + std::to_string(*missing.begin()) + " did not join");
    }
    // A request may be left from an earlier start. Rank 0 cannot tell, so it answers that too; no process reads the
    // answer.
    for (const auto rank : missing) {
      if (const auto request = find_text(store, request_key(rank))) set_text(store, answer_key(*request), epoch);
    }
    std::this_thread::sleep_for(kBetweenPolls);
  }
}

socklen_t length_of(const sockaddr& address) {
  return address.sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

std::string numeric_address(const sockaddr& address) {
  char name[NI_MAXHOST] = "";
  ::getnameinfo(&address, length_of(address), name, sizeof name, nullptr, 0, NI_NUMERICHOST);
  return name;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address == "localhost";
}

/// The IPv4 address of the first interface to other hosts; "" when there is none.
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

/// The source address of packets to the first address with a route; "" when none has one.
std::string source_address(const addrinfo* addresses) {
  for (const auto* target = addresses; target != nullptr; target = target->ai_next) {
    const int socket = ::socket(target->ai_family, target->ai_socktype | SOCK_CLOEXEC, target->ai_protocol);
    if (socket < 0) continue;
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    auto* source = reinterpret_cast<sockaddr*>(&storage);
    // On a datagram socket connect() sends nothing: it looks up the route and sets the source address.
    const bool has_route = ::connect(socket, target->ai_addr, target->ai_addrlen) == 0;
    const bool is_known = has_route && ::getsockname(socket, source, &length) == 0;
    ::close(socket);
    if (is_known) return numeric_address(*source);
  }
  return "";
}

}  // namespace

Rendezvous::Rendezvous(const Launch& launch, std::chrono::seconds timeout, StartWatch& watch)
    : launch_(launch),
      timeout_(timeout),
      is_store_host_(launch.rank == 0 && !launch.has_store),
      store_(open_store_watched(launch, timeout, is_store_host_, watch)),
      epoch_(launch.rank == 0 ? publish_epoch(*store_, launch.size, timeout, watch)
                              : join_epoch(*store_, launch.rank, watch)) {}

StorePointer Rendezvous::store(const std::string& name) const {
  return c10::make_intrusive<c10d::PrefixStore>(epoch_ + "/" + name, store_);
}

StorePointer Rendezvous::separate_store(const std::string& name) const {
  const auto connection = open_store(launch_, timeout_, /*is_host=*/false);
  return c10::make_intrusive<c10d::PrefixStore>(epoch_ + "/" + name, connection);
}

std::string Rendezvous::own_address() const {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (::getaddrinfo(launch_.address.c_str(), std::to_string(launch_.port).c_str(), &hints, &found) != 0) {
    throw ProcessError("cannot resolve " + launch_.address + ", the host of the store where the processes meet");
  }
  const auto address = source_address(found);
  ::freeaddrinfo(found);
  if (address.empty()) {
    throw ProcessError("there is no route to " + launch_.address + ", the host of the store where the processes meet");
  }
  // A host may resolve its own name to a loopback address (Debian's 127.0.1.1), which other hosts cannot use.
  if (is_loopback(address) && !is_loopback(launch_.address) && launch_.local_size < launch_.size) {
    if (const auto other = address_of_interface(); !other.empty()) return other;
  }
  return address;
}

}  // namespace glow::distributed
