#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <glow/error.h>

#include "io/archive.h"
#include "support/archives.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::io::archive_zip_test {
namespace {

using glow::testing::crc_of;
using glow::testing::little_endian;
using glow::testing::put;
using glow::testing::raw_deflate;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;
using glow::testing::zip_archive;
using glow::testing::zip_deflated;
using glow::testing::zip_end;
using glow::testing::zip_stored;
using glow::testing::ZipMember;

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
  put(directory / "file.zip", bytes);
  return read_all(directory / "file.zip", wanted);
}

/// Text that does not repeat at once, so that a deflated member has several blocks.
std::string varied_text(std::size_t size) {
  std::string text;
  for (std::uint32_t state = 1; text.size() < size; state = state * 1664525 + 1013904223) {
    text += static_cast<char>(state >> 24);
  }
  return text;
}

TEST(ZipArchive, ReadsStoredAndDeflatedMembers) {
  const std::string large = varied_text(200'000);
  ZipMember streamed = zip_deflated("./streamed", "sizes behind the data");
  streamed.flags = 8;
  ZipMember piped = zip_stored("-", "by zip from its standard input");
  piped.mode = 0010600;
  ZipMember directory_mode = zip_stored("folder", "");
  directory_mode.mode = 040755;
  const std::string bytes =
      zip_archive({zip_stored("stored", "some bytes"), zip_stored("folder/", ""), zip_deflated("folder/large", large),
                   directory_mode, streamed, piped, zip_deflated("empty deflated", ""), zip_stored("empty", ""),
                   zip_stored("\xff\x80", "not UTF-8")});
  const Contents expected = {{"stored", "some bytes"}, {"folder/large", large}, {"streamed", "sizes behind the data"},
                             {"empty deflated", ""},   {"empty", ""},           {"-", piped.stored},
                             {"\xff\x80", "not UTF-8"}};
  EXPECT_EQ(read_bytes(bytes), expected);
}

TEST(ZipArchive, IsTheSameInMemory) {
  const std::string bytes = zip_archive({zip_stored("a/b.png", "stored"), zip_deflated("c.png", varied_text(9000))});
  const std::vector<Member> members = index_zip(bytes, "folder/file.zip", every);
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].name, "a/b.png");
  EXPECT_EQ(bytes.substr(members[0].place.offset, members[0].place.size), "stored");
  EXPECT_TRUE(members[1].place.deflated);
  EXPECT_EQ(members[1].place.size, 9000u);
  EXPECT_EQ(index_zip(bytes, "folder/file.zip", [](std::string_view name) { return name == "c.png"; }).size(), 1u);
  const std::string twice = zip_archive({zip_stored("a", ""), zip_stored("a", "")});
  EXPECT_TRUE(throws<FormatError>([&] { index_zip(twice, "folder/file.zip", every); }, {"folder/file.zip/a", "twice"}));
}

TEST(ZipArchive, PlacesAreThoseOfTheBytes) {
  const TemporaryDirectory directory;
  const std::string bytes = zip_archive({zip_stored("a", "first content"), zip_deflated("b", "second content")});
  put(directory / "file.zip", bytes);
  const RegularFile file(directory / "file.zip");
  const std::vector<Member> members = index_archive(file, every);
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].place.offset, bytes.find("first content"));
  EXPECT_EQ(members[0].place.stored, 13u);
  EXPECT_FALSE(members[0].place.deflated);
  EXPECT_EQ(members[1].place.offset, bytes.find(raw_deflate("second content")));
  EXPECT_EQ(members[1].place.stored, raw_deflate("second content").size());
  EXPECT_EQ(members[1].place.size, 14u);
  EXPECT_TRUE(members[1].place.deflated);
  EXPECT_TRUE(members[1].place.has_crc);
  EXPECT_EQ(members[1].place.crc, crc_of("second content"));
}

TEST(ZipArchive, EmptyAndWithAComment) {
  EXPECT_EQ(read_bytes(zip_archive({})), Contents{});
  std::string bytes = zip_archive({zip_stored("a", "1")});
  const std::string comment = "PK\x05\x06 in a comment" + std::string(1000, 'c');
  bytes.replace(bytes.size() - 2, 2, little_endian(comment.size(), 2) + comment);
  EXPECT_EQ(read_bytes(bytes), (Contents{{"a", "1"}}));
}

TEST(ZipArchive, OnlyWantedMembersAreListed) {
  ZipMember link = zip_stored("link", "a.png");
  link.mode = 0120777;
  ZipMember other = zip_stored("packed", "bzip2");
  other.method = 12;
  const std::string bytes = zip_archive({zip_stored("b.png", "b"), link, other, zip_stored("../outside", "o"),
                                         zip_stored("other", "1"), zip_stored("other", "2"), zip_stored("a.png", "a")});
  EXPECT_EQ(read_bytes(bytes, is_picture), (Contents{{"a.png", "a"}, {"b.png", "b"}}));
}

TEST(ZipArchive, Zip64Fields) {
  ZipMember stored = zip_stored("stored", "12345");
  ZipMember deflated = zip_deflated("deflated", "abcabcabc");
  stored.zip64 = deflated.zip64 = true;
  const Contents expected = {{"stored", "12345"}, {"deflated", "abcabcabc"}, {"plain", "p"}};
  for (const bool zip64_end : {false, true}) {
    EXPECT_EQ(read_bytes(zip_archive({stored, deflated, zip_stored("plain", "p")}, zip64_end)), expected);
  }
}

TEST(ZipArchive, MembersBeyondFourGibibytes) {
  constexpr std::uint64_t kHole = 5'000'000'000;
  ZipMember huge{.name = "huge", .size = kHole, .zip64 = true};
  ZipMember after = zip_stored("after", "behind the hole");
  after.zip64 = true;
  const std::string local = glow::testing::zip_local_header(huge);
  const std::uint64_t second = local.size() + kHole;
  const std::string second_local = glow::testing::zip_local_header(after) + after.stored;
  const std::string headers = glow::testing::zip_directory_header(huge, 0, kHole) +
                              glow::testing::zip_directory_header(after, second, after.stored.size());
  const TemporaryDirectory directory;
  const auto path = directory / "file.zip";
  put(path, local);
  std::filesystem::resize_file(path, second);  // a hole, which takes no space
  std::ofstream(path, std::ios::binary | std::ios::app)
      << second_local << headers << zip_end(second + second_local.size(), headers.size(), 2, true);
  const RegularFile file(path);
  const std::vector<Member> members = index_archive(file, every);
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].place.size, kHole);
  EXPECT_EQ(read_member_start(file, "huge", members[0].place, 4), std::string(4, '\0'));
  EXPECT_EQ(read_member(file, "after", members[1].place), "behind the hole");
}

TEST(ZipArchive, ManyMembersWithAnOldCount) {
  std::vector<ZipMember> members;
  for (int i = 0; i < 65'600; ++i) members.push_back(zip_stored(std::to_string(i), "x"));
  const TemporaryDirectory directory;
  put(directory / "file.zip", zip_archive(members));  // whose end has the low 16 bits of the count
  put(directory / "file64.zip", zip_archive(members, true));
  for (const char* name : {"file.zip", "file64.zip"}) {
    const RegularFile file(directory / name);
    EXPECT_EQ(index_archive(file, every).size(), members.size());
  }
}

/// Writes a zip by libarchive, which puts sizes behind the data.
void write_zip(const std::filesystem::path& path, const char* options, const Contents& contents) {
  archive* writer = archive_write_new();
  ASSERT_EQ(archive_write_set_format_zip(writer), ARCHIVE_OK);
  ASSERT_EQ(archive_write_set_options(writer, options), ARCHIVE_OK);
  ASSERT_EQ(archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
  archive_entry* entry = archive_entry_new();
  for (const auto& [name, content] : contents) {
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    ASSERT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << archive_error_string(writer);
    ASSERT_EQ(archive_write_data(writer, content.data(), content.size()), static_cast<la_ssize_t>(content.size()));
  }
  archive_entry_free(entry);
  ASSERT_EQ(archive_write_close(writer), ARCHIVE_OK);
  archive_write_free(writer);
}

class ZipOfLibarchive : public ::testing::TestWithParam<const char*> {};

TEST_P(ZipOfLibarchive, IsReadAsWritten) {
  Contents contents = {{"large", varied_text(300'000)}, {"same", std::string(100'000, 's')}};
  for (int i = 0; i < 100; ++i) {
    contents["folder/" + std::to_string(i)] = varied_text(static_cast<std::size_t>(i * 37 + 1));
  }
  const TemporaryDirectory directory;
  ASSERT_NO_FATAL_FAILURE(write_zip(directory / "file.zip", GetParam(), contents));
  EXPECT_EQ(read_all(directory / "file.zip"), contents);
}

INSTANTIATE_TEST_SUITE_P(Zip, ZipOfLibarchive,
                         ::testing::Values("zip:compression=deflate", "zip:compression=store", "zip:zip64"));

struct BadZip {
  std::string name;
  std::string bytes;
  std::vector<std::string> message;
};

std::ostream& operator<<(std::ostream& out, const BadZip& bad) { return out << bad.name; }

class RefusedZip : public ::testing::TestWithParam<BadZip> {};

TEST_P(RefusedZip, WithItsReason) {
  const TemporaryDirectory directory;
  const auto path = directory / "file.zip";
  put(path, GetParam().bytes);
  const RegularFile file(path);
  ASSERT_FALSE(GetParam().message.empty());
  for (const std::string& part : GetParam().message) {
    EXPECT_TRUE(throws<FormatError>([&] { index_archive(file, is_picture); }, {path.string(), part}));
  }
}

/// A zip of a.png after `change` of its headers.
template <typename Change>
std::string changed(Change change) {
  ZipMember member = zip_stored("a.png", "content");
  change(member);
  return zip_archive({member});
}

/// The same with other bytes at a place behind a signature.
std::string patched(std::string bytes, const std::string& signature, std::size_t place, const std::string& by) {
  return bytes.replace(bytes.find(signature) + place, by.size(), by);
}

std::vector<BadZip> bad_members() {
  return {
      {"encrypted", changed([](ZipMember& m) { m.flags = 1; }), {"/a.png: is encrypted", "without a password"}},
      {"bzip2", changed([](ZipMember& m) { m.method = 12; }), {"/a.png: is compressed by method 12", "deflated (8)"}},
      {"symbolic link", changed([](ZipMember& m) { m.mode = 0120777; }), {"/a.png: is a symbolic link"}},
      {"absolute name", changed([](ZipMember& m) { m.name = "/a.png"; }), {"//a.png: has an absolute name"}},
      {"name above", changed([](ZipMember& m) { m.name = "../a.png"; }), {"/../a.png: has a name with \"..\""}},
      {"zero byte", changed([](ZipMember& m) { m.name = std::string("a\0.png", 6); }), {"a?.png: has a zero byte"}},
      {"long name", changed([](ZipMember& m) { m.name = std::string(5000, 'n') + ".png"; }), {"name of 5004 bytes"}},
      {"two of a name", zip_archive({zip_stored("a.png", "1"), zip_stored("./a.png", "2")}), {"/a.png: is twice"}},
      {"other stored size", changed([](ZipMember& m) { m.size = 8; }), {"/a.png: claims 8 bytes, but 7 are stored"}},
      {"impossible expansion",
       changed([](ZipMember& m) { m.method = 8, m.size = 10'000; }),
       {"claims 10000 bytes, more than its 7 stored bytes can hold"}},
  };
}

std::vector<BadZip> bad_directories() {
  const std::string end = "PK\x05\x06";
  const std::string whole = zip_archive({zip_stored("a.png", "content"), zip_stored("b.png", "second")});
  ZipMember in_zip64 = zip_stored("a.png", "content");
  in_zip64.zip64 = true;
  const std::string whole64 = zip_archive({in_zip64}, true);
  const std::string header = "PK\x01\x02";
  return {
      {"cut", whole.substr(0, whole.size() - 1), {"no zip directory at its end", "truncated"}},
      {"cut early", whole.substr(0, 50), {"no zip directory at its end"}},
      {"first disk", patched(whole, end, 4, little_endian(1, 2)), {"is one part of a split zip"}},
      {"directory on another disk", patched(whole, end, 6, little_endian(1, 2)), {"is one part of a split zip"}},
      {"others on another disk", patched(whole, end, 10, little_endian(9, 2)), {"is one part of a split zip"}},
      {"split zip64", patched(whole64, "PK\x06\x07", 16, little_endian(2, 4)), {"is one part of a split zip"}},
      {"split zip64 record", patched(whole64, "PK\x06\x06", 16, little_endian(1, 4)), {"is one part of a split zip"}},
      {"no zip64 record", patched(whole64, "PK\x06\x07", 8, little_endian(3, 8)), {"no end record at byte 3"}},
      {"zip64 record beyond", patched(whole64, "PK\x06\x07", 8, std::string(8, '\xff')), {"no end record at byte"}},
      {"no zip64 values",
       patched(whole64, std::string("\x01\x00\x18\x00", 4), 0, "\x02"),
       {"/a.png: has no zip64 sizes"}},
      {"wrong count", patched(whole, end, 8, little_endian(0x00010001, 4)), {"2 members, expected 1"}},
      {"directory too large",
       patched(whole, end, 12, little_endian(100'000, 4)),
       {"damaged zip directory: 100000 bytes"}},
      {"directory elsewhere", patched(whole, end, 16, little_endian(1, 4)), {"no member at byte 1"}},
      {"directory beyond",
       patched(whole, end, 16, std::string(4, '\xff')),
       {"at byte 4294967295, expected them before"}},
      {"longer name", patched(whole, header, 28, std::string(2, '\xff')), {"damaged zip directory: no member at byte"}},
      {"member elsewhere", patched(whole, header, 42, little_endian(1, 4)), {"/a.png: is not at byte 1"}},
      {"another member", patched(whole, header, 42, little_endian(42, 4)), {"/a.png: is not at byte 42"}},
      {"member beyond", patched(whole, header, 42, little_endian(99'999, 4)), {"/a.png: is not at byte 99999"}},
      {"too many bytes",
       patched(whole, header, 20, little_endian(9999, 4) + little_endian(9999, 4)),
       {"/a.png: has 9999 stored bytes, more than are before the directory"}},
      {"longer local header",
       patched(whole, "PK\x03\x04", 28, std::string(2, '\xff')),
       {"/a.png: has 7 stored bytes, more than"}},
  };
}

INSTANTIATE_TEST_SUITE_P(Members, RefusedZip, ::testing::ValuesIn(bad_members()));
INSTANTIATE_TEST_SUITE_P(Directories, RefusedZip, ::testing::ValuesIn(bad_directories()));

/// The error of reading the only member, which index_archive accepts.
::testing::AssertionResult reading_throws(const ZipMember& member, std::string_view message) {
  const TemporaryDirectory directory;
  const auto path = directory / "file.zip";
  put(path, zip_archive({member}));
  const RegularFile file(path);
  const std::vector<Member> members = index_archive(file, every);
  const std::string name = path.string() + "/" + member.name;
  return throws<FormatError>([&] { read_member(file, members.at(0).name, members.at(0).place); }, {name, message});
}

TEST(ZipMembers, DamagedContentsAreRefused) {
  const std::string content = varied_text(1000);
  for (const ZipMember& whole : {zip_stored("a", content), zip_deflated("a", content)}) {
    ZipMember other_sum = whole;
    other_sum.crc ^= 1;
    EXPECT_TRUE(reading_throws(other_sum, "is damaged: its content has another CRC-32"));
  }
  ZipMember shorter = zip_deflated("a", content);
  shorter.size -= 1;
  EXPECT_TRUE(reading_throws(shorter, "does not end after 999 bytes"));
  ZipMember longer = zip_deflated("a", content);
  longer.size += 1;
  EXPECT_TRUE(reading_throws(longer, "does not end after 1001 bytes"));
  ZipMember cut = zip_deflated("a", content);
  cut.stored.pop_back();
  EXPECT_TRUE(reading_throws(cut, "does not end after 1000 bytes"));
  ZipMember damaged = zip_deflated("a", content);
  damaged.stored[0] = 0x07;  // a block of type 3
  EXPECT_TRUE(reading_throws(damaged, "invalid block type"));
  ZipMember nothing = zip_deflated("a", "");
  nothing.stored.clear();
  EXPECT_TRUE(reading_throws(nothing, "does not end after 0 bytes"));
}

TEST(ZipMembers, TheStartNeedsNoWholeMember) {
  const std::string content = varied_text(400'000);
  ZipMember damaged = zip_deflated("a", content);
  damaged.stored.back() ^= 0x55;
  damaged.crc ^= 1;
  const TemporaryDirectory directory;
  put(directory / "file.zip", zip_archive({damaged, zip_stored("b", content)}));
  const RegularFile file(directory / "file.zip");
  for (const Member& member : index_archive(file, every)) {
    for (const std::size_t count : {0, 1, 100, 70'000, 300'000}) {
      EXPECT_EQ(read_member_start(file, member.name, member.place, count), content.substr(0, count)) << member.name;
    }
  }
}

TEST(ZipMembers, TheStartOfAShortMemberIsAllOfIt) {
  const TemporaryDirectory directory;
  put(directory / "file.zip", zip_archive({zip_deflated("a", "short"), zip_stored("b", "short")}));
  const RegularFile file(directory / "file.zip");
  for (const Member& member : index_archive(file, every)) {
    EXPECT_EQ(read_member_start(file, member.name, member.place, 4096), "short") << member.name;
  }
}

}  // namespace
}  // namespace glow::io::archive_zip_test
