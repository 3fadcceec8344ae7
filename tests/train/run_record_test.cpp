#include "train/run_record.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "support/files.h"
#include "support/temporary_directory.h"

namespace glow::train::run_record_test {
namespace {

using glow::testing::get;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using Steps = std::vector<std::int64_t>;
using Values = std::vector<double>;

TEST(RecordReader, TakesEveryNumberFromBothFiles) {
  const TemporaryDirectory directory;
  const RunDirectory run(directory.path());
  put(run.metrics(),
      R"({"step":1,"bits_per_dim":5.5,"largest_scale_name":"a"})"
      "\n"
      R"({"step":2,"bits_per_dim":null,"skipped":true})"
      "\n"
      R"({"step":2,"valid_bits_per_dim":5.25,"smallest_singular_values":[[0.5,0.25],[1.5]],"largest_scale_name":"b"})"
      "\n"
      R"({"step":2,"rollbacks":1,"from_step":4,"not_finite":"x"})"
      "\n");
  put(run.timing(), "{\"step\":1,\"seconds\":0.5}\n{\"step\":2,\"seconds\":1}\n");
  const auto record = RecordReader(run).read();
  EXPECT_EQ(record.curves.at("bits_per_dim").steps, Steps{1});
  EXPECT_EQ(record.curves.at("bits_per_dim").values, Values{5.5});
  EXPECT_EQ(record.curves.at("bits_per_dim").missing, 1);
  EXPECT_EQ(record.curves.at("valid_bits_per_dim").values, Values{5.25});
  EXPECT_EQ(record.curves.at("smallest_singular_value").values, Values{0.25});
  EXPECT_EQ(record.curves.at("seconds").values, (Values{0.5, 1}));
  EXPECT_EQ(record.texts.at("largest_scale_name"), "b");
  EXPECT_EQ(record.skipped_steps, Steps{2});
  ASSERT_EQ(record.rollbacks.size(), 1U);
  EXPECT_EQ(record.rollbacks[0].at("from_step"), 4);
  EXPECT_EQ(record.last_step, 2);
}

TEST(RecordReader, KnowsTheBestEvaluationAsTheRunDoes) {
  const TemporaryDirectory directory;
  const RunDirectory run(directory.path());
  const auto best_of = [&](const char* lines) {
    put(run.metrics(), lines);
    return RecordReader(run).read().best_step;
  };
  EXPECT_EQ(best_of(""), std::nullopt);
  EXPECT_EQ(best_of("{\"step\":4,\"valid_bits_per_dim\":null,\"valid_non_finite\":6}\n"), 4);
  // Equal is not better; and one that leaves images out is not good.
  EXPECT_EQ(best_of("{\"step\":4,\"valid_bits_per_dim\":null,\"valid_non_finite\":6}\n"
                    "{\"step\":8,\"valid_bits_per_dim\":3,\"valid_non_finite\":0}\n"
                    "{\"step\":12,\"valid_bits_per_dim\":3,\"valid_non_finite\":0}\n"
                    "{\"step\":16,\"valid_bits_per_dim\":2,\"valid_non_finite\":1}\n"),
            8);
}

TEST(RecordReader, PassesOverWhatIsMissingTornOrOdd) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(RecordReader(RunDirectory(directory.path())).read().curves.empty());
  put(RunDirectory(directory.path()).metrics(),
      "[1]\n{\"bits_per_dim\":1}\n{\"step\":\"2\",\"a\":1}\n{\"step\":3,\"smallest_singular_values\":[[],7]}\n"
      "\xff\n{\"step\":4,\"bits_per_dim\":2}\n{\"step\":5,\"bits_per_d");
  const auto record = RecordReader(RunDirectory(directory.path())).read();
  EXPECT_EQ(record.curves.size(), 1U);
  EXPECT_EQ(record.curves.at("bits_per_dim").values, Values{2});
}

TEST(RecordReader, ALineWithoutItsEndIsYetToCome) {
  const TemporaryDirectory directory;
  const RunDirectory run(directory.path());
  RecordReader reader(run);
  const std::string line = "{\"step\":1,\"a\":2}";
  for (const auto* before : {"", "{\"step\":0,\"a\":1}\n"}) {
    for (std::size_t length = 0; length <= line.size(); ++length) {
      put(run.metrics(), before + line.substr(0, length));
      EXPECT_EQ(reader.read().last_step, 0) << length;
    }
    put(run.metrics(), before + line + "\n");
    EXPECT_EQ(reader.read().last_step, 1);
  }
}

/// All of a record.
std::string text_of(const RunRecord& record) {
  std::ostringstream text;
  text.precision(17);
  const auto add = [&](const auto& numbers) {
    for (const auto number : numbers) text << number << ' ';
    text << '\n';
  };
  for (const auto& [key, curve] : record.curves) {
    text << key << ' ' << curve.missing << '\n';
    add(curve.steps);
    add(curve.values);
  }
  for (const auto& [key, value] : record.texts) text << key << '=' << value << '\n';
  add(record.skipped_steps);
  for (const auto& line : record.rollbacks) text << line << '\n';
  text << record.last_step << ' ' << record.best_step.value_or(-1);
  return text.str();
}

/// What runs, and worse, do to a log.
class RandomLog {
 public:
  explicit RandomLog(std::uint64_t seed) : random_(seed) {}

  std::string line() {
    nlohmann::ordered_json line{{"step", ++step_}};
    switch (below(8)) {
      case 0:
        line["valid_bits_per_dim"] = number(), line["valid_non_finite"] = below(2);
        break;
      case 1:
        line["rollbacks"] = 1;
        break;
      case 2:
        line["skipped"] = true, line["bits_per_dim"] = nullptr;
        break;
      case 3:
        line["largest_scale_name"] = std::to_string(below(100));
        break;
      case 4:
        return "{\"step\":torn\n";
      default:
        line["bits_per_dim"] = number(), line["learning_rate"] = number();
    }
    return line.dump() + "\n";
  }

  /// Appends lines, or a piece of one; at times cuts the file, at times what is there becomes something else.
  void change(const std::filesystem::path& path) {
    auto bytes = get(path);
    const auto what = below(10);
    if (what == 0) bytes.resize(below(bytes.size() + 1));
    if (what == 1) bytes = line() + bytes;
    if (what == 2) return static_cast<void>(std::filesystem::remove(path));
    // Other numbers of the same length, in the first or in the second half.
    const auto half = bytes.size() / 2;
    if (what == 4) std::for_each(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(half), next_digit);
    if (what == 5) std::for_each(bytes.begin() + static_cast<std::ptrdiff_t>(half), bytes.end(), next_digit);
    // Longer than before at once, as a log may be that was cut at a return to a checkpoint.
    const auto length = bytes.size();
    if (what == 3) bytes.resize(half);
    for (auto count = below(30); count > 0; --count) bytes += line();
    while (what == 3 && bytes.size() <= length) bytes += line();
    if (what > 6) {
      const auto piece = line();
      bytes += piece.substr(0, below(piece.size() + 1));
    }
    put(path, bytes);
  }

 private:
  static void next_digit(char& c) {
    if (c >= '0' && c <= '9') c = c == '9' ? '1' : static_cast<char>(c + 1);
  }
  std::size_t below(std::size_t limit) { return random_() % limit; }
  double number() { return static_cast<double>(below(1'000'000)) / 1e4; }

  std::mt19937_64 random_;
  std::int64_t step_ = 0;
};

TEST(RecordReader, WhoReadsOftenSeesWhatAFreshReaderSees) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const TemporaryDirectory directory;
    const RunDirectory run(directory.path());
    RecordReader reader(run);
    RandomLog log(seed);
    for (int round = 0; round < 60; ++round) {
      log.change(round % 3 == 0 ? run.timing() : run.metrics());
      ASSERT_EQ(text_of(reader.read()), text_of(RecordReader(run).read())) << seed << ", round " << round;
    }
  }
}

/// Bytes that this process has read from files.
std::int64_t bytes_read() {
  std::ifstream counters("/proc/self/io");
  std::string name;
  std::int64_t value = -1;
  counters >> name >> value;
  EXPECT_EQ(name, "rchar:");
  return value;
}

TEST(RecordReader, ReadsOnlyWhatIsNew) {
  if (!std::filesystem::exists("/proc/self/io")) GTEST_SKIP() << "nobody counts what is read here";
  const TemporaryDirectory directory;
  const RunDirectory run(directory.path());
  RandomLog log(1);
  std::string lines;
  while (lines.size() < 1'000'000) lines += log.line();
  put(run.metrics(), lines);
  put(run.timing(), lines);
  RecordReader reader(run);
  reader.read();
  for (int round = 0; round < 3; ++round) {
    std::ofstream(run.metrics(), std::ios::app) << log.line();
    const auto before = bytes_read();
    reader.read();
    EXPECT_LT(bytes_read() - before, 100'000);
  }
  put(run.metrics(), "");
  put(run.timing(), "");
  EXPECT_TRUE(reader.read().curves.empty());
}

}  // namespace
}  // namespace glow::train::run_record_test
