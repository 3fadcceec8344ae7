#include <glow/distributed/communicator.h>
#include <glow/error.h>

namespace glow::distributed {

bool can_connect() { return false; }

std::shared_ptr<Communicator> connect(const Launch& launch, const ConnectOptions&) {
  throw ConfigError(
      launch.launcher + " started " + std::to_string(launch.size) +
      " processes, but this library was built without Gloo (libgloo-dev on Debian) and supports one only");
}

}  // namespace glow::distributed
