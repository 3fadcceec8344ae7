#include "distributed/meeting.h"

#include <cstdint>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "distributed/store_text.h"

namespace glow::distributed {
namespace {

using StorePointer = c10::intrusive_ptr<c10d::Store>;

StorePointer open_store(const Launch& launch, std::chrono::seconds timeout, bool is_host) {
  c10d::TCPStoreOptions options;
  options.port = launch.port;
  options.isServer = is_host;
  options.timeout = timeout;
  StorePointer store = c10::make_intrusive<c10d::TCPStore>(launch.address, options);
  store->setTimeout(timeout);
  return store;
}

StorePointer with_prefix(const std::string& prefix, const StorePointer& store) {
  return c10::make_intrusive<c10d::PrefixStore>(prefix, store);
}

// A launcher's store outlives the processes, and what an earlier start has left there must not be taken for this one's.
// Launchers of several hosts may count starts differently; so rank 0 counts, and tells whoever asks.

constexpr const char* kStarts = "glow/starts";

std::string question_key(std::int64_t rank) { return "glow/question/" + std::to_string(rank); }
std::string answer_key(const std::string& question) { return "glow/answer/" + question; }
std::string here_key(const std::string& start, std::int64_t rank) { return start + "/here/" + std::to_string(rank); }

std::string learn_start(c10d::Store& store, std::int64_t rank) {
  // One that nobody has asked before.
  std::random_device random;
  const auto question = std::to_string(random()) + "-" + std::to_string(random());
  store.set(question_key(rank), to_bytes(question));
  const auto start = to_text(store.get(answer_key(question)));
  store.set(here_key(start, rank), to_bytes("1"));
  return start;
}

std::string tell_start(c10d::Store& store, std::int64_t size, std::chrono::seconds timeout) {
  constexpr std::chrono::milliseconds kBetweenLooks{50};
  const auto start = "glow/start-" + std::to_string(store.add(kStarts, 1));
  std::set<std::int64_t> missing;
  for (std::int64_t rank = 1; rank < size; ++rank) missing.insert(rank);
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (true) {
    std::erase_if(missing, [&](std::int64_t rank) { return store.check({here_key(start, rank)}); });
    if (missing.empty()) return start;
    if (std::chrono::steady_clock::now() > end) {
      throw std::runtime_error("rank " + std::to_string(*missing.begin()) + " did not come");
    }
    // Old questions are answered too, which nobody hears.
    for (const auto rank : missing) {
      if (!store.check({question_key(rank)})) continue;
      store.set(answer_key(to_text(store.get(question_key(rank)))), to_bytes(start));
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

}  // namespace

Meeting::Meeting(const Launch& launch, std::chrono::seconds timeout)
    : launch_(launch),
      timeout_(timeout),
      is_host_(launch.rank == 0 && !launch.has_store),
      store_(open_store(launch, timeout, is_host_)),
      start_(launch.rank == 0 ? tell_start(*store_, launch.size, timeout) : learn_start(*store_, launch.rank)) {}

StorePointer Meeting::part(const std::string& name) const { return with_prefix(start_ + "/" + name, store_); }

StorePointer Meeting::own_connection(const std::string& name) const {
  return with_prefix(start_ + "/" + name, open_store(launch_, timeout_, /*is_host=*/false));
}

}  // namespace glow::distributed
