#include "io/lmdb.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/files.h"
#include "support/lmdb.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::io::lmdb_test {
namespace {

using glow::testing::get;
using glow::testing::little_endian;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;
using glow::testing::write_lmdb;

using Entries = std::vector<std::pair<std::string, std::string>>;

Entries read_all(const LmdbValues& values) {
  Entries entries;
  for (std::size_t i = 0; i < values.size(); ++i) entries.emplace_back(values.key(i), values.value(i));
  return entries;
}

TEST(Lmdb, ReadsValuesInTheOrderOfTheirKeys) {
  const TemporaryDirectory directory;
  const std::string large(100000, 'l');
  write_lmdb(directory.path(), {{"b", "two"}, {"a", "one"}, {"c", ""}, {std::string("a\0\xff", 3), large}});
  EXPECT_EQ(read_all(LmdbValues(directory / "data.mdb")),
            (Entries{{"a", "one"}, {std::string("a\0\xff", 3), large}, {"b", "two"}, {"c", ""}}));
}

TEST(Lmdb, ReadsTreesOfSeveralLevels) {
  const TemporaryDirectory directory;
  std::map<std::string, std::string> expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string number = std::to_string(i);
    expected[number + std::string(300, 'k')] = number + std::string(i % 7 == 0 ? 5000 : 200, 'v');
  }
  const Entries entries(expected.begin(), expected.end());
  write_lmdb(directory.path(), entries);
  EXPECT_EQ(read_all(LmdbValues(directory / "data.mdb")), entries);
}

TEST(Lmdb, ReadsTheLastTransactionAndOtherSizesOfPages) {
  // Made with Python's lmdb, with pages of 512 bytes: 30 entries, half of which were deleted later.
  const LmdbValues values(std::filesystem::path(GLOW_TEST_FIXTURES) / "../../fuzz/corpus/lmdb/deleted");
  ASSERT_EQ(values.size(), 15u);
  EXPECT_EQ(values.key(0), "0001");
  EXPECT_EQ(values.key(14), "0029");
  EXPECT_EQ(values.value(14), std::string(30, static_cast<char>(33 + 29)));
}

TEST(Lmdb, RefusesOtherDatabases) {
  const TemporaryDirectory directory;
  const auto refused = [&](const std::string& name, std::string_view reason) {
    const std::filesystem::path file = directory / name / "data.mdb";
    return throws<FormatError>([&] { LmdbValues values(file); }, {file.string() + ": ", reason});
  };
  write_lmdb(directory / "empty", {});
  EXPECT_TRUE(refused("empty", "no entries"));
  write_lmdb(directory / "named", {{"a", "one"}}, "name");
  EXPECT_TRUE(refused("named", "named database"));
  write_lmdb(directory / "several", {{"a", "one"}, {"a", "two"}}, nullptr, MDB_DUPSORT);
  EXPECT_TRUE(refused("several", "one value per key"));
  EXPECT_TRUE(throws<IoError>([&] { LmdbValues values(directory / "missing"); }, {(directory / "missing").string()}));
}

constexpr std::size_t kPage = 512;

/// A change of bytes of a file made with Python's lmdb. Its pages are: 0 and 1 meta; 2, 3 and 5 leaves of three
/// entries; 4 the root.
struct Damage {
  std::string name;
  std::size_t offset;
  std::string bytes;
  std::string reason;
};

class DamagedLmdb : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedLmdb, IsRefused) {
  const TemporaryDirectory directory;
  std::string bytes = get(std::filesystem::path(GLOW_TEST_FIXTURES) / "../../fuzz/corpus/lmdb/two_levels");
  // Both meta pages, so that it does not matter which of them is used.
  if (GetParam().offset < kPage) bytes.replace(GetParam().offset + kPage, GetParam().bytes.size(), GetParam().bytes);
  bytes.replace(GetParam().offset, GetParam().bytes.size(), GetParam().bytes);
  put(directory / "file", bytes);
  EXPECT_TRUE(throws<FormatError>([&] { LmdbValues values(directory / "file"); },
                                  {(directory / "file").string() + ": ", GetParam().reason}));
}

INSTANTIATE_TEST_SUITE_P(Meta, DamagedLmdb,
                         ::testing::Values(Damage{"Magic", 16, "x", "expected an LMDB environment, is not one"},
                                           Damage{"BigEndian", 16, "\xbe\xef\xc0\xde", "is of a big-endian one"},
                                           Damage{"OtherWord", 12, std::string("\xde\xc0\xef\xbe\x01\0\0\0", 8),
                                                  "is of a 32-bit one"},
                                           Damage{"Version", 20, "\x02", "expected data version 1 of LMDB, is 2"},
                                           Damage{"NoMetaPage", 10, "\x02", "not a meta page"},
                                           Damage{"SizeOfPages", 40, "\x01", "pages of 513 bytes"},
                                           Damage{"Depth", 94, "\x21", "with 33 levels"},
                                           Damage{"NoRoot", 128, "\xff", "page 255: expected at most the last page"},
                                           Damage{"MoreEntries", 120, "\x0a", "expected 10 entries of LMDB, found 9"}),
                         [](const auto& test) { return test.param.name; });

constexpr std::size_t kLeaf = 2 * kPage;
constexpr std::size_t kRoot = 4 * kPage;

INSTANTIATE_TEST_SUITE_P(
    Page, DamagedLmdb,
    ::testing::Values(Damage{"Number", kLeaf, "\x03", "page 2: is not a leaf"},
                      Damage{"Leaf", kLeaf + 10, "\x01", "page 2: is not a leaf"},
                      Damage{"Branch", kRoot + 10, "\x02", "page 4: is not a branch"},
                      Damage{"NoNodes", kLeaf + 12, "\x10", "page 2: is damaged"},
                      Damage{"OddLower", kLeaf + 12, "\x17", "page 2: is damaged"},
                      Damage{"SmallLower", kLeaf + 12, "\x08", "page 2: is damaged"},
                      Damage{"OneChild", kRoot + 12, "\x12", "page 4: is damaged"},
                      Damage{"LowerBeyondUpper", kLeaf + 12, "\xb2", "page 2: is damaged"},
                      Damage{"UpperBeyondPage", kLeaf + 14, "\x02\x02", "page 2: is damaged"},
                      Damage{"NodeBeforeUpper", kLeaf + 18, std::string("\xa0\0", 2), "page 2: the place of a node"},
                      Damage{"NodeBeyondPage", kLeaf + 16, "\xfa", "page 2: the place of a node"},
                      Damage{"OddNode", kLeaf + 16, "\x91", "page 2: the place of a node"},
                      Damage{"LongKey", kRoot + 492 + 7, "\x01", "page 4: a key exceeds the page"},
                      Damage{"LongValue", kLeaf + 400 + 1, "\x01", "page 2: a value exceeds the page"},
                      Damage{"NamedDatabase", kLeaf + 400 + 4, "\x02", "page 2: expected plain values"},
                      Damage{"ValueElsewhere", kLeaf + 400 + 4, "\x01", "page 2: a value exceeds the file"},
                      Damage{"ChildBeyondFile", kRoot + 492, "\x63", "page 99: expected at most the last page"},
                      Damage{"TwiceInTheTree", kRoot + 492, "\x02", "page 2: is in the tree twice"},
                      Damage{"Cycle", kRoot + 492, "\x04", "page 4: is in the tree twice"}),
    [](const auto& test) { return test.param.name; });

TEST(Lmdb, RefusesTruncatedFiles) {
  const TemporaryDirectory directory;
  const std::string bytes = get(std::filesystem::path(GLOW_TEST_FIXTURES) / "../../fuzz/corpus/lmdb/pages_of_values");
  // Page 3 and half of page 4 hold a value of 700 bytes.
  for (const std::size_t size : {0, 100, 600, 1024, 1536, 2048, 2300}) {
    put(directory / "file", bytes.substr(0, size));
    EXPECT_TRUE(throws<FormatError>([&] { LmdbValues values(directory / "file"); }, {(directory / "file").string()}))
        << size;
  }
}

}  // namespace
}  // namespace glow::io::lmdb_test
