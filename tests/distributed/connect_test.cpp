// The ranks are threads of this process. c10d treats them like processes.
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <torch/cuda.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <glow/distributed/communicator.h>
#include <glow/error.h>

#include "support/process_threads.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::distributed::connect_test {
namespace {

using namespace std::chrono_literals;
using namespace glow::testing;
using CommunicatorPointer = std::shared_ptr<Communicator>;

TEST(Connect, SumsInPlace) {
  as_processes(3, [](const CommunicatorPointer& processes) {
    for (const auto dtype : {torch::kFloat, torch::kDouble, torch::kLong, torch::kByte}) {
      const auto all = torch::arange(20, torch::kLong).to(dtype);
      const auto slice = all.narrow(0, 5, 10);
      processes->sum(slice);
      EXPECT_TRUE(slice.equal(torch::arange(5, 15).to(dtype) * 3)) << dtype;
      EXPECT_TRUE(all.narrow(0, 0, 5).equal(torch::arange(5).to(dtype)));
    }
    const auto empty = torch::zeros({0});
    processes->sum(empty);
  });
}

TEST(Connect, ConcurrentSumsAreBitwiseEqualOnAllRanks) {
  std::vector<torch::Tensor> results(4);
  as_processes(4, [&](const CommunicatorPointer& processes) {
    // 40 MB in five slices, like the gradients of a large model.
    constexpr std::int64_t kSlice = 2'000'000;
    const auto own = random_normal({5 * kSlice}, 1 + static_cast<std::uint64_t>(processes->rank())).to(torch::kFloat);
    const auto expected = [&] {
      auto sum = torch::zeros({5 * kSlice}, torch::kDouble);
      for (std::uint64_t rank = 0; rank < 4; ++rank) sum += random_normal({5 * kSlice}, 1 + rank).to(torch::kFloat);
      return sum;
    }();
    std::vector<Communicator::Wait> waits;
    for (int slice = 4; slice >= 0; --slice) {
      waits.push_back(processes->start_sum(own.narrow(0, slice * kSlice, kSlice)));
    }
    for (const auto& wait : waits) wait();
    // The rounding error of three additions of numbers near one.
    EXPECT_LT((own - expected).abs().max().item<double>(), 3e-6);
    results[static_cast<std::size_t>(processes->rank())] = own;
  });
  for (const auto& result : results) EXPECT_TRUE(result.equal(results[0]));
}

TEST(Connect, BroadcastsAndGathers) {
  as_processes(3, [](const CommunicatorPointer& processes) {
    const auto rank = processes->rank();
    const auto tensor = torch::full({7}, static_cast<double>(rank), torch::kDouble);
    processes->broadcast(tensor);
    EXPECT_TRUE(tensor.eq(0).all().item<bool>());
    EXPECT_EQ(processes->gather(std::string(static_cast<std::size_t>(rank), 'x')),
              (std::vector<std::string>{"", "x", "xx"}));
    EXPECT_TRUE(processes->any(rank == 2));
    EXPECT_FALSE(processes->any(false));
    EXPECT_EQ(processes->shard().index, rank);
    EXPECT_EQ(processes->shard().count, 3);
  });
}

TEST(Connect, RefusesANonContiguousTensorAndStaysUsable) {
  as_processes(2, [](const CommunicatorPointer& processes) {
    const auto columns = torch::zeros({4, 4}).narrow(1, 0, 2);
    EXPECT_TRUE(throws<ShapeError>([&] { processes->sum(columns); }, {"contiguous"}));
    EXPECT_FALSE(processes->any(false));
  });
}

TEST(Connect, OneProcessWithAnAddressConnects) {
  as_processes(1, [](const CommunicatorPointer& processes) {
    EXPECT_NE(processes, single_process());
    const auto tensor = torch::arange(3);
    processes->sum(tensor);
    EXPECT_TRUE(tensor.equal(torch::arange(3)));
  });
  EXPECT_EQ(connect({}), single_process());
}

TEST(Connect, StopRequestReachesAllRanks) {
  as_processes(3, [](const CommunicatorPointer& processes) {
    EXPECT_FALSE(processes->stop_asked());
    processes->barrier();
    if (processes->rank() == 1) processes->ask_to_stop();
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (!processes->stop_asked() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(10ms);
    EXPECT_TRUE(processes->stop_asked());
    processes->barrier();
  });
}

TEST(Connect, FirstFailureIsReportedOnceOnTheOtherRanks) {
  std::mutex mutex;
  std::vector<std::string> heard;
  const ConnectOptions options{.failed = [&](const std::string& what) {
    const std::lock_guard lock(mutex);
    heard.push_back(what);
  }};
  const auto all_have_heard = [&] {
    const std::lock_guard lock(mutex);
    return heard.size() == 2;
  };
  as_processes(
      3,
      [&](const CommunicatorPointer& processes) {
        if (processes->rank() == 0) {
          EXPECT_TRUE(processes->announce_failure("rank 0 failed"));
          EXPECT_FALSE(processes->announce_failure("rank 0 failed again"));
        }
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!all_have_heard() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(10ms);
      },
      options);
  EXPECT_EQ(heard, (std::vector<std::string>(2, "rank 0 failed")));
}

/// Calls connect for each launch, in a thread of its own, with a short time to start. Returns the errors, after them
/// what `waiting` was told.
std::vector<std::string> failures(const std::vector<Launch>& launches, std::chrono::seconds start_timeout = 1s) {
  std::vector<std::string> errors(launches.size()), waits(launches.size());
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < launches.size(); ++i) {
    threads.emplace_back([&, i] {
      const ConnectOptions options{.start_timeout = start_timeout,
                                   .timeout = 4s,
                                   .waiting = [&, i](const std::string& what) { waits[i] += what + ";"; },
                                   .patience = 900ms};
      try {
        connect(launches[i], options);
      } catch (const ProcessError& error) {
        errors[i] = error.what();
      }
    });
  }
  threads.clear();
  errors.insert(errors.end(), waits.begin(), waits.end());
  return errors;
}

Launch rank_of(std::int64_t rank, std::int64_t size, std::uint16_t port, const std::string& address = "127.0.0.1") {
  return {.rank = rank,
          .size = size,
          .address = address,
          .port = port,
          .variables = {{"RANK", std::to_string(rank)}, {"WORLD_SIZE", std::to_string(size)}}};
}

/// A program that listens at a port and never answers.
class SilentProgram {
 public:
  SilentProgram() : id_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address_;
    auto* address = reinterpret_cast<sockaddr*>(&address_);
    if (::bind(id_, address, length) != 0 || ::listen(id_, 100) != 0) ADD_FAILURE() << "cannot listen";
    ::getsockname(id_, address, &length);
  }
  // Listens until the test program ends: LibTorch 1.13's client, which Rendezvous abandons in a thread, would end the
  // process if its connection were reset.
  SilentProgram(const SilentProgram&) = delete;
  SilentProgram& operator=(const SilentProgram&) = delete;

  std::uint16_t port() const { return ntohs(address_.sin_port); }

 private:
  int id_;
  sockaddr_in address_{};
};

TEST(ConnectStart, NamesTheMissingRanksAndTheVariables) {
  const auto port = free_port();
  const auto place = "127.0.0.1:" + std::to_string(port);
  const auto found = failures({rank_of(0, 4, port), rank_of(2, 4, port)});
  const auto missing = "ranks 1 and 3 at " + place + " (they have not started, or cannot reach this address)";
  EXPECT_EQ(found[0], "waited 1 s for " + missing +
                          ", because the environment says that there are 4 processes (RANK=0, WORLD_SIZE=4); to run "
                          "one process alone: unset RANK WORLD_SIZE");
  EXPECT_EQ(found[1], "rank 0 at " + place + " has called off the start: ranks 1 and 3 have not joined");
  EXPECT_EQ(found[2], missing + ";");
  EXPECT_EQ(found[3], "");  // rank 0 reports it
}

TEST(ConnectStart, NamesTheReasonWhyRank0IsNotReached) {
  const SilentProgram other;
  const auto port = free_port();
  const auto at = [](const std::string& address, std::uint16_t at_port) {
    return "waited 1 s for rank 0 at " + address + ":" + std::to_string(at_port) + " (";
  };
  const auto found = failures({rank_of(1, 2, port), rank_of(1, 2, port, "no..host"), rank_of(1, 2, other.port())});
  EXPECT_TRUE(found[0].starts_with(at("127.0.0.1", port) + "Connection refused: nothing listens there), because"));
  EXPECT_TRUE(found[1].starts_with(at("no..host", port) + "MASTER_ADDR no..host cannot be resolved: ")) << found[1];
  EXPECT_TRUE(found[2].starts_with(at("127.0.0.1", other.port()) + "which does not answer: it is another program"))
      << found[2];
}

TEST(ConnectStart, NamesTheReasonWhyRank0CannotHostTheStore) {
  const SilentProgram other;
  const auto used = std::to_string(other.port());
  const auto found = failures(
      {rank_of(0, 2, other.port()), rank_of(0, 2, 29500, "no..host"), rank_of(0, 2, free_port(), "192.0.2.1")});
  EXPECT_TRUE(found[0].starts_with("waited 1 s for port " + used + " to become free for rank 0 (a second rank 0 or"))
      << found[0];
  EXPECT_TRUE(found[1].starts_with("waited 1 s for the address of rank 0 (MASTER_ADDR no..host cannot be resolved: "))
      << found[1];
  EXPECT_NE(found[2].find("for rank 1 at 192.0.2.1:"), std::string::npos) << found[2];
  EXPECT_NE(found[2].find(" (this is rank 0, but MASTER_ADDR 192.0.2.1 is not an address of this host)"),
            std::string::npos)
      << found[2];
}

TEST(ConnectStart, NamesARankOrANumberOfProcessesThatDiffers) {
  const auto port = free_port();
  const auto found = failures({rank_of(0, 3, port), rank_of(1, 3, port), rank_of(1, 3, port), rank_of(2, 4, port)}, 2s);
  const auto has = [&](std::size_t i, const std::string& part) { return found[i].find(part) != std::string::npos; };
  EXPECT_TRUE(has(0, "for rank 2 at ")) << found[0];
  const std::string twice = "(where another process is rank 1)", called_off = "called off the start: rank 2 has not";
  EXPECT_TRUE((has(1, twice) && has(2, called_off)) || (has(2, twice) && has(1, called_off))) << found[1] << found[2];
  EXPECT_TRUE(has(3, "(which is one of 3 processes)")) << found[3];
}

TEST(ConnectStart, ProcessesThatJoinButDoNotConnectAreReportedToo) {
  const auto port = free_port();
  std::string heard;
  const std::jthread joins_only([&] {
    c10d::TCPStoreOptions options;
    options.port = port;
    // Some builds of LibTorch have no libuv, and 1.13 has no such option.
    [](auto& any) {
      if constexpr (requires { any.useLibUV; }) any.useLibUV = false;
    }(options);
    c10d::TCPStore store("127.0.0.1", options);
    store.set("glow/joined/1", {1});
    std::this_thread::sleep_for(4s);
  });
  EXPECT_TRUE(throws<ProcessError>(
      [&] {
        connect(rank_of(0, 2, port),
                {.start_timeout = 1s, .timeout = 4s, .failed = [&](const std::string& what) { heard = what; }});
      },
      {"the processes joined at 127.0.0.1:" + std::to_string(port), "GLOO_SOCKET_IFNAME"}));
  EXPECT_TRUE(heard.starts_with("waited 1 s for the processes, which have all joined at ")) << heard;
}

TEST(ConnectStart, JoinsTheNextStartWhenAnEarlierOneEnds) {
  const auto port = free_port();
  const ConnectOptions options{.start_timeout = 30s, .timeout = 30s};
  std::atomic<bool> has_joined = false;
  std::jthread next;
  {
    std::vector<std::jthread> earlier;
    for (std::int64_t rank = 0; rank < 2; ++rank) {
      earlier.emplace_back([&, rank] {
        const auto processes = connect(rank_of(rank, 2, port), options);
        processes->ask_to_stop();
        processes->barrier();
        // Restarted while rank 0 of the earlier start still hosts its store.
        if (rank == 0) {
          next = std::jthread([&] {
            const auto again = connect(rank_of(1, 2, port), options);
            has_joined = true;
            EXPECT_FALSE(again->stop_asked());
            again->barrier();
          });
        }
        std::this_thread::sleep_for(500ms);
        EXPECT_FALSE(has_joined);
        processes->barrier();
      });
    }
  }
  const auto root = connect(rank_of(0, 2, port), options);
  EXPECT_FALSE(root->stop_asked());
  root->barrier();
}

TEST(Connect, SaysNothingWhenAllJoinInTime) {
  std::atomic<bool> is_heard = false;
  as_processes(2, [](const CommunicatorPointer& processes) { processes->barrier(); },
               {.start_timeout = 60s, .waiting = [&](const std::string&) { is_heard = true; }, .patience = 30s});
  EXPECT_FALSE(is_heard);
}

/// Uses one process, so that one GPU is enough.
TEST(Connect, SumsOnADevice) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "there is no CUDA device";
  std::atomic<bool> is_heard = false;
  as_processes(1,
               [](const CommunicatorPointer& processes) {
                 const auto tensor = torch::arange(1'000'000, torch::kFloat).cuda();
                 for (int i = 0; i < 100; ++i) processes->sum(tensor);
                 processes->broadcast(tensor);
                 // Waits longer than the time-out: a finished collective must not count as overdue.
                 std::this_thread::sleep_for(6s);
                 EXPECT_TRUE(tensor.cpu().equal(torch::arange(1'000'000, torch::kFloat)));
               },
               {.timeout = 1s, .failed = [&](const std::string&) { is_heard = true; }});
  EXPECT_FALSE(is_heard);
}

}  // namespace
}  // namespace glow::distributed::connect_test
