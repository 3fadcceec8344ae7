#include "io/archive.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "support/archives.h"
#include "support/temporary_directory.h"

namespace glow::io::archive_test {
namespace {

using glow::testing::put;
using glow::testing::tar_end;
using glow::testing::tar_member;
using glow::testing::TemporaryDirectory;
using glow::testing::zip_archive;
using glow::testing::zip_deflated;

bool every(std::string_view) { return true; }

TEST(ArchiveNames, EndInAnyCase) {
  for (const char* name : {"a.tar", "b/c.ZIP", "train-0001.Tar", "x.png.zip"}) {
    EXPECT_TRUE(is_archive_name(name)) << name;
    EXPECT_FALSE(is_compressed_tar_name(name)) << name;
  }
  for (const char* name : {"a.tar.gz", "A.TGZ", "a.tar.bz2", "a.tbz2", "a.tar.xz", "a.txz", "a.tar.zst", "a.tar.lz4"}) {
    EXPECT_TRUE(is_compressed_tar_name(name)) << name;
    EXPECT_FALSE(is_archive_name(name)) << name;
  }
  for (const char* name : {"tar", "zip", "a.tar/b", "a.gz", "a.png", "", "a.zip.part"}) {
    EXPECT_FALSE(is_archive_name(name)) << name;
    EXPECT_FALSE(is_compressed_tar_name(name)) << name;
  }
}

/// The content of a member that several archives below have.
std::string content_of(int member) {
  std::string content;
  for (int i = 0; i < member * 97; ++i) content += static_cast<char>('a' + (i * member) % 23);
  return content;
}

constexpr int kMembers = 60;

std::string as_tar() {
  std::string bytes;
  for (int i = 0; i < kMembers; ++i) bytes += tar_member(std::to_string(i), content_of(i));
  return bytes + tar_end();
}

std::string as_zip() {
  std::vector<testing::ZipMember> members;
  for (int i = 0; i < kMembers; ++i) members.push_back(zip_deflated(std::to_string(i), content_of(i)));
  return zip_archive(members);
}

TEST(Archive, TheContentDecidesTheFormat) {
  const TemporaryDirectory directory;
  put(directory / "tar.zip", as_tar());
  put(directory / "zip.tar", as_zip());
  put(directory / "letters.tar", tar_member("BZh9 is a name", "x") + tar_end());
  const auto first = [&](const char* name) {
    const RegularFile file(directory / name);
    return index_archive(file, every).at(0);
  };
  EXPECT_FALSE(first("tar.zip").place.has_crc);
  EXPECT_TRUE(first("zip.tar").place.has_crc);
  EXPECT_EQ(first("letters.tar").name, "BZh9 is a name");
}

TEST(Archive, ThreadsIndexAndReadOneFile) {
  const TemporaryDirectory directory;
  put(directory / "file.tar", as_tar());
  put(directory / "file.zip", as_zip());
  for (const char* name : {"file.tar", "file.zip"}) {
    const RegularFile file(directory / name);
    std::atomic<int> equal = 0;
    const auto work = [&](int thread) {
      const std::vector<Member> members = index_archive(file, every);
      for (int i = 0; i < kMembers; ++i) {
        const int k = (i * 7 + thread * 13) % kMembers;
        const Member& member = members.at(static_cast<std::size_t>(k));
        if (read_member(file, member.name, member.place) == content_of(k)) ++equal;
      }
    };
    constexpr int kThreads = 4;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(equal, kThreads * kMembers) << name;
    EXPECT_EQ(::lseek(file.descriptor(), 0, SEEK_CUR), 0) << name << ": the descriptor's position moved";
  }
}

}  // namespace
}  // namespace glow::io::archive_test
