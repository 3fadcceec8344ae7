#include "io/pickle.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>

#include "support/pickles.h"
#include "support/throws.h"

namespace glow::io::pickle_test {
namespace {

namespace pickles = glow::testing::pickles;
using glow::testing::throws;
using namespace std::string_literals;

using Integers = std::vector<std::int64_t>;
using Strings = std::vector<std::string_view>;

PickleDict read(std::string_view bytes) { return read_pickle_dict(bytes, "folder/file"); }

/// All of CIFAR-10's batches.meta as published (its MD5 is 5ff9c542aee3614f3951f8cda6e48888).
const std::string kMeta =
    "\x80\x02}q\x01(U\x13num_cases_per_batchq\x02M\x10'U\x0blabel_namesq\x03]q\x04(U\x08"
    "airplaneq\x05U\naut"
    "omobileq\x06U\x04"
    "birdq\x07U\x03"
    "catq\x08U\x04"
    "deerq\tU\x03"
    "dogq\nU\x04"
    "frogq\x0bU\x05horseq\x0c"
    "U\x04shipq\rU\x05truckq\x0e"
    "eU\x07num_visq\x0fM\x00\x0cu."s;

TEST(Pickle, ReadsTheClassNamesOfCifar10) {
  EXPECT_EQ(read(kMeta).strings("label_names"),
            (Strings{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}));
}

/// A batch of two images of three bytes, as Python 2.7 and numpy 1.16 write it with protocol 2.
const std::string kProtocol2 =
    "\x80\x02}q\x01(U\x0b"
    "batch_labelq\x02U\x15training batch 1 of 5q\x03U\x06labelsq\x04]q\x05(K\x06M,\x01J"
    "\xff\xff\xff\xff"
    "eU\x04"
    "dataq\x06"
    "cnumpy.core.multiarray\n_reconstruct\nq\x07"
    "cnumpy\nndarray\nq\x08"
    "K\x00\x85U\x01"
    "b\x87Rq\t(K\x01K\x02K\x03\x86"
    "cnumpy\ndtype\nq\nU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01"
    "|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06"
    "abcdeftbU\tfilenamesq\x0c]q\r(U\x05"
    "a.pngq\x0eh\x0e"
    "eu."s;

/// The same as Python 3.11 and numpy 2.4 write it with protocols 4 and 5.
const std::string kProtocol4 =
    "\x80\x04\x95\xf3\x00\x00\x00\x00\x00\x00\x00}\x94(C\x04"
    "data\x94\x8c\x16numpy._core.multiarray\x94\x8c\x0c"
    "_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94"
    "C\x01"
    "b\x94\x87\x94R\x94(K\x01K\x02K\x03\x86\x94h\x05\x8c\x05"
    "dtype\x94\x93\x94\x8c\x02u1\x94\x89\x88\x87\x94"
    "R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94"
    "b\x89"
    "C\x06"
    "abcdef\x94t\x94"
    "bC\x06labels\x94]\x94(K\x06M,\x01J\xff\xff\xff\xff"
    "eC\x0b"
    "batch_label\x94"
    "C\x15training batch 1 of 5\x94"
    "C\tfilenames\x94]\x94(C\x05"
    "a.png\x94h\x1c"
    "eu."s;
const std::string kProtocol5 =
    "\x80\x05\x95\xde\x00\x00\x00\x00\x00\x00\x00}\x94(C\x04"
    "data\x94\x8c\x13numpy._core.numeric\x94\x8c\x0b"
    "_frombuffer\x94\x93\x94(\x96\x06\x00\x00\x00\x00\x00\x00\x00"
    "abcdef\x94\x8c\x05numpy\x94\x8c\x05"
    "dtype\x94\x93\x94\x8c\x02u1\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
    "K\x00t\x94"
    "bK\x02K\x03\x86\x94\x8c\x01"
    "C\x94t\x94R\x94"
    "C\x06labels\x94]\x94(K\x06M,\x01J\xff\xff\xff"
    "\xff"
    "eC\x0b"
    "batch_label\x94"
    "C\x15training batch 1 of 5\x94"
    "C\tfilenames\x94]\x94(C\x05"
    "a.png\x94h\x18"
    "eu."s;

class PickleOfPython : public ::testing::TestWithParam<std::string> {};

TEST_P(PickleOfPython, HasItsValues) {
  const PickleDict dict = read(GetParam());
  const PickleArray array = dict.array("data");
  EXPECT_EQ(array.shape, (Integers{2, 3}));
  EXPECT_FALSE(array.is_fortran_order);
  EXPECT_EQ(array.bytes, "abcdef");
  EXPECT_EQ(dict.integers("labels"), (Integers{6, 300, -1}));
  EXPECT_EQ(dict.strings("filenames"), (Strings{"a.png", "a.png"}));
}

TEST_P(PickleOfPython, DoesNotCopyTheArray) {
  const std::string_view array = read(GetParam()).array("data").bytes;
  EXPECT_GE(array.data(), GetParam().data());
  EXPECT_LT(array.data(), GetParam().data() + GetParam().size());
}

TEST_P(PickleOfPython, IsRefusedWhenItEndsEarly) {
  for (std::size_t size = 0; size < GetParam().size(); ++size) {
    EXPECT_TRUE(throws<FormatError>([&] { read(GetParam().substr(0, size)); }, {"folder/file: ", "pickle"})) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Pickle, PickleOfPython, ::testing::Values(kProtocol2, kProtocol4, kProtocol5));

/// A dictionary with one list, of one object.
std::string with_item(const std::string& item) { return pickles::dict({{"key", pickles::list({item})}}); }

struct Number {
  std::string opcode;
  std::int64_t value;
};

class PickledNumber : public ::testing::TestWithParam<Number> {};

TEST_P(PickledNumber, IsRead) {
  EXPECT_EQ(read(with_item(GetParam().opcode)).integers("key"), Integers{GetParam().value});
}

INSTANTIATE_TEST_SUITE_P(Pickle, PickledNumber,
                         ::testing::Values(Number{"K\xff", 255}, Number{"M\xff\xff", 65535},
                                           Number{"J\xfe\xff\xff\xff", -2}, Number{"\x8a\x00"s, 0},
                                           Number{"\x8a\x02\x10\x27", 10000}, Number{"\x8a\x01\xff", -1},
                                           Number{"\x8a\x02\xff\x00"s, 255},
                                           Number{"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"s, INT64_MIN}));

TEST(Pickle, ReadsLongStringsAndSingleItems) {
  const std::string text(300, 'x');
  EXPECT_EQ(read(with_item(pickles::string(text))).strings("key"), Strings{text});
  EXPECT_EQ(read(with_item("X\x02\x00\x00\x00\xc3\xa9"s)).strings("key"), Strings{"\xc3\xa9"});
  const std::string one_by_one = "}" + pickles::string("key") + "]K\x01" + "aK\x02" + "as";
  EXPECT_EQ(read(pickles::file(one_by_one)).integers("key"), (Integers{1, 2}));
}

TEST(Pickle, ReadsEmptyValues) {
  const std::string bytes =
      pickles::dict({{"list", "]"}, {"none", "N"}, {"dict", "}"}, {"array", pickles::array(0, 3, "")}});
  const PickleDict dict = read(bytes);
  EXPECT_TRUE(dict.integers("list").empty());
  EXPECT_TRUE(dict.strings("list").empty());
  EXPECT_EQ(dict.array("array").shape, (Integers{0, 3}));
}

TEST(Pickle, ReadsFloatsThatNobodyAsksFor) {
  const std::string bytes = pickles::dict({{"mean", "G\x3f\xe0\0\0\0\0\0\0"s}, {"labels", pickles::integers({1})}});
  const PickleDict dict = read(bytes);
  EXPECT_EQ(dict.integers("labels"), Integers{1});
  EXPECT_TRUE(throws<FormatError>([&] { dict.integers("mean"); }, {"\"mean\" to be a list of integers"}));
}

TEST(Pickle, TellsTheOrderOfAnArray) {
  const std::string bytes = pickles::dict({{"key", pickles::array(2, 3, "abcdef", {.is_fortran_order = "\x88"})}});
  const PickleDict dict = read(bytes);
  EXPECT_TRUE(dict.array("key").is_fortran_order);
}

TEST(Pickle, UsesTheLastValueOfAKey) {
  const std::string bytes =
      pickles::dict({{"key", "N"}, {"key", pickles::integers({1})}, {"other", pickles::integers({2})}});
  const PickleDict dict = read(bytes);
  EXPECT_EQ(dict.integers("key"), Integers{1});
}

TEST(Pickle, NamesKeyAndTypeOfAnotherValue) {
  const std::string bytes = pickles::dict(
      {{"numbers", pickles::integers({1})}, {"texts", pickles::strings({"a"})}, {"mixed", "](K\x01Ne"}, {"none", "N"}});
  const PickleDict dict = read(bytes);
  for (const char* key : {"texts", "mixed", "none"}) {
    EXPECT_TRUE(throws<FormatError>([&] { dict.integers(key); }, {"folder/file: ", key, "a list of integers"}));
  }
  for (const char* key : {"numbers", "mixed", "none"}) {
    EXPECT_TRUE(throws<FormatError>([&] { dict.strings(key); }, {"folder/file: ", key, "a list of strings"}));
    EXPECT_TRUE(throws<FormatError>([&] { dict.array(key); }, {"folder/file: ", key, "an array of bytes"}));
  }
  EXPECT_TRUE(throws<FormatError>([&] { dict.array("data"); }, {"folder/file: ", "the key \"data\""}));
}

TEST(Pickle, ReleasesCyclesAndDeepNesting) {
  // A list and a dictionary that contain themselves, and a list in a list in a list ...
  const int kDepth = 100000;
  const std::string self = pickles::string("self") + "]q\x02h\x02" + "a";
  const std::string deep = pickles::string("deep") + std::string(kDepth, ']') + std::string(kDepth - 1, 'a');
  const std::string bytes = pickles::file("}q\x01(" + self + pickles::string("dict") + "h\x01" + deep + 'u');
  const PickleDict dict = read(bytes);
  EXPECT_TRUE(throws<FormatError>([&] { dict.integers("self"); }, {"\"self\" to be a list of integers"}));
  EXPECT_TRUE(throws<FormatError>([&] { dict.integers("deep"); }, {"\"deep\" to be a list of integers"}));
}

struct BadPickle {
  std::string name;
  std::string bytes;
  std::string problem;
};

class InvalidPickle : public ::testing::TestWithParam<BadPickle> {};

TEST_P(InvalidPickle, IsRefused) {
  EXPECT_TRUE(throws<FormatError>([&] { read(GetParam().bytes); }, {"folder/file: ", GetParam().problem}));
}

const auto kPickleName = [](const auto& test) { return test.param.name; };

INSTANTIATE_TEST_SUITE_P(
    Code, InvalidPickle,
    ::testing::Values(BadPickle{"System", pickles::file("cos\nsystem\n(U\x02lstR"),
                                "byte 2: expected numbers, strings, lists and "
                                "arrays of bytes, has \"os.system\""},
                      BadPickle{"SystemOfPython3", "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.",
                                "byte 17: expected numbers, strings, lists and arrays of bytes, has \"posix.system\""},
                      BadPickle{"NameInAnotherModule", with_item("cos\ndtype\n"), "\"os.dtype\""},
                      BadPickle{"BytesOfProtocol2FromPython3", with_item("c_codecs\nencode\n"), "\"_codecs.encode\""},
                      BadPickle{"Instance", pickles::file("(ios\nsystem\n"), "byte 3: unsupported opcode 0x69"},
                      BadPickle{"Object", pickles::file(")\x81"), "byte 3: unsupported opcode 0x81"},
                      BadPickle{"PersistentObject", pickles::file("Pname\n"), "byte 2: unsupported opcode 0x50"},
                      BadPickle{"PersistentObjectOnTheStack", pickles::file("NQ"), "byte 3: unsupported opcode 0x51"},
                      BadPickle{"CallOfANumber", with_item("K\x01)R"), "expected the call of an array"},
                      BadPickle{"CallOfAClass", with_item("cnumpy\nndarray\n)R"), "expected the call of an array"},
                      BadPickle{"CallWithoutTuple", with_item("cnumpy\ndtype\nNR"), "expected a tuple"}),
    kPickleName);

INSTANTIATE_TEST_SUITE_P(
    Bytes, InvalidPickle,
    ::testing::Values(BadPickle{"Empty", "", "expected a pickle of protocol 2 to 5"},
                      BadPickle{"Protocol0", "(dp1\nS'key'\nI1\ns.", "expected a pickle of protocol 2 to 5"},
                      BadPickle{"Protocol6", "\x80\x06}.", "expected a pickle of protocol 2 to 5"},
                      BadPickle{"BytesAfterTheEnd", pickles::file("}") + "}", "bytes follow the end"},
                      BadPickle{"NoDictionary", pickles::file("]"), "expected a dictionary"},
                      BadPickle{"Nothing", pickles::file(""), "too few objects"},
                      BadPickle{"ObjectsAreLeft", pickles::file("N}"), "objects are left"},
                      BadPickle{"MarkIsLeft", pickles::file("}("), "too few objects"},
                      BadPickle{"MarkBelow", pickles::file("(}"), "objects are left"},
                      BadPickle{"HugeString", pickles::file("T\xff\xff\xff\xff"), "ends early"},
                      BadPickle{"CutFloat", pickles::file("G\x3f\xe0"), "ends early"},
                      BadPickle{"HugeByteArray", pickles::file("\x96\xff\xff\xff\xff\xff\xff\xff\xff"), "ends early"},
                      BadPickle{"LongOf9Bytes", with_item("\x8a\x09" + std::string(9, '\0')), "more than 64 bits"},
                      BadPickle{"UnknownMemo", with_item("h\x01"), "the memo has no index 1"},
                      BadPickle{"UnknownLongMemo", with_item("Nq\x05j\xff\xff\xff\xff"), "has no index 4294967295"},
                      BadPickle{"UnusedMemo", with_item("Nq\x05h\x04"), "the memo has no index 4"},
                      BadPickle{"HugeMemo", with_item("Nr\xff\xff\xff\xff"), "the memo has no index 4294967295"},
                      BadPickle{"MemoOfNothing", pickles::file("q\x01"), "too few objects"}),
    kPickleName);

INSTANTIATE_TEST_SUITE_P(
    Objects, InvalidPickle,
    ::testing::Values(BadPickle{"NoMark", pickles::file("e"), "no mark"},
                      BadPickle{"AppendToNothing", pickles::file("Na"), "too few objects"},
                      BadPickle{"AppendToATuple", pickles::file(")Na"), "expected a list"},
                      BadPickle{"AppendToADictionary", pickles::file("}(Ne"), "expected a list"},
                      BadPickle{"ItemOfAList", pickles::file("]NNs"), "expected a dictionary"},
                      BadPickle{"KeyWithoutValue", pickles::file("}(Nu"), "a key has no value"},
                      BadPickle{"TupleAcrossAMark", pickles::file("N(N\x86"), "too few objects"},
                      BadPickle{"GlobalOfNumbers", pickles::file("K\x01K\x02\x93"), "expected a string"},
                      BadPickle{"TooManyMarks", pickles::file(std::string(65, '(')), "more than 64 marks"},
                      BadPickle{"TooManyObjects", pickles::file(std::string((1 << 20) + 1, 'N')),
                                "byte 1048578: more than 1048576 objects"},
                      BadPickle{"TooManyReferences", pickles::file("Nq\x01" + pickles::repeat("h\x01", 1 << 20)),
                                "more than 1048576 objects"}),
    kPickleName);

BadPickle bad_array(const std::string& name, const std::string& array, const std::string& problem) {
  return {name, pickles::dict({{"key", array}}), problem};
}

INSTANTIATE_TEST_SUITE_P(
    Arrays, InvalidPickle,
    ::testing::Values(
        bad_array("Floats", pickles::array(1, 1, "abcd", {.dtype = "f4"}), "dtype \"u1\", has \"f4\""),
        bad_array("Objects", pickles::array(1, 1, "a", {.dtype = "O8"}), "dtype \"u1\", has \"O8\""),
        bad_array("TooFewBytes", pickles::array(2, 3, "abcde"), "an array of shape [2,3], has 5 bytes"),
        bad_array("TooManyBytes", pickles::array(2, 3, "abcdefg"), "an array of shape [2,3], has 7 bytes"),
        bad_array("Negative", pickles::array(-2, -3, "abcdef"), "an array of shape [-2,-3]"),
        bad_array("Overflow", pickles::array("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40K\x04\x86"s, ""), "has 0 bytes"),
        bad_array("ShapeOfStrings",
                  pickles::array("U\x01"
                                 "2\x85",
                                 "ab"),
                  "a shape of integers"),
        bad_array("ShapeIsANumber", pickles::array("K\x02", "ab"), "expected a tuple"),
        bad_array("TooManyDimensions", pickles::array('(' + pickles::repeat("K\x01", 65) + 't', "a"),
                  "expected a tuple"),
        bad_array("OrderIsANumber", pickles::array(1, 1, "a", {.is_fortran_order = "K\x01"}), "in Fortran order"),
        bad_array("OneValueTooMany", pickles::array(1, 1, "a", {.is_fortran_order = "\x89N"}), "expected the state"),
        bad_array("DtypeIsAString",
                  "cnumpy._core.numeric\n_frombuffer\n(U\x01"
                  "aU\x02u1K\x01\x85U\x01"
                  "CtR",
                  "an array with a dtype"),
        bad_array("StateTwice", pickles::array(1, 1, "a") + "(tb", "expected the state"),
        bad_array("NotBuilt", "cnumpy\nndarray\n(K\x01tb", "expected the state")),
    kPickleName);

TEST(Pickle, RefusesADtypeWithFields) {
  // dtype('u1').__setstate__ with the fields of a record.
  const std::string record =
      "cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NU\x01"
      "a}K\x01K\x01K\x00tb"s;
  EXPECT_TRUE(throws<FormatError>([&] { read(with_item(record)); }, {"expected the state of an array"}));
}

TEST(Pickle, RefusesAnArrayOfText) {
  // Text is UTF-8, so that its bytes are not those of the array.
  std::string bytes = kProtocol4;
  bytes.replace(bytes.find("C\x06"
                           "abcdef"),
                1, "\x8c");
  EXPECT_TRUE(throws<FormatError>([&] { read(bytes); }, {"an array with a string of bytes"}));
}

}  // namespace
}  // namespace glow::io::pickle_test
