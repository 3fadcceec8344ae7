#pragma once

#include <string>

#include <unistd.h>

#include "support/subprocess.h"
#include "support/tools.h"

namespace glow::testing {

/// Two network namespaces with a link between them, which programs see as two hosts. Only root can create them.
class TwoHosts {
 public:
  TwoHosts() {
    ip("netns add " + name(0)) && ip("netns add " + name(1)) &&
        ip("link add " + name(0) + " netns " + name(0) + " type veth peer name " + name(1) + " netns " + name(1)) &&
        up(0) && up(1);
  }
  ~TwoHosts() {
    error_.clear();
    for (const int host : {0, 1}) ip("netns delete " + name(host));
  }
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;

  bool are_there() const { return error_.empty(); }
  const std::string& why_not() const { return error_; }
  std::string address(int host) const { return "10.213.7." + std::to_string(host + 1); }
  /// Command words that run the rest of a command on this host.
  Arguments on(int host) const { return {"/usr/bin/env", "ip", "netns", "exec", name(host)}; }
  /// Breaks the link. Packets are then lost without an error.
  void cut() const { shell(kPath + ("ip -n " + name(1)) + " link set " + name(1) + " down"); }

 private:
  /// `ip` may be in a directory that is not on an ordinary user's PATH.
  static inline const std::string kPath = "PATH=$PATH:/usr/sbin:/sbin ";

  static std::string name(int host) { return "glow" + std::to_string(host) + "-" + std::to_string(::getpid()); }
  static Outcome shell(const std::string& line) { return run_process({"/bin/sh", "-c", line}); }

  bool ip(const std::string& arguments) {
    const auto outcome = shell(kPath + "ip " + arguments);
    if (outcome.exit_code != 0 && error_.empty()) error_ = outcome.err.substr(0, outcome.err.find('\n'));
    return outcome.exit_code == 0;
  }
  bool up(int host) {
    const auto there = "-n " + name(host) + " ";
    return ip(there + "link set lo up") && ip(there + "address add " + address(host) + "/24 dev " + name(host)) &&
           ip(there + "link set " + name(host) + " up");
  }

  std::string error_;
};

}  // namespace glow::testing
