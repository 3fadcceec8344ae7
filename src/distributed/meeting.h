#pragma once

#include <chrono>
#include <string>

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <glow/distributed/launch.h>

namespace glow::distributed {

/// The store at which the processes of a launch meet: one that its launcher keeps, or rank 0 for as long as this lives.
class Meeting {
 public:
  /// Waits until all are there. Throws what c10d throws, std::runtime_error when one does not come.
  Meeting(const Launch& launch, std::chrono::seconds timeout);

  /// Whether this process keeps the store.
  bool is_host() const { return is_host_; }
  /// The part `name` of the store, which no other start of the launch sees.
  c10::intrusive_ptr<c10d::Store> part(const std::string& name) const;
  /// The same through a connection of its own.
  c10::intrusive_ptr<c10d::Store> own_connection(const std::string& name) const;

 private:
  Launch launch_;
  std::chrono::seconds timeout_;
  bool is_host_;
  c10::intrusive_ptr<c10d::Store> store_;
  std::string start_;
};

}  // namespace glow::distributed
