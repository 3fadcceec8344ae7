#include <glow/train/checkpoint.h>

#include <limits>
#include <set>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/io/safetensors.h>

#include "support/files.h"
#include "support/flipped_bits.h"
#include "support/temporary_directory.h"
#include "support/tensors.h"
#include "support/throws.h"

namespace glow::train::checkpoint_test {
namespace {

using glow::testing::get;
using glow::testing::put;
using glow::testing::random_normal;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

constexpr CheckpointPolicy kKeepAll{.every = 1, .keep = 100}, kKeepOne{.every = 1, .keep = 1},
    kKeepTwo{.every = 1, .keep = 2};

TrainingState some_state(std::int64_t step, torch::Dtype dtype = torch::kFloat) {
  const auto numbers = [dtype](std::uint64_t seed) { return random_normal({7}, seed).to(dtype); };
  TrainingState state;
  state.step = step;
  state.best_bits_per_dim = 0.1 + 0.2;
  state.best_step = step - 1;
  state.options = StateOptions{.batch = 3, .seed = ~std::uint64_t{0}, .beta2 = 1 - 1 / 782.0, .ema_decay = 0.1};
  state.parameters = numbers(1);
  state.first_moment = numbers(2);
  state.second_moment = numbers(3);
  state.average = numbers(4);
  state.buffers = {{"a.indices", at::arange(3)}, {"a.signs", at::ones({3}, dtype)}};
  return state;
}

std::set<std::string> names_in(const std::filesystem::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.insert(entry.path().filename());
  return names;
}

/// The checkpoint in `path`, the newest of its directory.
LoadedCheckpoint read_newest(const std::filesystem::path& path) {
  auto found = newest_intact_checkpoint(path.parent_path()).value();
  EXPECT_EQ(found.path, path);
  return std::move(found.content);
}

class CheckpointDtype : public ::testing::TestWithParam<torch::Dtype> {};

TEST_P(CheckpointDtype, RoundTripIsExact) {
  const TemporaryDirectory directory;
  const auto state = some_state(12, GetParam());
  const auto path = write_checkpoint(directory.path(), state, R"({"a": "é"})", kKeepOne);
  const auto [read, config] = read_newest(path);
  EXPECT_EQ(config, R"({"a": "é"})");
  EXPECT_EQ(read.step, 12);
  EXPECT_EQ(read.best_step, 11);
  EXPECT_EQ(read.best_bits_per_dim, 0.1 + 0.2);
  ASSERT_TRUE(read.options.has_value());
  EXPECT_EQ(read.options->batch, 3);
  EXPECT_EQ(read.options->seed, ~std::uint64_t{0});
  EXPECT_EQ(read.options->optimizer, OptimizerKind::kAdamax);
  EXPECT_EQ(read.options->beta2, 1 - 1 / 782.0);
  EXPECT_EQ(read.options->ema_decay, 0.1);
  EXPECT_TRUE(read.parameters.equal(state.parameters));
  EXPECT_TRUE(read.first_moment.equal(state.first_moment));
  EXPECT_TRUE(read.second_moment.equal(state.second_moment));
  EXPECT_TRUE(read.average.equal(state.average));
  ASSERT_EQ(read.buffers.size(), 2U);
  EXPECT_TRUE(read.buffers.at("a.indices").equal(state.buffers.at("a.indices")));
  EXPECT_TRUE(read.buffers.at("a.signs").equal(state.buffers.at("a.signs")));
}

INSTANTIATE_TEST_SUITE_P(Dtypes, CheckpointDtype, ::testing::Values(torch::kFloat, torch::kDouble));

TEST(Checkpoint, BestScoreIsInfiniteBeforeTheFirstEvaluation) {
  const TemporaryDirectory directory;
  auto state = some_state(1);
  state.best_bits_per_dim = std::numeric_limits<double>::infinity();
  EXPECT_EQ(read_newest(write_checkpoint(directory.path(), state, "{}", kKeepOne)).state.best_bits_per_dim,
            std::numeric_limits<double>::infinity());
}

TEST(Checkpoint, ReadsFormatVersion2WithoutOptions) {
  const TemporaryDirectory directory;
  const auto path = write_checkpoint(directory.path(), some_state(12), "{}", kKeepOne);
  {
    const io::SafetensorsReader file(path);
    auto metadata = file.metadata();
    metadata["glow.training"] =
        R"({"format_version":2,"best_bits_per_dim":null,"step":12,"skipped":1,"skipped_in_a_row":0,"rollbacks":0,)"
        R"("best_step":-1,"scheduled":true,"unfinished":false,"fell_back":false})";
    io::write_safetensors(path, metadata, file.entries());
  }
  const auto state = read_newest(path).state;
  EXPECT_EQ(state.step, 12);
  EXPECT_EQ(state.skipped, 1);
  EXPECT_FALSE(state.options.has_value());
  EXPECT_EQ(state.warmup_epochs, 10);  // the default of that time
  EXPECT_TRUE(state.average.equal(some_state(12).average));
}

TEST(Checkpoint, IsNamedAfterItsStepAndOldOnesAreDeleted) {
  const TemporaryDirectory directory;
  put(directory / "notes.txt", "mine");
  for (const std::int64_t step : {9, 10, 100, 12'000})
    write_checkpoint(directory.path(), some_state(step), "{}", kKeepTwo);
  EXPECT_EQ(names_in(directory.path()),
            (std::set<std::string>{"notes.txt", "step-000000100.safetensors", "step-000012000.safetensors"}));
}

TEST(Checkpoint, UnscheduledOnesDoNotReplaceScheduledOnes) {
  const TemporaryDirectory directory;
  const auto write = [&](std::int64_t step, bool scheduled) {
    const auto path = write_checkpoint(directory.path(), some_state(step), "{}", {.every = 10, .keep = 2});
    EXPECT_EQ(read_newest(path).state.scheduled, scheduled);
  };
  for (const auto& [step, scheduled] : {std::pair{10, true}, {20, true}, {21, false}, {22, false}}) {
    write(step, scheduled);
  }
  const std::string ten = "step-000000010.safetensors", twenty = "step-000000020.safetensors";
  EXPECT_EQ(names_in(directory.path()), (std::set<std::string>{ten, twenty, "step-000000022.safetensors"}));
  // A damaged file does not replace a scheduled one either.
  put(directory / "step-000000022.safetensors", "");
  write(30, true);
  EXPECT_EQ(names_in(directory.path()), (std::set<std::string>{twenty, "step-000000030.safetensors"}));
}

TEST(CheckpointPolicy, SchedulesStepZeroAndEveryNthUnlessSkipped) {
  const auto is_scheduled = [](std::int64_t step, std::int64_t skipped_in_a_row, std::int64_t every) {
    TrainingProgress progress;
    progress.step = step;
    progress.skipped = progress.skipped_in_a_row = skipped_in_a_row;
    return CheckpointPolicy{.every = every}.is_scheduled(progress);
  };
  for (const std::int64_t every : {0, 3}) EXPECT_TRUE(is_scheduled(0, 0, every));
  EXPECT_TRUE(is_scheduled(6, 0, 3));
  EXPECT_FALSE(is_scheduled(6, 1, 3));
  EXPECT_FALSE(is_scheduled(7, 0, 3));
  EXPECT_FALSE(is_scheduled(6, 0, 0));
}

TEST(NewestIntactCheckpoint, IsTheNewestThatSatisfiesThePredicate) {
  const TemporaryDirectory directory;
  for (const std::int64_t step : {10, 20, 30}) write_checkpoint(directory.path(), some_state(step), "{}", kKeepAll);
  const auto before = [&](std::int64_t end) {
    return newest_intact_checkpoint(directory.path(), [end](const TrainingState& state) { return state.step < end; });
  };
  EXPECT_EQ(before(30)->content.state.step, 20);
  EXPECT_FALSE(before(10).has_value());
  put(directory / "step-000000030.safetensors", "");
  EXPECT_FALSE(before(10).has_value());
  for (const auto* name : {"step-000000010.safetensors", "step-000000020.safetensors"}) put(directory / name, "");
  EXPECT_THROW(before(10), FormatError);
}

TEST(Checkpoint, WritingDeletesLaterCheckpoints) {
  const TemporaryDirectory directory;
  for (const std::int64_t step : {10, 20, 30}) write_checkpoint(directory.path(), some_state(step), "{}", kKeepAll);
  write_checkpoint(directory.path(), some_state(15), "{}", kKeepTwo);
  EXPECT_EQ(names_in(directory.path()),
            (std::set<std::string>{"step-000000010.safetensors", "step-000000015.safetensors"}));
}

TEST(NewestIntactCheckpoint, SkipsAndReportsDamagedFiles) {
  const TemporaryDirectory directory;
  EXPECT_FALSE(newest_intact_checkpoint(directory / "missing").has_value());
  EXPECT_FALSE(newest_intact_checkpoint(directory.path()).has_value());
  const auto good = write_checkpoint(directory.path(), some_state(10), "{}", kKeepAll);
  const auto damaged = write_checkpoint(directory.path(), some_state(11), "{}", kKeepAll);
  const auto torn = write_checkpoint(directory.path(), some_state(12), "{}", kKeepAll);
  EXPECT_EQ(newest_intact_checkpoint(directory.path()).value().path, torn);
  auto bytes = get(damaged);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  put(damaged, bytes);
  put(torn, get(torn).substr(0, 100));
  const auto found = newest_intact_checkpoint(directory.path()).value();
  EXPECT_EQ(found.path, good);
  EXPECT_EQ(found.content.state.step, 10);
  ASSERT_EQ(found.damaged.size(), 2U);
  EXPECT_NE(found.damaged[0].find(torn.string()), std::string::npos) << found.damaged[0];
  EXPECT_NE(found.damaged[1].find(damaged.string()), std::string::npos) << found.damaged[1];
  put(good, "");
  EXPECT_TRUE(throws<FormatError>([&] { newest_intact_checkpoint(directory.path()); }, {torn.string()}));
}

TEST(NewestIntactCheckpoint, RefusesAnIntactFileOfUnknownVersion) {
  const TemporaryDirectory directory;
  write_checkpoint(directory.path(), some_state(10), "{}", kKeepAll);
  const auto newer = write_checkpoint(directory.path(), some_state(11), "{}", kKeepAll);
  {
    const io::SafetensorsReader file(newer);
    auto metadata = file.metadata();
    metadata["glow.training"] = R"({"format_version": 9})";
    io::write_safetensors(newer, metadata, file.entries());
  }
  EXPECT_TRUE(
      throws<FormatError>([&] { newest_intact_checkpoint(directory.path()); }, {newer.string(), "format_version 9"}));
}

/// The path of a checkpoint that `spoil` has changed and whose checksum is correct.
template <class Spoil>
std::filesystem::path spoiled(const TemporaryDirectory& directory, Spoil spoil) {
  const auto path = write_checkpoint(directory.path(), some_state(5), "{}", kKeepOne);
  const io::SafetensorsReader file(path);
  auto metadata = file.metadata();
  auto entries = file.entries();
  spoil(metadata, entries);
  io::write_safetensors(path, metadata, entries);
  return path;
}

TEST(NewestIntactCheckpoint, ErrorsNameTheDefect) {
  const TemporaryDirectory directory;
  const auto refuses = [&](auto spoil, std::initializer_list<std::string_view> parts) {
    const auto path = spoiled(directory, spoil);
    return throws<FormatError>([&] { read_newest(path); }, parts);
  };
  EXPECT_TRUE(refuses([](auto& metadata, auto&) { metadata["format"] = "glow"; },
                      {"step-000000005.safetensors", "expected a checkpoint of glow-train, is a model of Glow"}));
  EXPECT_TRUE(refuses([](auto& metadata, auto&) { metadata["glow.training"] = R"({"format_version": 7})"; },
                      {"step-000000005.safetensors", "format_version 7"}));
  EXPECT_TRUE(refuses([](auto& metadata, auto&) { metadata["glow.training"] = R"({"format_version": 1})"; },
                      {"step-000000005.safetensors", "glow.training", "step"}));
  EXPECT_TRUE(refuses([](auto& metadata, auto&) { metadata.erase("glow.config"); },
                      {"step-000000005.safetensors", "glow.config"}));
  EXPECT_TRUE(
      refuses([](auto&, auto& entries) { entries.front().name = "other"; }, {"step-000000005.safetensors", "tensor"}));
  EXPECT_TRUE(refuses(
      [](auto&, auto& entries) { std::erase_if(entries, [](const auto& entry) { return entry.name == "average"; }); },
      {"step-000000005.safetensors", "missing tensor 'average'"}));
  EXPECT_TRUE(refuses([](auto&, auto& entries) { entries.front().name = "torn\nname"; },
                      {"step-000000005.safetensors", R"(unknown tensor "torn\nname")"}));
  const auto unreadable = directory / "step-000000006.safetensors";
  std::filesystem::create_directory(unreadable);
  EXPECT_TRUE(throws<IoError>([&] { newest_intact_checkpoint(directory.path()); }, {unreadable.string()}));
}

TEST(NewestIntactCheckpoint, DetectsEveryFlippedBit) {
  const TemporaryDirectory directory;
  auto state = some_state(5);
  state.parameters = random_normal({3000}, 1);
  const auto path = write_checkpoint(directory.path(), state, R"({"model": {"levels": 2}})", kKeepOne);
  glow::testing::expect_that_no_flipped_bit_is_read(path, [&] { read_newest(path); });
}

TEST(WriteCheckpoint, NamesAnUnwritableDirectory) {
  const TemporaryDirectory directory;
  put(directory / "file", "");
  EXPECT_TRUE(throws<IoError>([&] { write_checkpoint(directory / "file", some_state(1), "{}", kKeepOne); }, {"file"}));
}

}  // namespace
}  // namespace glow::train::checkpoint_test
