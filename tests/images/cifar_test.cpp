#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/images/source.h>

#include "support/archives.h"
#include "support/files.h"
#include "support/gzip.h"
#include "support/pickles.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::images::cifar_test {
namespace {

namespace fs = std::filesystem;
namespace pickles = glow::testing::pickles;
using glow::testing::get;
using glow::testing::gzip;
using glow::testing::put;
using glow::testing::tar_end;
using glow::testing::tar_member;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

constexpr int kPlane = 32 * 32;

/// Pixel p has the colour (first + p, first + p + 1, first + p + 2), each modulo 256.
struct Picture {
  int label;
  int first;
};
using Pictures = std::vector<Picture>;

std::string planes(const Picture& picture) {
  std::string bytes;
  for (int channel = 0; channel < 3; ++channel) {
    for (int pixel = 0; pixel < kPlane; ++pixel) bytes += static_cast<char>(picture.first + pixel + channel);
  }
  return bytes;
}

/// A file of the binary version; in CIFAR-100's a coarse label, here 19, comes first.
std::string binary(const Pictures& pictures, bool has_coarse_labels) {
  std::string bytes;
  for (const Picture& picture : pictures) {
    bytes += (has_coarse_labels ? "\x13" : "") + std::string(1, static_cast<char>(picture.label)) + planes(picture);
  }
  return bytes;
}

std::string array(const Pictures& pictures) {
  std::string bytes;
  for (const Picture& picture : pictures) bytes += planes(picture);
  return pickles::array(static_cast<std::int64_t>(pictures.size()), 3 * kPlane, bytes);
}

std::string integers(const Pictures& pictures) {
  std::vector<std::int64_t> labels;
  for (const Picture& picture : pictures) labels.push_back(picture.label);
  return pickles::integers(labels);
}

/// A file of the Python version.
std::string python(const Pictures& pictures, bool has_coarse_labels) {
  const std::vector<std::string> names(pictures.size(), "a.png");
  if (!has_coarse_labels) {
    return pickles::dict({{"batch_label", pickles::string("training batch 1 of 5")},
                          {"labels", integers(pictures)},
                          {"data", array(pictures)},
                          {"filenames", pickles::strings(names)}});
  }
  return pickles::dict({{"data", array(pictures)},
                        {"filenames", pickles::strings(names)},
                        {"fine_labels", integers(pictures)},
                        {"coarse_labels", integers(Pictures(pictures.size(), {19, 0}))}});
}

/// Names and contents of the files of a version.
struct Version {
  std::string folder;
  std::vector<std::pair<std::string, std::string>> files;
};

/// A small data set in both versions.
struct Example {
  std::string kind;
  Pictures train;
  Pictures test;
  Version binary;
  Version python;
};

const std::vector<std::string> kClassNames{"cat", "dog", "tree"};

Example cifar10() {
  const std::vector<Pictures> batches{
      {{1, 1}, {0, 7}}, {{2, 20}}, {{0, 30}, {1, 31}, {2, 32}}, {{1, 40}}, {{0, 50}, {2, 51}}};
  Example example{"cifar10", {}, {{1, 100}}, {"cifar-10-batches-bin", {}}, {"cifar-10-batches-py", {}}};
  for (std::size_t i = 0; i < batches.size(); ++i) {
    example.train.insert(example.train.end(), batches[i].begin(), batches[i].end());
    const std::string name = "data_batch_" + std::to_string(i + 1);
    example.binary.files.emplace_back(name + ".bin", binary(batches[i], false));
    example.python.files.emplace_back(name, python(batches[i], false));
  }
  example.binary.files.emplace_back("test_batch.bin", binary(example.test, false));
  example.python.files.emplace_back("test_batch", python(example.test, false));
  example.binary.files.emplace_back("batches.meta.txt", "cat\r\ndog\ntree\n\n");
  example.python.files.emplace_back("batches.meta", pickles::dict({{"num_cases_per_batch", "M\x10\x27"},
                                                                   {"label_names", pickles::strings(kClassNames)},
                                                                   {"num_vis", pickles::integer(3072)}}));
  return example;
}

Example cifar100() {
  const Pictures train{{2, 1}, {0, 7}, {1, 200}}, test{{1, 100}, {2, 50}};
  return {"cifar100",
          train,
          test,
          {"cifar-100-binary",
           {{"train.bin", binary(train, true)},
            {"test.bin", binary(test, true)},
            {"fine_label_names.txt", "cat\ndog\ntree\n"},
            {"coarse_label_names.txt", "animals\nplants\n"}}},
          {"cifar-100-python",
           {{"train", python(train, true)},
            {"test", python(test, true)},
            {"meta", pickles::dict({{"fine_label_names", pickles::strings(kClassNames)},
                                    {"coarse_label_names", pickles::strings({"animals", "plants"})}})}}}};
}

Example example_of(const std::string& kind) { return kind == "cifar10" ? cifar10() : cifar100(); }

/// The members of a version, in an order unlike that of the images, as in the published archives.
std::string tar_members(const Version& version) {
  std::string members = tar_member(version.folder + "/", "", '5');
  for (auto file = version.files.rbegin(); file != version.files.rend(); ++file) {
    members += tar_member(version.folder + "/" + file->first, file->second);
    members += tar_member(version.folder + "/readme.html", "<html>");
  }
  return members;
}

fs::path put_folder(const fs::path& folder, const Version& version) {
  fs::create_directories(folder);
  for (const auto& [name, content] : version.files) put(folder / name, content);
  return folder;
}

/// Writes a version in a form; returns the path for open_data_set.
fs::path put_as(const std::string& form, const fs::path& directory, const Version& version) {
  if (form == "Folder") return put_folder(directory / "files", version);
  if (form == "FolderAbove") return put_folder(directory / version.folder, version).parent_path();
  const fs::path archive = directory / (form == "Tar" ? "data.tar" : "data.tar.gz");
  const std::string tar = tar_members(version) + tar_end();
  put(archive, form == "Tar" ? tar : gzip(tar));
  return archive;
}

void expect_pictures(const ImageSource& source, const Pictures& pictures) {
  ASSERT_EQ(source.size(), static_cast<std::int64_t>(pictures.size()));
  EXPECT_EQ(source.common_shape(), (io::ImageShape{32, 32, 3}));
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    EXPECT_EQ(source.label(index), pictures[i].label) << i;
    const io::Image image = source.image(index);
    for (int pixel = 0; pixel < kPlane; ++pixel) {
      for (int channel = 0; channel < 3; ++channel) {
        ASSERT_EQ(image.pixels[3 * pixel + channel], static_cast<std::uint8_t>(pictures[i].first + pixel + channel));
      }
    }
  }
}

class CifarVersions : public ::testing::TestWithParam<std::tuple<std::string, std::string, std::string>> {};

TEST_P(CifarVersions, HaveTheSameImagesInTheSameOrder) {
  const auto& [kind, version, form] = GetParam();
  const TemporaryDirectory directory;
  const Example example = example_of(kind);
  const fs::path path = put_as(form, directory.path(), version == "Binary" ? example.binary : example.python);
  const DataSet set = open_data_set(kind + ":" + path.string());
  EXPECT_EQ(set.class_names, kClassNames);
  EXPECT_EQ(set.valid, nullptr);
  expect_pictures(*set.train, example.train);
  expect_pictures(*set.test, example.test);
  const fs::path plain = put_folder(directory / "plain", example.binary);
  EXPECT_EQ(fingerprint(set), fingerprint(open_data_set(kind + ":" + plain.string())));
}

INSTANTIATE_TEST_SUITE_P(Cifar, CifarVersions,
                         ::testing::Combine(::testing::Values("cifar10", "cifar100"),
                                            ::testing::Values("Binary", "Python"),
                                            ::testing::Values("Folder", "FolderAbove", "Tar", "TarGz")),
                         [](const auto& test) {
                           return std::get<0>(test.param) + std::get<1>(test.param) + std::get<2>(test.param);
                         });

class CifarTest : public ::testing::Test {
 protected:
  DataSet open(const std::string& kind, const std::string& name) const {
    return open_data_set(kind + ":" + (directory_ / name).string());
  }

  TemporaryDirectory directory_;
};

TEST_F(CifarTest, ReadsArraysInFortranOrder) {
  put_folder(directory_ / "files", cifar10().python);
  const Pictures pictures{{1, 5}, {2, 90}};
  const std::string first = planes(pictures[0]), second = planes(pictures[1]);
  std::string bytes;
  for (std::size_t i = 0; i < first.size(); ++i) bytes += {first[i], second[i]};
  put(directory_ / "files/test_batch",
      pickles::dict({{"data", pickles::array(2, 3 * kPlane, bytes, {.is_fortran_order = "\x88"})},
                     {"labels", pickles::integers({1, 2})}}));
  expect_pictures(*open("cifar10", "files").test, pictures);
}

TEST_F(CifarTest, IgnoresFoldersWithTheNamesOfFiles) {
  // The folders of pictures that were made of the binary version.
  put_folder(directory_ / "files", cifar100().binary);
  fs::create_directories(directory_ / "files/train");
  fs::create_directories(directory_ / "files/test");
  EXPECT_EQ(open("cifar100", "files").train->size(), 3);
}

TEST_F(CifarTest, NamesTheSourceOfAnImage) {
  put_as("Tar", directory_.path(), cifar100().python);
  EXPECT_EQ(open("cifar100", "data.tar").test->name(1),
            "image 1 of " + (directory_ / "data.tar/cifar-100-python/test").string());
  put_as("Tar", directory_.path(), cifar10().binary);
  EXPECT_EQ(open("cifar10", "data.tar").train->name(8),
            "image 8 of " + (directory_ / "data.tar/cifar-10-batches-bin").string());
}

TEST_F(CifarTest, NamesTheMissingFile) {
  put_folder(directory_ / "files", cifar10().binary);
  fs::remove(directory_ / "files/data_batch_3.bin");
  EXPECT_TRUE(throws<IoError>([&] { open("cifar10", "files"); }, {"files/data_batch_3.bin", "No such file"}));
}

/// The published names are in alphabetical order.
TEST_P(CifarVersions, HaveThePublishedClassNamesWithoutTheFileOfThem) {
  const auto& [kind, version_name, form] = GetParam();
  const TemporaryDirectory directory;
  const Example example = example_of(kind);
  Version version = version_name == "Binary" ? example.binary : example.python;
  std::erase_if(version.files, [](const auto& file) {
    return file.first.find("meta") != std::string::npos || file.first.find("label_names") != std::string::npos;
  });
  const DataSet set = open_data_set(kind + ":" + put_as(form, directory.path(), version).string());
  EXPECT_EQ(set.class_names.size(), kind == "cifar10" ? 10u : 100u);
  EXPECT_EQ(set.class_names.front(), kind == "cifar10" ? "airplane" : "apple");
  EXPECT_EQ(set.class_names.back(), kind == "cifar10" ? "truck" : "worm");
  EXPECT_EQ(set.class_names[3], kind == "cifar10" ? "cat" : "bear");
  EXPECT_TRUE(std::ranges::is_sorted(set.class_names));
  expect_pictures(*set.train, example.train);
}

TEST_F(CifarTest, NamesTheMissingMember) {
  Version version = cifar10().python;
  version.files.erase(version.files.begin() + 2);
  const fs::path archive = put_as("TarGz", directory_.path(), version);
  EXPECT_TRUE(
      throws<FormatError>([&] { open("cifar10", "data.tar.gz"); }, {archive.string() + ": has no data_batch_3"}));
}

TEST_F(CifarTest, SaysThatThereAreNoFiles) {
  const std::string expected = "expected data_batch_1.bin (the binary version) or data_batch_1 (the Python version)";
  fs::create_directory(directory_ / "empty");
  EXPECT_TRUE(throws<FormatError>([&] { open("cifar10", "empty"); }, {"empty: " + expected}));
  put(directory_ / "other.tar", tar_member("a/b.txt", "b") + tar_end());
  EXPECT_TRUE(throws<FormatError>([&] { open("cifar10", "other.tar"); }, {"other.tar: " + expected}));
}

TEST_F(CifarTest, RefusesBothVersionsInAFolder) {
  put_folder(directory_ / "files", cifar10().binary);
  put(directory_ / "files/test_batch", "");
  EXPECT_TRUE(throws<FormatError>([&] { open("cifar10", "files"); },
                                  {"files: expected one version", "\"batches.meta.txt\" and \"test_batch\""}));
}

TEST_F(CifarTest, RefusesAFolderWithTheFoldersOfBothVersions) {
  put_folder(directory_ / "cifar-100-binary", cifar100().binary);
  put_folder(directory_ / "cifar-100-python", cifar100().python);
  EXPECT_TRUE(throws<FormatError>([&] { open("cifar100", ""); },
                                  {"expected one version", "\"cifar-100-binary\" and \"cifar-100-python\""}));
  EXPECT_EQ(open("cifar100", "cifar-100-python").train->size(), 3);
}

TEST_F(CifarTest, RefusesBothVersionsInAnArchive) {
  put(directory_ / "data.tar", tar_members(cifar10().binary) + tar_members(cifar10().python) + tar_end());
  EXPECT_TRUE(throws<FormatError>(
      [&] { open("cifar10", "data.tar"); },
      {"data.tar: expected one version", "\"cifar-10-batches-bin/batches.meta.txt\" and \"cifar-10-batches-py/"}));
}

TEST_F(CifarTest, RefusesFilesInSeveralFoldersOfAnArchive) {
  put(directory_ / "data.tar",
      tar_members(cifar10().binary) + tar_member("copy/test_batch.bin", binary({{1, 1}}, false)) + tar_end());
  EXPECT_TRUE(throws<FormatError>([&] { open("cifar10", "data.tar"); },
                                  {"data.tar: expected one version in one folder", "\"copy/test_batch.bin\""}));
}

TEST_F(CifarTest, RefusesFilesThatAreNoArchives) {
  put(directory_ / "file", "no archive");
  EXPECT_TRUE(throws<FormatError>([&] { open("cifar10", "file"); }, {(directory_ / "file").string()}));
  const std::string whole = get(put_as("TarGz", directory_.path(), cifar10().binary));
  put(directory_ / "half.tar.gz", whole.substr(0, whole.size() / 2));
  EXPECT_TRUE(throws<FormatError>([&] { open("cifar10", "half.tar.gz"); }, {"half.tar.gz"}));
}

struct BadFile {
  std::string kind;
  std::string name;
  std::string content;
  std::string problem;
};

class CifarErrors : public CifarTest, public ::testing::WithParamInterface<BadFile> {
 protected:
  /// The version with the bad file instead of the good one.
  Version version() const {
    const Example example = example_of(GetParam().kind);
    for (Version version : {example.binary, example.python}) {
      for (auto& [name, content] : version.files) {
        if (name != GetParam().name) continue;
        content = GetParam().content;
        return version;
      }
    }
    return {};
  }
};

TEST_P(CifarErrors, NameTheFile) {
  put_folder(directory_ / "files", version());
  EXPECT_TRUE(throws<FormatError>([&] { open(GetParam().kind, "files"); },
                                  {(directory_ / "files" / GetParam().name).string() + ": ", GetParam().problem}));
}

TEST_P(CifarErrors, NameTheMember) {
  const fs::path archive = put_as("TarGz", directory_.path(), version());
  EXPECT_TRUE(
      throws<FormatError>([&] { open(GetParam().kind, "data.tar.gz"); },
                          {(archive / version().folder / GetParam().name).string() + ": ", GetParam().problem}));
}

INSTANTIATE_TEST_SUITE_P(
    Binary, CifarErrors,
    ::testing::Values(
        BadFile{"cifar10", "data_batch_2.bin", binary({{0, 1}}, false).substr(1), "a multiple of 3073 bytes, has 3072"},
        BadFile{"cifar10", "test_batch.bin", "", "expected a file of the binary version, is an empty file"},
        BadFile{"cifar10", "test_batch.bin", binary({{0, 1}, {3, 1}}, false), "labels 0..2, image 1 has 3"},
        BadFile{"cifar10", "batches.meta.txt", "\n\n", "the names of the classes, has none"},
        BadFile{"cifar100", "train.bin", binary({{0, 1}}, false), "a multiple of 3074 bytes, has 3073"},
        BadFile{"cifar100", "train.bin", binary({{255, 1}}, true), "labels 0..2, image 0 has 255"}));

std::string labelled(const std::string& labels) {
  return pickles::dict({{"data", array({{0, 1}})}, {"labels", labels}});
}

INSTANTIATE_TEST_SUITE_P(
    Python, CifarErrors,
    ::testing::Values(
        BadFile{"cifar10", "data_batch_4", labelled(pickles::integers({3})), "labels 0..2, image 0 has 3"},
        BadFile{"cifar10", "data_batch_4", labelled(pickles::integers({-1})), "labels 0..2, image 0 has -1"},
        BadFile{"cifar10", "data_batch_4", labelled(pickles::integers({256})), "labels 0..2, image 0 has 256"},
        BadFile{"cifar10", "data_batch_4", labelled(pickles::integers({0, 1})), "has [1,3072] and 2"},
        BadFile{"cifar10", "data_batch_4", labelled(pickles::strings({"cat"})), "\"labels\" to be a list of integers"},
        BadFile{"cifar10", "test_batch",
                pickles::dict({{"data", pickles::array(1, 3071, std::string(3071, 'x'))},
                               {"labels", pickles::integers({0})}}),
                "\"data\" of shape [N,3072] and N labels, has [1,3071] and 1"},
        BadFile{"cifar10", "test_batch", pickles::dict({{"data", array({})}, {"labels", "]"}}), "has [0,3072] and 0"},
        BadFile{"cifar10", "test_batch", pickles::dict({{"labels", "]"}}), "the key \"data\""},
        BadFile{"cifar10", "test_batch", "", "expected a pickle"},
        BadFile{"cifar10", "test_batch", pickles::file("cos\nsystem\n"), "has \"os.system\""},
        BadFile{"cifar10", "batches.meta", pickles::dict({{"label_names", "]"}}), "the names of the classes, has none"},
        BadFile{"cifar100", "train", labelled(pickles::integers({0})), "the key \"fine_labels\""},
        BadFile{"cifar100", "meta", pickles::dict({{"label_names", "]"}}), "the key \"fine_label_names\""}));

TEST_F(CifarTest, RefusesALabelThatNoByteHolds) {
  // Labels are kept as bytes, even if there are more names of classes than bytes.
  Version version = cifar10().python;
  for (auto& [name, content] : version.files) {
    if (name == "batches.meta") {
      content = pickles::dict({{"label_names", pickles::strings(std::vector<std::string>(300, "a"))}});
    } else {
      content = labelled(pickles::integers({256}));
    }
  }
  put_folder(directory_ / "files", version);
  EXPECT_TRUE(throws<FormatError>([&] { open("cifar10", "files"); }, {"labels 0..255, image 0 has 256"}));
}

}  // namespace
}  // namespace glow::images::cifar_test
