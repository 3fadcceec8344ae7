#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/subprocess.h"
#include "support/tools.h"

namespace glow::testing {

/// A free port of this host.
inline std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket, any, length) != 0 || ::getsockname(socket, any, &length) != 0) address.sin_port = 0;
  ::close(socket);
  return ntohs(address.sin_port);
}

/// Runs `command` in `count` processes with Open MPI's mpirun; also as root, and with fewer cores than processes.
inline Arguments by_mpirun(std::int64_t count, const Arguments& command) {
  return Arguments{"/usr/bin/env",
                   "OMPI_ALLOW_RUN_AS_ROOT=1",
                   "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                   GLOW_MPIRUN,
                   "--oversubscribe",
                   "--bind-to",
                   "none",
                   "-n",
                   std::to_string(count)} +
         command;
}

/// The processes of a run. The test starts them one by one, without a launcher.
class Ranks {
 public:
  explicit Ranks(std::int64_t size, std::string address = "127.0.0.1")
      : size_(size), address_(std::move(address)), port_(free_port()) {}

  /// Starts the next rank. `before`: words before its command, a change of directory for example.
  void start(const Arguments& command, const Arguments& before = {}, ProcessOptions options = {}) {
    const auto rank = std::to_string(processes_.size());
    const auto size = std::to_string(size_);
    processes_.emplace_back(
        before +
            Arguments{"/usr/bin/env", "RANK=" + rank, "WORLD_SIZE=" + size, "LOCAL_RANK=" + rank,
                      "LOCAL_WORLD_SIZE=" + size, "MASTER_ADDR=" + address_, "MASTER_PORT=" + std::to_string(port_)} +
            command,
        options);
  }
  /// Starts all ranks that are missing.
  void start_rest(const Arguments& command) {
    while (static_cast<std::int64_t>(processes_.size()) < size_) start(command);
  }

  std::uint16_t port() const { return port_; }
  Process& operator[](std::size_t rank) { return processes_[rank]; }

  /// Waits for all ranks; returns their outcomes by rank.
  std::vector<Outcome> wait() {
    std::vector<Outcome> outcomes;
    for (auto& process : processes_) outcomes.push_back(process.wait());
    return outcomes;
  }

 private:
  std::int64_t size_;
  std::string address_;
  std::uint16_t port_;
  std::deque<Process> processes_;
};

}  // namespace glow::testing
