#pragma once

#include <chrono>
#include <string>

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <glow/distributed/launch.h>

#include "distributed/route.h"
#include "distributed/start_watch.h"

namespace glow::distributed {

/// Brings the processes of a launch together at a c10d store, which rank 0 hosts for as long as this object lives. (A
/// store of torchrun is compatible only with its own version of LibTorch.)
///
/// Rank 0 waits until all ranks have joined, and tells them to start. A rank that cannot join tries again: a name may
/// become known, rank 0 may start later, and the store may still be that of an earlier start, which is about to end.
class Rendezvous {
 public:
  /// Returns once all processes have joined. `timeout`: for the later requests to the store. `watch` knows how long to
  /// wait for the others and is told what this process waits for. Throws ProcessError when that time is over.
  Rendezvous(const Launch& launch, std::chrono::seconds timeout, StartWatch& watch);

  bool is_store_host() const { return launch_.rank == 0; }
  /// The store with the prefix `name` before every key.
  c10::intrusive_ptr<c10d::Store> store(const std::string& name) const;
  /// The same, over a new connection.
  c10::intrusive_ptr<c10d::Store> separate_store(const std::string& name) const;
  /// The numeric address at which the other processes reach this host: the source address of packets to the store.
  std::string own_address() const;

 private:
  Launch launch_;
  std::chrono::seconds timeout_;
  Route route_;
  c10::intrusive_ptr<c10d::Store> store_;
};

}  // namespace glow::distributed
