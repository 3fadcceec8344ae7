#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/nearest_name.h>

namespace glow::testing::nearest_name_test {
namespace {

struct Misspelt {
  std::string wanted;
  std::vector<std::string> names;
  std::optional<std::string> nearest;
};

TEST(NearestName, IsTheOneThatWasProbablyMeant) {
  const std::vector<std::string> flags{"steps", "lr", "out", "batch", "valid-images", "temperature", "ema-decay"};
  const std::vector<Misspelt> cases{
      {"stpes", flags, "steps"},   // two neighbours swapped
      {"setps", flags, "steps"},   //
      {"step", flags, "steps"},    // one missing
      {"stepps", flags, "steps"},  // one too many
      {"batsh", flags, "batch"},   // another one
      {"STEPS", flags, "steps"},   // upper case
      {"valid_images", flags, "valid-images"},
      {"emadecay", flags, "ema-decay"},
      {"temp", flags, "temperature"},  // the beginning
      {"Cats", {"dog", "cat"}, "cat"},
      {"cat", {"cut", "cart", "CAT"}, "CAT"},
      {"ou", {"out"}, "out"},
      {"n", flags, std::nullopt},
      {"gpus", flags, std::nullopt},
      {"te", flags, std::nullopt},  // the beginning of too many names
      {"", flags, std::nullopt},
      {"steps", {}, std::nullopt},
      {std::string(10000, 'x'), flags, std::nullopt},
  };
  for (const auto& each : cases) EXPECT_EQ(nearest_name(each.wanted, each.names), each.nearest) << each.wanted;
}

TEST(NearestName, IsNamedInAnErrorMessage) {
  EXPECT_EQ(did_you_mean("folde", {"npy", "folder"}), " (did you mean folder?)");
  EXPECT_EQ(did_you_mean("mnist", {"npy", "folder"}), "");
}

}  // namespace
}  // namespace glow::testing::nearest_name_test
