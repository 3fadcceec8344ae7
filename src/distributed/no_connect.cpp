#include <glow/distributed/communicator.h>
#include <glow/error.h>

namespace glow::distributed {

bool can_connect() { return false; }

std::shared_ptr<Communicator> connect(const Launch& launch, const ConnectOptions&) {
  throw ConfigError(launch.launcher + " started " + std::to_string(launch.size) +
                    " processes, and this build knows one only: it was made without Gloo (libgloo-dev on Debian)");
}

}  // namespace glow::distributed
