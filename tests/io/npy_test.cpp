#include <glow/io/npy.h>

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::io::npy_test {
namespace {

using glow::testing::count_files;
using glow::testing::get;
using glow::testing::little_endian;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

using Shape = std::vector<std::int64_t>;

/// The bytes of an .npy file with any header.
std::string npy(const std::string& header, const std::string& data, int version = 1) {
  return "\x93NUMPY" + std::string{static_cast<char>(version), '\0'} +
         little_endian(header.size(), version == 1 ? 2 : 4) + header + data;
}

struct Array {
  std::string dtype;
  Shape shape;
  std::size_t size;
};

class NpyRoundTrip : public ::testing::TestWithParam<Array> {};

TEST_P(NpyRoundTrip, PreservesTheArray) {
  const TemporaryDirectory directory;
  const std::string data(GetParam().size, '\x5a');
  write_npy(directory / "file.npy", GetParam().dtype, GetParam().shape, data);
  const NpyReader reader(directory / "file.npy");
  EXPECT_EQ(reader.dtype(), GetParam().dtype);
  EXPECT_EQ(reader.shape(), GetParam().shape);
  EXPECT_EQ(reader.data(), data);
}

INSTANTIATE_TEST_SUITE_P(Npy, NpyRoundTrip,
                         ::testing::Values(Array{"|u1", {2, 3, 5, 3}, 90}, Array{"<f4", {7, 3}, 84},
                                           Array{"<f8", {5}, 40}, Array{"<i8", {}, 8}, Array{"<f4", {0, 4}, 0}));

TEST(Npy, EqualsTheFileOfNumpy) {
  const TemporaryDirectory directory;
  write_npy(directory / "file.npy", "<i8", {1}, "\x07" + std::string(7, '\0'));
  const std::string header = "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }";
  const std::string expected =
      npy(header + std::string(128 - 10 - header.size() - 1, ' ') + '\n', "\x07" + std::string(7, '\0'));
  EXPECT_EQ(get(directory / "file.npy"), expected);
}

TEST(Npy, PiecewiseWritingGivesTheSameFile) {
  const TemporaryDirectory directory;
  write_npy(directory / "whole.npy", "<u2", {4}, "abcdefgh");
  NpyWriter writer(directory / "pieces.npy", "<u2", {4});
  for (const char* piece : {"abc", "", "defg", "h"}) writer.write(piece);
  EXPECT_EQ(count_files(directory.path()), 2u);
  EXPECT_FALSE(std::filesystem::exists(directory / "pieces.npy"));
  writer.finish();
  EXPECT_EQ(get(directory / "pieces.npy"), get(directory / "whole.npy"));
}

TEST(Npy, RefusesTooManyOrTooFewBytes) {
  const TemporaryDirectory directory;
  const auto path = directory / "file.npy";
  {
    NpyWriter writer(path, "<u2", {4});
    writer.write("abc");
    EXPECT_TRUE(throws<FormatError>([&] { writer.write("defghi"); }, {path.string(), "9 bytes", "[4]"}));
    EXPECT_TRUE(throws<FormatError>([&] { writer.finish(); }, {path.string(), "3 bytes", "[4]"}));
  }
  EXPECT_EQ(count_files(directory.path()), 0u);
}

struct Header {
  std::string name;
  std::string text;
  int version = 1;
};

class ValidNpy : public ::testing::TestWithParam<Header> {};

TEST_P(ValidNpy, IsReadAsTwoByThreeBytes) {
  const TemporaryDirectory directory;
  put(directory / "file", npy(GetParam().text, "abcdef", GetParam().version));
  const NpyReader reader(directory / "file");
  EXPECT_EQ(reader.dtype(), "|u1");
  EXPECT_EQ(reader.shape(), (Shape{2, 3}));
  EXPECT_EQ(reader.data(), "abcdef");
}

INSTANTIATE_TEST_SUITE_P(
    Npy, ValidNpy,
    ::testing::Values(Header{"Plain", "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }  \n"},
                      Header{"Version2", "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", 2},
                      Header{"Version3", "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", 3},
                      Header{"Python2", "{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 3L), }  \n"},
                      Header{"OtherKeyOrder", "{'shape': (2, 3), 'descr': '|u1', 'fortran_order': False}"},
                      Header{"OtherQuotesAndSpaces", "{\"shape\":(2,3,),\"fortran_order\":False,\"descr\":\"|u1\"}"},
                      Header{"ByteWithEndianness", "{'descr': '<u1', 'fortran_order': False, 'shape': (2, 3)}"}),
    [](const auto& test) { return test.param.name; });

struct BadFile {
  std::string name;
  std::string bytes;
  std::string reason;
};

class InvalidNpy : public ::testing::TestWithParam<BadFile> {};

TEST_P(InvalidNpy, IsRefused) {
  const TemporaryDirectory directory;
  put(directory / "file", GetParam().bytes);
  EXPECT_TRUE(throws<FormatError>([&] { NpyReader reader(directory / "file"); },
                                  {(directory / "file").string() + ": ", GetParam().reason}));
}

/// A file of six bytes, with these texts in the header.
BadFile six_bytes(const std::string& name, const std::string& descr, const std::string& shape,
                  const std::string& reason) {
  return {name, npy("{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + "}", "abcdef"), reason};
}

INSTANTIATE_TEST_SUITE_P(Shape, InvalidNpy,
                         ::testing::Values(six_bytes("TooFewBytes", "'|u1'", "(7,)", "shape [7], found 6 bytes"),
                                           six_bytes("TrailingBytes", "'|u1'", "(5,)", "shape [5], found 6 bytes"),
                                           six_bytes("TooFewBytesForElementSize", "'<f4'", "(6,)", "found 6 bytes"),
                                           six_bytes("Overflow", "'<f4'", "(4611686018427387904, 4)", "found 6 bytes"),
                                           six_bytes("BeyondInt64", "'|u1'", "(9223372036854775808,)",
                                                     "expected a dimension"),
                                           six_bytes("Negative", "'|u1'", "(-2, -3)", "expected a dimension"),
                                           six_bytes("Fraction", "'|u1'", "(6.0,)", "expected \")\""),
                                           six_bytes("Unclosed", "'|u1'", "(6", "expected \")\""),
                                           six_bytes("List", "'|u1'", "[6]", "expected \"(\"")),
                         [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(Type, InvalidNpy,
                         ::testing::Values(six_bytes("Object", "'|O'", "(6,)", "dtype \"|O\""),
                                           six_bytes("BigEndian", "'>f4'", "(6,)", "dtype \">f4\""),
                                           six_bytes("Complex", "'<c8'", "(6,)", "dtype \"<c8\""),
                                           six_bytes("Text", "'<U1'", "(6,)", "dtype \"|U1\""),
                                           six_bytes("ControlCharacters", "'\n\xff'", "(6,)", "dtype \"\\n\\ufffd\""),
                                           six_bytes("Record", "[('a', '<f4')]", "(6,)", "its elements are records"),
                                           six_bytes("Unquoted", "u1", "(6,)", "npy header: expected")),
                         [](const auto& test) { return test.param.name; });

const std::string kWhole = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (6,)}", "abcdef");

INSTANTIATE_TEST_SUITE_P(
    Header, InvalidNpy,
    ::testing::Values(
        BadFile{"Empty", "", "expected an npy file, is an empty file"},
        BadFile{"WrongMagic", "\x93NUMPX\x01", "expected an npy file, is not one"},
        BadFile{"Version4", npy("{}", "", 4), "not of npy version"},
        BadFile{"OnlyMagic", kWhole.substr(0, 6), "not of npy version"},
        BadFile{"MissingHeaderLength", kWhole.substr(0, 9), "the npy header ends early"},
        BadFile{"TruncatedHeader", kWhole.substr(0, 20), "the npy header ends early"},
        BadFile{"HugeHeader", "\x93NUMPY\x02" + std::string(1, '\0') + "\xff\xff\xff\xff{}", "ends early"},
        BadFile{"MissingDictionary", npy("", "abcdef"), "npy header: expected"},
        BadFile{"FortranOrder", npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", "abcdef"),
                "in Fortran order"},
        BadFile{"InvalidBoolean", npy("{'descr': '|u1', 'fortran_order': 0, 'shape': (2, 3)}", "abcdef"),
                "expected \"False\""},
        BadFile{"MissingKey", npy("{'descr': '|u1', 'shape': (6,)}", "abcdef"), "expected the keys"},
        BadFile{"UnknownKey", npy("{'descr': '|u1', 'colour': 'red'}", "abcdef"), "unknown key \"colour\""},
        BadFile{"DuplicateKey", npy("{'descr': '|u1', 'descr': '<f4'}", "abcdef"), "\"descr\" appears twice"},
        BadFile{"UnterminatedString", npy("{'descr': '|u1", "abcdef"), "a string has no end"},
        BadFile{"TrailingText", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (6,)} x", "abcdef"),
                "text follows"}),
    [](const auto& test) { return test.param.name; });

TEST(Npy, RefusesImpossibleDtypesAndShapes) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory / "file.npy";
  EXPECT_TRUE(throws<FormatError>([&] { write_npy(path, "<f4", {2, 3}, "abc"); }, {path.string(), "3 bytes", "[2,3]"}));
  EXPECT_TRUE(throws<FormatError>([&] { write_npy(path, ">f4", {1}, "abcd"); }, {path.string(), "\">f4\""}));
  EXPECT_TRUE(throws<FormatError>([&] { write_npy(path, "|u1", {-1, -1}, "a"); }, {path.string(), "[-1,-1]"}));
  EXPECT_EQ(count_files(directory.path()), 0);
}

}  // namespace
}  // namespace glow::io::npy_test
