// Includes the source for builds without Gloo, with renamed functions, because the library may be built with Gloo.
#include <gtest/gtest.h>
#include <torch/types.h>

#define can_connect can_connect_without_gloo
#define connect connect_without_gloo
#include "distributed/no_connect.cpp"
#undef can_connect
#undef connect

#include "support/throws.h"

namespace glow::distributed::no_connect_test {
namespace {

TEST(NoConnect, SeveralProcessesAreRefused) {
  EXPECT_FALSE(can_connect_without_gloo());
  EXPECT_TRUE(glow::testing::throws<ConfigError>([] { connect_without_gloo({.size = 4, .launcher = "mpirun"}); },
                                                 {"mpirun started 4 processes", "without Gloo", "libgloo-dev"}));
  EXPECT_EQ(single_process()->size(), 1);
}

TEST(NoConnect, CollectivesOfASingleProcessReturnItsValues) {
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
}  // namespace glow::distributed::no_connect_test
