#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <glow/distributed/communicator.h>

#include "support/processes.h"

namespace glow::testing {

/// Calls `work` in `size` threads, each with the communicator of its own rank. The ranks connect over a port of this
/// host. An exception in a thread is a failure of the test.
template <class Work>
void as_processes(std::int64_t size, Work&& work, const distributed::ConnectOptions& options = {}) {
  const auto port = free_port();
  std::vector<std::jthread> threads;
  for (std::int64_t rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        work(distributed::connect({.rank = rank, .size = size, .address = "127.0.0.1", .port = port}, options));
      } catch (const std::exception& error) {
        ADD_FAILURE() << "rank " << rank << ": " << error.what();
      }
    });
  }
}

}  // namespace glow::testing
