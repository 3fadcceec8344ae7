#include "io/file_kind.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/files.h"

namespace glow::io::file_kind_test {
namespace {

using glow::testing::little_endian;
using namespace std::string_literals;

struct Known {
  std::string start;
  std::string sentence;
};

// The first bytes of files that other programs made. tests/images/check_sources.py has whole files of Python's
// programs.
const std::vector<Known> kKnown = {
    {"", "is an empty file"},
    {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 132735\n",
     "is a pointer of Git LFS: `git lfs pull` fetches the file"},
    {"/annex/objects/SHA256E-s1048576--3a4f.png\n", "is a pointer of git-annex: `git annex get` fetches the file"},
    {"\n<!DOCTYPE html>\n<html lang=\"en\">", "is an HTML page: probably the error page of a download"},
    {"<HTML><HEAD><TITLE>404", "is an HTML page: probably the error page of a download"},
    {"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>",
     "is an XML text: probably the error of a download"},
    {"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\">", "is an SVG image"},
    {"{\"message\": \"Not Found\"}", "is a JSON text"},
    {"\xef\xbb\xbfname,age\r\n", "is a text that begins with \"name,age\""},
    {"404: Not Found", "is a text that begins with \"404: Not Found\""},
    {"\xff\xfen\0a\0"s, "is a text in UTF-16: save it as UTF-8"},
    {"\x1f\x8b\x08\0\0\0\0\0\0\x03"s, "is compressed data (gzip): unpack it first"},
    {"7z\xbc\xaf\x27\x1c\0\x04"s, "is compressed data (7-Zip): unpack it first"},
    {"\x80\x02}q\x01X\x04\0\0\0dataq"s, "is a pickle"},
    {"\x80\x04\x95\x10\0\0\0\0\0\0\0"s, "is a pickle"},
    {"(dp0\nS'data'\n", "is a pickle of protocol 0: pickle it with protocol 2 to 5"},
    {"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."s,
     "is a PyTorch file (.pt, .pth): save its tensors with numpy or safetensors"},
    {"PK\x03\x04"s + std::string(22, '\0') + little_endian(16, 2) + little_endian(0, 2) + "archive/data.pkl",
     "is a PyTorch file (.pt, .pth): save its tensors with numpy or safetensors"},
    {"PK\x03\x04"s + std::string(22, '\0') + little_endian(10, 2) + little_endian(0, 2) + "jit/data/0",
     "is a PyTorch file (.pt, .pth): save its tensors with numpy or safetensors"},  // a TorchScript
    {"PK\x03\x04"s + std::string(22, '\0') + little_endian(8, 2) + little_endian(0, 2) + "data.npy",
     "is an .npz file of NumPy"},
    {"PK\x03\x04"s + std::string(22, '\0') + little_endian(19, 2) + little_endian(0, 2) + "[Content_Types].xml",
     "is an Office document: save it as CSV"},
    {"PK\x03\x04"s + std::string(22, '\0') + little_endian(9, 2) + little_endian(0, 2) + "faces/a.p", "is a zip file"},
    {"PK\x05\x06"s + std::string(18, '\0'), "is a zip file"},
    {"\x93NUMPY\x01\0"s, "is a NumPy array (.npy)"},
    {"\x89PNG\r\n\x1a\n", "is a PNG image"},
    {"\xff\xd8\xff\xe0", "is a JPEG image"},
    {"RIFF\x10\0\0\0WEBPVP8 "s, "is a WebP image"},
    {"GIF89a\x08\0"s, "is a GIF image"},
    {"\0\0\0\x18"
     "ftypmp42\0\0\0\0mp42isom"s,
     "is a video or another media file (ISO base media)"},
    {"\x89HDF\r\n\x1a\n", "is an HDF5 file"},
    {"MATLAB 5.0 MAT-file, Platform: GLNXA64", "is a MATLAB file"},
    {"PAR1\x15\x04", "is a Parquet file"},
    {"\0\0\x08\x03\0\0\xea\x60"s, "is an idx file (as those of MNIST)"},
    {std::string(16, '\0') + little_endian(0xbeefc0de, 4), "is an LMDB environment"},
    {little_endian(2, 8) + "{}", "is a safetensors file"},
    {little_endian(90, 8) + R"({"__metadata__":{"format":"glow-checkpoint"},"t":{)",
     "is a checkpoint of glow-train (safetensors)"},
    {little_endian(90, 8) + R"({"__metadata__":{"format":"pt"},"t":{)", "is a safetensors file"},
    {"\x7f"
     "ELF\x02",
     "is a program or library (ELF)"},
};

TEST(FileKind, IsNamedWithTheWayOut) {
  for (const auto& [start, sentence] : kKnown) {
    EXPECT_EQ(other_kind("dir/file", "a directory of wishes", start).what(),
              "dir/file: expected a directory of wishes, " + sentence);
  }
}

TEST(FileKind, IsUnknownForOtherBytes) {
  for (const std::string& start : {"\x01\x02\x03"s, std::string(600, '\0'), "\x80"s, "\x80\x02"s, "\x93NUM"s,
                                   "\xff\xd8"s, "BM"s + std::string(30, '\x01'), little_endian(100'000'001, 8) + "{"}) {
    EXPECT_EQ(identify_file(start).name, "") << start;
    EXPECT_STREQ(other_kind("f", "a list", start).what(), "f: expected a list, is not one");
  }
}

TEST(FileKind, ReadsNoByteBeyondTheStart) {
  // With the address sanitizer; every prefix in memory of its own size.
  for (const auto& known : kKnown) {
    for (std::size_t size = 0; size < known.start.size(); ++size) {
      const std::vector<char> prefix(known.start.begin(), known.start.begin() + static_cast<std::ptrdiff_t>(size));
      identify_file({prefix.data(), prefix.size()});
    }
  }
}

}  // namespace
}  // namespace glow::io::file_kind_test
