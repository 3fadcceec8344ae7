#pragma once

#include <string>

#include <glow/distributed/launch.h>

namespace glow::distributed {

/// The address by which the other processes of the launch reach this host, in digits: the one that its own packets to
/// the meeting place come from. Throws ProcessError.
std::string own_address(const Launch& launch);

}  // namespace glow::distributed
