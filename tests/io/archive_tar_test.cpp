#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <locale.h>

#include <glow/error.h>

#include "io/archive.h"
#include "support/archives.h"
#include "support/gzip.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::io::archive_tar_test {
namespace {

using glow::testing::gzip;
using glow::testing::octal;
using glow::testing::pax_record;
using glow::testing::put;
using glow::testing::tar_blocks;
using glow::testing::tar_end;
using glow::testing::tar_header;
using glow::testing::tar_member;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

using Contents = std::map<std::string, std::string>;

bool every(std::string_view) { return true; }

bool is_picture(std::string_view name) { return name.ends_with(".png"); }

/// The contents of the wanted members, by name.
Contents read_all(const std::filesystem::path& path, const WantedMember& wanted = every) {
  const RegularFile file(path);
  Contents contents;
  for (const Member& member : index_archive(file, wanted)) {
    contents[member.name] = read_member(file, member.name, member.place);
  }
  return contents;
}

Contents read_bytes(const std::string& bytes, const WantedMember& wanted = every) {
  const TemporaryDirectory directory;
  put(directory / "file.tar", bytes);
  return read_all(directory / "file.tar", wanted);
}

TEST(TarArchive, FindsTheMembersOfAllFormats) {
  const std::string long_name = std::string(120, 'd') + "/" + std::string(120, 'n');
  const std::string prefixed = tar_header({.name = "name", .size = octal(3, 12), .prefix = "some/prefix"});
  const std::string old = tar_header({.name = "old", .size = octal(513, 12), .type = '\0', .magic = ""});
  const std::string bytes =
      tar_member("plain", "content of plain") + tar_member("./below/", "", '5') + tar_member(".//below/./empty", "") +
      prefixed + tar_blocks("pre") + old + tar_blocks(std::string(513, 'o')) +
      tar_member("././@LongLink", long_name + '\0', 'L') + tar_member("cut", "gnu") +
      tar_member("PaxHeaders/x", pax_record("mtime", "1.5") + pax_record("path", "\xc3\xa4/" + long_name), 'x') +
      tar_member("cut", "pax") + tar_member("last", std::string(512, 'l')) + tar_end();
  const TemporaryDirectory directory;
  put(directory / "file.tar", bytes);
  const RegularFile file(directory / "file.tar");
  const std::vector<Member> members = index_archive(file, every);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"plain", "content of plain"},  {"below/empty", ""}, {"some/prefix/name", "pre"},
      {"old", std::string(513, 'o')}, {long_name, "gnu"},  {"\xc3\xa4/" + long_name, "pax"},
      {"last", std::string(512, 'l')}};
  ASSERT_EQ(members.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& [name, content] = expected[i];
    EXPECT_EQ(members[i].name, name);
    EXPECT_EQ(members[i].place.size, content.size()) << name;
    EXPECT_EQ(bytes.substr(members[i].place.offset, members[i].place.stored), content) << name;
    EXPECT_EQ(read_member(file, name, members[i].place), content) << name;
    EXPECT_EQ(read_member_start(file, name, members[i].place, 2), content.substr(0, 2)) << name;
  }
}

TEST(TarArchive, OnlyWantedMembersAreListed) {
  const std::string bytes = tar_member("b.png", "bb") + tar_member("notes.txt", "text") +
                            tar_member("link.txt", "", '2', "b.png") + tar_member("../outside", "o") +
                            tar_member("notes.txt", "again") + tar_member("a.png", "a") + tar_end();
  EXPECT_EQ(read_bytes(bytes, is_picture), (Contents{{"a.png", "a"}, {"b.png", "bb"}}));
}

TEST(TarArchive, SizesBeyondOctalDigits) {
  constexpr std::uint64_t kSize = 9'000'000'001;
  constexpr std::uint64_t kPadded = 9'000'000'512;
  const std::string base256 = std::string("\x80\x00\x00\x00", 4) + glow::testing::big_endian(kSize, 8);
  const std::string gnu = tar_header({.name = "huge", .size = base256, .magic = "ustar  "});
  const std::string pax = tar_member("PaxHeaders/x", pax_record("size", std::to_string(kSize)), 'x') +
                          tar_header({.name = "huge", .size = octal(0, 12)});
  for (const std::string& header : {gnu, pax}) {
    const TemporaryDirectory directory;
    const auto path = directory / "file.tar";
    put(path, header);
    std::filesystem::resize_file(path, header.size() + kPadded);  // a hole, which takes no space
    std::ofstream(path, std::ios::binary | std::ios::app) << tar_member("after", "behind the hole") << tar_end();
    const RegularFile file(path);
    const std::vector<Member> members = index_archive(file, every);
    ASSERT_EQ(members.size(), 2u);
    EXPECT_EQ(members[0].place.offset, header.size());
    EXPECT_EQ(members[0].place.size, kSize);
    EXPECT_EQ(read_member_start(file, "huge", members[0].place, 3), std::string(3, '\0'));
    EXPECT_EQ(members[1].place.offset, header.size() + kPadded + 512);
    EXPECT_EQ(read_member(file, "after", members[1].place), "behind the hole");
  }
}

/// Writes a tar in a format of libarchive.
void write_tar(const std::filesystem::path& path, int format, const Contents& contents) {
  archive* writer = archive_write_new();
  ASSERT_EQ(archive_write_set_format(writer, format), ARCHIVE_OK);
  ASSERT_EQ(archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
  archive_entry* entry = archive_entry_new();
  for (const auto& [name, content] : contents) {
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 1, 500'000'000);
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    ASSERT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << archive_error_string(writer);
    ASSERT_EQ(archive_write_data(writer, content.data(), content.size()), static_cast<la_ssize_t>(content.size()));
  }
  archive_entry_free(entry);
  ASSERT_EQ(archive_write_close(writer), ARCHIVE_OK);
  archive_write_free(writer);
}

class TarOfLibarchive : public ::testing::TestWithParam<int> {};

TEST_P(TarOfLibarchive, IsReadAsWritten) {
  Contents contents = {{"large", std::string(300'000, 'l')}, {"empty", ""}, {"blocks", std::string(16'384, 'b')}};
  for (int i = 0; i < 200; ++i) {
    const std::string number = std::to_string(i);
    contents["directory/image" + number + ".png"] = std::string(static_cast<std::size_t>(i * 37 % 1500), '*') + number;
  }
  const bool has_long_names = GetParam() == ARCHIVE_FORMAT_TAR_GNUTAR || GetParam() == ARCHIVE_FORMAT_TAR;
  if (has_long_names) contents[std::string(200, 'd') + "/" + std::string(200, 'n')] = "of a long name";
  const TemporaryDirectory directory;
  ASSERT_NO_FATAL_FAILURE(write_tar(directory / "file.tar", GetParam(), contents));
  EXPECT_EQ(read_all(directory / "file.tar"), contents);
}

INSTANTIATE_TEST_SUITE_P(Tar, TarOfLibarchive,
                         ::testing::Values(ARCHIVE_FORMAT_TAR, ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FORMAT_TAR_GNUTAR,
                                           ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE, ARCHIVE_FORMAT_TAR_PAX_RESTRICTED));

TEST(TarArchive, NamesKeepTheirBytesInEveryLocale) {
  // An A and a combining ring, which libarchive would compose to one character in a locale of UTF-8; and a byte that
  // is not UTF-8.
  const std::string decomposed = "A\xcc\x8a";
  const std::string bytes = tar_member("x", pax_record("path", decomposed), 'x') + tar_member("cut", "1") +
                            tar_member("x", pax_record("path", "\xff"), 'x') + tar_member("cut", "2") +
                            tar_member("\xfe", "3") + tar_end();
  const Contents expected = {{decomposed, "1"}, {"\xff", "2"}, {"\xfe", "3"}};
  EXPECT_EQ(read_bytes(bytes), expected);
  const locale_t utf8 = ::newlocale(LC_ALL_MASK, "C.UTF-8", nullptr);
  if (utf8 == nullptr) GTEST_SKIP() << "the locale C.UTF-8 is missing";
  const locale_t before = ::uselocale(utf8);
  EXPECT_EQ(read_bytes(bytes), expected);
  EXPECT_EQ(::uselocale(before), utf8) << "the thread's locale was changed";
  ::freelocale(utf8);
}

TEST(TarArchive, ConcatenatedTarsAreOne) {
  const std::string first = tar_member("a", "1") + std::string(10'240 - 1024, '\0');
  const std::string second = tar_member("b", "2") + tar_end();
  EXPECT_EQ(read_bytes(first + second), (Contents{{"a", "1"}, {"b", "2"}}));
}

TEST(TarArchive, NeedsItsEnd) {
  EXPECT_EQ(read_bytes(tar_end()), Contents{});
  EXPECT_EQ(read_bytes(tar_member("a", "1") + std::string(512, '\0')), (Contents{{"a", "1"}}));
  EXPECT_TRUE(throws<FormatError>([] { read_bytes(tar_member("a", "1")); }, {"zeros at the end of a tar"}));
}

struct BadTar {
  std::string name;
  std::string bytes;
  std::vector<std::string> message;
};

std::ostream& operator<<(std::ostream& out, const BadTar& bad) { return out << bad.name; }

/// Whether reading the file throws a FormatError that names it, with all parts of the message.
template <typename Read>
::testing::AssertionResult refuses(const std::filesystem::path& path, const std::vector<std::string>& message,
                                   Read read) {
  ::testing::AssertionResult result = throws<FormatError>(read, {path.string()});
  for (const std::string& part : message) {
    if (result) result = throws<FormatError>(read, {part});
  }
  return result;
}

class RefusedTar : public ::testing::TestWithParam<BadTar> {};

TEST_P(RefusedTar, WithItsReason) {
  const TemporaryDirectory directory;
  const auto path = directory / "file.tar";
  put(path, GetParam().bytes);
  const RegularFile file(path);
  EXPECT_TRUE(refuses(path, GetParam().message, [&] { index_archive(file, is_picture); }));
}

std::string pax_sparse() {
  const std::string records = pax_record("GNU.sparse.major", "1") + pax_record("GNU.sparse.minor", "0") +
                              pax_record("GNU.sparse.name", "a.png") + pax_record("GNU.sparse.realsize", "2000");
  return tar_member("x", records, 'x') + tar_member("GNUSparseFile.0/a.png", tar_blocks("1\n0\n3\n") + "abc") +
         tar_end();
}

/// An old GNU header that claims another size of the content than the bytes behind it.
std::string other_real_size() {
  std::string header = tar_header({.name = "a.png", .size = octal(1536, 12), .magic = "ustar  "});
  header.replace(483, 12, octal(600, 12));
  header.replace(148, 8, "        ");
  std::uint64_t sum = 0;
  for (const char c : header) sum += static_cast<std::uint8_t>(c);
  header.replace(148, 7, octal(sum, 7));
  return header + std::string(1536, 'x') + tar_end();
}

std::vector<BadTar> bad_tars() {
  const std::string whole = tar_member("a.png", std::string(600, 'a')) + tar_member("b.png", std::string(600, 'b'));
  std::string damaged = whole + tar_end();
  damaged[512 + 1024 + 5] ^= 1;
  const std::string cut_size = tar_header({.name = "a.txt", .size = octal(100'000, 12)});
  const std::string bad_pax = tar_member("x", "9999 path=b.png\n", 'x');
  return {
      {"empty file", "", {"expected a tar or a zip, is an empty file"}},
      {"text", std::string(2000, 't'), {"expected a tar or a zip, is a text that begins with \"ttt"}},
      {"gzip", gzip(whole), {"is compressed (gzip)", "decompress it first"}},
      {"bzip2", "BZh91AY&SY" + std::string(600, 'x'), {"is compressed (bzip2)"}},
      {"xz",
       std::string("\xfd"
                   "7zXZ\0",
                   6) +
           std::string(600, 'x'),
       {"is compressed (xz)"}},
      {"zstd", "\x28\xb5\x2f\xfd" + std::string(600, 'x'), {"is compressed (zstd)"}},
      {"lz4", "\x04\x22\x4d\x18" + std::string(600, 'x'), {"is compressed (lz4)"}},
      {"symbolic link",
       tar_member("a.png", "", '2', "b.png") + tar_end(),
       {"/a.png: is a symbolic link", "--dereference"}},
      {"hard link",
       tar_member("a.png", "", '1', "b.png") + tar_end(),
       {"/a.png: is a hard link", "--hard-dereference"}},
      {"device", tar_member("a.png", "", '3') + tar_end(), {"/a.png: is a special file"}},
      {"pax sparse", pax_sparse(), {"/a.png: is a sparse member", "--sparse"}},
      {"another real size", other_real_size(), {"/a.png: has 1536 bytes in the archive, its header claims 600"}},
      {"absolute name", tar_member("/tmp/a.png", "x") + tar_end(), {"//tmp/a.png: has an absolute name"}},
      {"name above", tar_member("b/../a.png", "x") + tar_end(), {"/b/../a.png: has a name with \"..\""}},
      {"name of 5000 bytes",
       tar_member("L", std::string(5000, 'n') + ".png", 'L') + tar_member("cut", "x"),
       {"has a name of 5004 bytes"}},
      {"two of a name", tar_member("b/a.png", "1") + tar_member("./b//a.png", "2") + tar_end(), {"/b/a.png: is twice"}},
      {"cut in a header", whole.substr(0, 512 + 1024 + 100), {"Truncated"}},
      {"cut in a content", whole.substr(0, whole.size() - 500), {"/b.png: has 524 bytes, expected 600", "truncated"}},
      {"cut in an unwanted content", cut_size + std::string(70'000, 'x'), {"/a.txt: has 70000 bytes, expected 100000"}},
      {"cut in the padding", whole.substr(0, whole.size() - 100), {"Truncated"}},
      {"cut in a long name", tar_member("L", std::string(600, 'n'), 'L').substr(0, 700), {"not a whole tar"}},
      {"damaged header", damaged, {"at byte 1536", "Damaged"}},
      {"damaged pax header", bad_pax + tar_member("a.png", "x") + tar_end(), {"malformed pax"}},
  };
}

INSTANTIATE_TEST_SUITE_P(Tar, RefusedTar, ::testing::ValuesIn(bad_tars()));

/// What read_tar visits, in order.
std::vector<std::pair<std::string, std::string>> visited(const std::filesystem::path& path,
                                                         std::uint64_t max_bytes = 100'000) {
  std::vector<std::pair<std::string, std::string>> members;
  read_tar(path, is_picture, max_bytes, [&](std::string&& name, std::string&& content) {
    members.emplace_back(std::move(name), std::move(content));
  });
  return members;
}

std::string three_members() {
  return tar_member("./b.png", std::string(70'000, 'b')) + tar_member("notes", std::string(90'000, 'n')) +
         tar_member("a.png", "a") + tar_end();
}

TEST(ReadTar, VisitsPlainAndGzippedMembersInOrder) {
  const TemporaryDirectory directory;
  const std::string bytes = three_members();
  put(directory / "plain.tar", bytes);
  put(directory / "packed.tar.gz", gzip(bytes));
  put(directory / "pieces.tar.gz", gzip(bytes.substr(0, 1000)) + gzip(bytes.substr(1000)));
  for (const char* name : {"plain.tar", "packed.tar.gz", "pieces.tar.gz"}) {
    const auto members = visited(directory / name);
    ASSERT_EQ(members.size(), 2u) << name;
    EXPECT_EQ(members[0], std::make_pair(std::string("b.png"), std::string(70'000, 'b'))) << name;
    EXPECT_EQ(members[1], std::make_pair(std::string("a.png"), std::string("a"))) << name;
  }
}

TEST(ReadTar, RefusesDamageAndTooMuch) {
  const std::string bytes = three_members();
  const std::string packed = gzip(bytes);
  std::string other_sum = packed;
  other_sum[packed.size() - 8] ^= 1;
  const std::vector<BadTar> cases = {
      {"cut gzip", packed.substr(0, packed.size() - 20), {"not a whole gzip file"}},
      {"other CRC", other_sum, {"not a whole gzip file", "check"}},
      {"cut tar", bytes.substr(0, 3000), {"/b.png: not a whole tar"}},
      {"packed cut tar", gzip(bytes.substr(0, 3000)), {"/b.png: not a whole tar"}},
      {"two of a name", tar_member("a.png", "1") + tar_member("a.png", "2"), {"/a.png: is twice"}},
      {"link", tar_member("a.png", "", '2', "b.png"), {"/a.png: is a symbolic link"}},
      {"name above", tar_member("../a.png", "1"), {"/../a.png: has a name with"}},
      {"text", std::string(1000, 't'), {"expected a tar, which may be compressed by gzip, is a text"}}};
  for (const BadTar& bad : cases) {
    const TemporaryDirectory directory;
    put(directory / "file.tar.gz", bad.bytes);
    EXPECT_TRUE(refuses(directory / "file.tar.gz", bad.message, [&] { visited(directory / "file.tar.gz"); }))
        << bad.name;
  }
  const TemporaryDirectory directory;
  const auto path = directory / "file.tar.gz";
  put(path, packed);
  EXPECT_TRUE(refuses(path, {"/b.png: has 70000 bytes, expected at most 69999"}, [&] { visited(path, 69'999); }));
  EXPECT_TRUE(throws<IoError>([&] { visited(directory / "none"); }, {"none", "No such file"}));
}

}  // namespace
}  // namespace glow::io::archive_tar_test
