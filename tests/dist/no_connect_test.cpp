// A build without Gloo.
#include <gtest/gtest.h>

#include <glow/dist/communicator.h>
#include <glow/error.h>

#include "support/throws.h"

namespace glow::dist {
namespace {

TEST(NoConnect, SeveralProcessesAreRefusedAndOneIsNot) {
  EXPECT_FALSE(can_connect());
  EXPECT_TRUE(glow::testing::throws<ConfigError>([] { connect({.size = 4, .launcher = "mpirun"}); },
                                                 {"mpirun started 4 processes", "without Gloo", "libgloo-dev"}));
  EXPECT_EQ(single_process()->size(), 1);
}

TEST(NoConnect, OneProcessAgreesWithItself) {
  const auto alone = single_process();
  EXPECT_TRUE(alone->is_root());
  EXPECT_TRUE(alone->any(true));
  EXPECT_FALSE(alone->any(false));
  EXPECT_EQ(alone->gather("text"), std::vector<std::string>{"text"});
  EXPECT_EQ(alone->gather(""), std::vector<std::string>{""});
  const auto tensor = torch::full({2}, 3.0);
  alone->sum(tensor);
  alone->broadcast(tensor);
  EXPECT_TRUE(tensor.equal(torch::full({2}, 3.0)));
}

}  // namespace
}  // namespace glow::dist
