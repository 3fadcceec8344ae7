#pragma once

#include <chrono>
#include <string>

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <glow/distributed/launch.h>

#include "distributed/start_watch.h"

namespace glow::distributed {

/// Brings the processes of a launch together at a c10d store. The launcher hosts the store, or rank 0 for as long as
/// this object lives.
///
/// A launcher's store outlives the processes, and keys that an earlier start of the run left there must not be read by
/// this one. So rank 0 counts the starts, each is an epoch with a key prefix of its own, and the other ranks join the
/// epoch that rank 0 publishes. (The launchers of several hosts may count restarts differently.)
class Rendezvous {
 public:
  /// Returns once all processes have joined. Tells `watch` what it waits for. Throws the errors of c10d, and
  /// std::runtime_error when a rank does not join within the time-out.
  Rendezvous(const Launch& launch, std::chrono::seconds timeout, StartWatch& watch);

  bool is_store_host() const { return is_store_host_; }
  /// The store with the prefix `name` of this epoch before every key.
  c10::intrusive_ptr<c10d::Store> store(const std::string& name) const;
  /// The same, over a new connection.
  c10::intrusive_ptr<c10d::Store> separate_store(const std::string& name) const;
  /// The numeric address at which the other processes reach this host: the source address of packets to the store.
  /// Throws ProcessError when the store's host is unknown or cannot be reached.
  std::string own_address() const;

 private:
  Launch launch_;
  std::chrono::seconds timeout_;
  bool is_store_host_;
  c10::intrusive_ptr<c10d::Store> store_;
  std::string epoch_;
};

}  // namespace glow::distributed
