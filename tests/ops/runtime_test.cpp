#include <glow/ops/runtime.h>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <glow/cores.h>
#include <glow/error.h>

#include "support/throws.h"

namespace glow::ops::runtime_test {
namespace {

TEST(UseThreads, UsesTheGivenNumberOrTheDefault) {
  use_threads(3);
  EXPECT_EQ(at::get_num_threads(), 3);
  use_threads();
  EXPECT_EQ(at::get_num_threads(), default_threads());
  EXPECT_EQ(at::get_num_interop_threads(), 1);
}

TEST(UseThreads, RefusesANegativeNumber) {
  EXPECT_TRUE(glow::testing::throws<ConfigError>([] { use_threads(-1); }, {"threads", "-1"}));
}

}  // namespace
}  // namespace glow::ops::runtime_test
