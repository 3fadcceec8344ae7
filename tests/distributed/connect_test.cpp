// The ranks are threads of this process. c10d treats them like processes.
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

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

TEST(Connect, RestartsOnOneStoreAreSeparatedForAnyRestartCounts) {
  c10d::TCPStoreOptions options;
  options.port = 0;
  options.isServer = true;
  const auto store = c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options);
  // The restarts that the launchers of three hosts report at each start.
  for (const auto& restarts : {std::vector<std::int64_t>{0, 0, 0}, {1, 0, 0}, {1, 2, 0}}) {
    std::vector<std::jthread> threads;
    for (std::int64_t rank = 0; rank < 3; ++rank) {
      threads.emplace_back([&, rank] {
        const auto processes = connect({.rank = rank,
                                        .size = 3,
                                        .address = "127.0.0.1",
                                        .port = store->getPort(),
                                        .has_store = true,
                                        .restarts = restarts[static_cast<std::size_t>(rank)]},
                                       {.timeout = 30s});
        EXPECT_EQ(processes->gather(std::to_string(rank)), (std::vector<std::string>{"0", "1", "2"}));
        // The stop request of the previous start is not seen.
        EXPECT_FALSE(processes->stop_asked());
        processes->barrier();
        processes->ask_to_stop();
      });
    }
  }
}

TEST(Connect, ThrowsWhenARankDoesNotJoin) {
  const Launch launch{.rank = 0, .size = 2, .address = "127.0.0.1", .port = free_port()};
  EXPECT_TRUE(throws<ProcessError>([&] { connect(launch, {.timeout = 2s}); },
                                   {"did not meet at 127.0.0.1:" + std::to_string(launch.port)}));
}

TEST(Connect, SaysOnceForWhomItWaits) {
  // Rank 2 is missing, and rank 1 of another run has no rank 0. c10d tries again to connect after a second.
  const auto port = free_port(), other_port = free_port();
  std::vector<std::string> heard(3);
  std::vector<std::jthread> threads;
  const auto start = [&](std::size_t place, std::int64_t rank, std::uint16_t at) {
    threads.emplace_back([&heard, place, rank, at] {
      const Launch launch{.rank = rank, .size = 3, .address = "127.0.0.1", .port = at};
      const auto hear = [&](const std::string& what) { heard[place] += what + ";"; };
      EXPECT_THROW(connect(launch, {.timeout = 4s, .waiting = hear, .patience = 2s}), ProcessError);
    });
  };
  start(0, 0, port);
  start(1, 1, port);
  start(2, 1, other_port);
  threads.clear();
  EXPECT_EQ(heard[0], "rank 2;");
  EXPECT_EQ(heard[1], "");  // rank 0 reports it
  EXPECT_EQ(heard[2], "rank 0, whose store is expected at 127.0.0.1:" + std::to_string(other_port) + ";");
}

TEST(Connect, SaysNothingWhenAllJoinInTime) {
  std::atomic<bool> is_heard = false;
  as_processes(2, [](const CommunicatorPointer& processes) { processes->barrier(); },
               {.timeout = 60s, .waiting = [&](const std::string&) { is_heard = true; }, .patience = 30s});
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
