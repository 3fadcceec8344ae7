#include "distributed/rendezvous.h"

#include <algorithm>
#include <cstdint>
#include <future>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <glow/error.h>

#include "distributed/message.h"
#include "distributed/shared_store.h"

namespace glow::distributed {
namespace {

using StorePointer = c10::intrusive_ptr<c10d::Store>;
using Milliseconds = std::chrono::milliseconds;

constexpr const char* kOwnHost = "127.0.0.1";
constexpr Milliseconds kBetweenPolls{50}, kBetweenAttempts{200};
/// How long rank 0's store may take to answer in one attempt to join. (LibTorch counts in whole seconds.)
constexpr Milliseconds kAnswerTime{5000}, kShortestAnswerTime{1000};
/// How long rank 0 waits until the others have read that the start has failed.
constexpr Milliseconds kReadingTime{1500};

// The keys of the rendezvous: the number of processes, a random text of each rank that has joined, "" for the start or
// the reason why there is none, and whether a rank has read that.
constexpr const char *kSizeKey = "glow/size", *kStartKey = "glow/start";
std::string joined_key(std::int64_t rank) { return "glow/joined/" + std::to_string(rank); }
std::string read_key(std::int64_t rank) { return "glow/read/" + std::to_string(rank); }

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

std::string place_of(const Launch& launch) { return launch.address + ":" + std::to_string(launch.port); }

/// Calls `attempt` until it throws nothing or an Error. Another exception is a reason to wait for `what`.
template <class Attempt>
auto repeat(StartWatch& watch, const std::string& what, Attempt&& attempt) {
  watch.wait_for(what);
  while (true) {
    try {
      return attempt();
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      watch.wait_for(what + " (" + message_of(error) + ")");
    }
    if (watch.is_over()) throw ProcessError(watch.failure());
    std::this_thread::sleep_for(std::min(kBetweenAttempts, watch.remaining()));
  }
}

/// The server of rank 0's store. The older one does without libuv; LibTorch 1.13 has no other. Clients can use both.
enum class StoreServer { kNone, kDefault, kWithoutLibuv };

template <class Options>
void avoid_libuv(Options& options) {
  if constexpr (requires { options.useLibUV; }) options.useLibUV = false;
}

StorePointer open_store(const Launch& launch, Milliseconds timeout, StoreServer server = StoreServer::kNone) {
  c10d::TCPStoreOptions options;
  options.port = launch.port;
  options.isServer = server != StoreServer::kNone;
  options.timeout = timeout;
  if (server != StoreServer::kDefault) avoid_libuv(options);
  // Rank 0 need not know the address by which the others reach it.
  return c10::make_intrusive<c10d::TCPStore>(launch.rank == 0 ? kOwnHost : launch.address, options);
}

StorePointer host_store(const Launch& launch, StartWatch& watch) {
  const auto what = "port " + std::to_string(launch.port) + " to become free for rank 0";
  return repeat(watch, what, [&] {
    if (is_listening(kOwnHost, launch.port, kAnswerTime)) {
      throw std::runtime_error("a second rank 0 or another program listens there; MASTER_PORT sets another port");
    }
    try {
      return open_store(launch, kAnswerTime, StoreServer::kDefault);
    } catch (const std::exception&) {  // also by a LibTorch that was built without libuv, as Debian 13's is
      return open_store(launch, kAnswerTime, StoreServer::kWithoutLibuv);
    }
  });
}

/// Tells the ranks that have joined why there is no start, before the store ends with this process.
void call_off(c10d::Store& store, std::int64_t size, const std::set<std::int64_t>& missing) {
  set_text(store, kStartKey, ranks_text(missing) + (missing.size() == 1 ? " has" : " have") + " not joined");
  std::vector<std::string> keys;
  for (std::int64_t rank = 1; rank < size; ++rank) {
    if (!missing.contains(rank)) keys.push_back(read_key(rank));
  }
  const auto end = StartWatch::Clock::now() + kReadingTime;
  while (!keys.empty() && !store.check(keys) && StartWatch::Clock::now() < end) {
    std::this_thread::sleep_for(kBetweenPolls);
  }
}

/// Why ranks are missing, as far as rank 0 knows.
std::string cause_of_absence(const Launch& launch, const Route& route, std::size_t missing) {
  if (!route.leads_here) {
    return " (this is rank 0, but MASTER_ADDR " + launch.address + " is not an address of this host)";
  }
  return std::string(missing == 1 ? " (it has" : " (they have") + " not started, or cannot reach this address)";
}

/// Rank 0: waits until all have joined, and lets them start.
StorePointer gather_ranks(const Launch& launch, const Route& route, StartWatch& watch) {
  auto store = host_store(launch, watch);
  set_text(*store, kSizeKey, std::to_string(launch.size));
  std::set<std::int64_t> missing;
  for (std::int64_t rank = 1; rank < launch.size; ++rank) missing.insert(rank);
  const auto where = " at " + place_of(launch);
  while (true) {
    std::erase_if(missing, [&](std::int64_t rank) { return store->check({joined_key(rank)}); });
    if (missing.empty()) break;
    watch.wait_for(ranks_text(missing) + where + cause_of_absence(launch, route, missing.size()));
    if (watch.is_over()) {
      call_off(*store, launch.size, missing);
      throw ProcessError(watch.failure());
    }
    std::this_thread::sleep_for(kBetweenPolls);
  }
  watch.wait_for("the processes, which have all joined" + where + ", to connect to each other");
  set_text(*store, kStartKey, "");
  return store;
}

/// A start that rank 0 has prepared: its store and its number of processes.
struct PreparedStart {
  StorePointer store;
  std::string size;
};

/// nullopt if what listens there does not answer as a store of rank 0. Another program may leave LibTorch's client
/// waiting forever, so that runs in a thread that is abandoned then.
std::optional<PreparedStart> find_start(const Launch& launch, Milliseconds answer_time) {
  std::packaged_task<PreparedStart()> ask([=] {
    const auto store = open_store(launch, answer_time);
    store->setTimeout(answer_time);
    return PreparedStart{store, wait_for_text(*store, kSizeKey)};
  });
  auto answer = ask.get_future();
  std::thread(std::move(ask)).detach();
  if (answer.wait_for(answer_time) != std::future_status::ready) return std::nullopt;
  try {
    return answer.get();
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

/// Other ranks: one attempt to join rank 0.
StorePointer join(const Launch& launch, StartWatch& watch) {
  const auto answer_time = std::clamp(watch.remaining(), kShortestAnswerTime, kAnswerTime);
  require_listening(launch.address, launch.port, answer_time);
  const std::string silent = "which does not answer: it is another program, or has another version of LibTorch";
  watch.wait_for("rank 0 at " + place_of(launch) + " (" + silent + ")");
  const auto found = find_start(launch, answer_time);
  if (!found) throw std::runtime_error(silent);
  const auto& [store, size] = *found;
  if (size != std::to_string(launch.size)) throw std::runtime_error("which is one of " + size + " processes");
  std::random_device random;
  const auto own = to_bytes(std::to_string(random()) + "-" + std::to_string(random()));
  const auto rank = std::to_string(launch.rank);
  if (store->compareSet(joined_key(launch.rank), {}, own) != own) {
    throw std::runtime_error("where another process is rank " + rank);
  }
  // From now on rank 0 knows which ranks are missing, and how long to wait for them.
  watch.wait_quietly_for("rank 0 at " + place_of(launch) + " to start this process");
  store->setTimeout(watch.remaining() + kAnswerTime);
  const auto reason = wait_for_text(*store, kStartKey);
  if (reason.empty()) return store;
  set_text(*store, read_key(launch.rank), "1");
  throw ProcessError("rank 0 at " + place_of(launch) + " has called off the start: " + reason);
}

}  // namespace

Rendezvous::Rendezvous(const Launch& launch, std::chrono::seconds timeout, StartWatch& watch)
    : launch_(launch), timeout_(timeout) {
  const auto place = place_of(launch);
  route_ = repeat(watch, launch.rank == 0 ? "the address of rank 0" : "rank 0 at " + place,
                  [&] { return find_route(launch.address, launch.port); });
  store_ = launch.rank == 0 ? gather_ranks(launch, route_, watch)
                            : repeat(watch, "rank 0 at " + place, [&] { return join(launch, watch); });
  store_->setTimeout(timeout);
}

StorePointer Rendezvous::store(const std::string& name) const {
  return c10::make_intrusive<c10d::PrefixStore>(name, store_);
}

StorePointer Rendezvous::separate_store(const std::string& name) const {
  const auto connection = open_store(launch_, timeout_);
  connection->setTimeout(timeout_);
  return c10::make_intrusive<c10d::PrefixStore>(name, connection);
}

std::string Rendezvous::own_address() const {
  // A host may resolve its own name to a loopback address (Debian's 127.0.1.1), which other hosts cannot use.
  if (is_loopback(route_.source) && !is_loopback(launch_.address) && launch_.local_size < launch_.size) {
    if (const auto other = address_of_interface(); !other.empty()) return other;
  }
  return route_.source;
}

}  // namespace glow::distributed
