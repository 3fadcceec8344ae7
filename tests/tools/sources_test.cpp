// A run does not depend on the form of its data: the same images in the same order give the same bytes, also after a
// resume, with any number of threads that decode, and in several processes.
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <glow/io/image.h>
#include <glow/io/npy.h>
#include <glow/io/safetensors.h>

#include "support/archives.h"
#include "support/lmdb.h"
#include "support/npz.h"
#include "support/pictures.h"
#include "support/processes.h"
#include "support/runs.h"
#include "support/tfrecord.h"
#include "support/tools.h"

namespace glow::testing::sources_test {
namespace {

namespace fs = std::filesystem;

constexpr int kImages = 40;
constexpr int kSide = 8;

/// The same 40 pictures as each kind of data set.
class Pictures {
 public:
  Pictures() {
    for (int i = 0; i < kImages; ++i) pictures_.push_back(make_picture(kSide, kSide, 3, static_cast<std::uint32_t>(i)));
  }

  std::string name(int image) const { return std::to_string(image / 20) + "/" + std::to_string(10 + image) + ".png"; }
  std::string png(int image) const { return io::encode_png(pictures_[image]); }
  std::string pixels(int image) const { return {pictures_[image].pixels.begin(), pictures_[image].pixels.end()}; }
  /// [N, H, W, C]
  std::string array() const {
    std::string bytes;
    for (int image = 0; image < kImages; ++image) bytes += pixels(image);
    return bytes;
  }
  /// A tar of the images from `first` to `end`.
  std::string tar(int first, int end) const {
    std::string bytes;
    for (int image = first; image < end; ++image) bytes += tar_member(name(image), png(image));
    return bytes + tar_end();
  }

 private:
  std::vector<io::Image> pictures_;
};

/// Writes the pictures in one form below a folder; returns the specification.
using Writer = std::string (*)(const Pictures& pictures, const fs::path& folder);

std::string write_folder(const Pictures& pictures, const fs::path& folder) {
  for (int image = 0; image < kImages; ++image) {
    fs::create_directories((folder / pictures.name(image)).parent_path());
    put(folder / pictures.name(image), pictures.png(image));
  }
  return "folder:" + folder.string();
}

std::string write_tar(const Pictures& pictures, const fs::path& folder) {
  put(folder / "all.tar", pictures.tar(0, kImages));
  return "folder:" + (folder / "all.tar").string();
}

std::string write_shards(const Pictures& pictures, const fs::path& folder) {
  put(folder / "b.tar", pictures.tar(0, 15));
  put(folder / "a.tar", pictures.tar(15, kImages));
  return "folder:" + folder.string();
}

std::string write_zip(const Pictures& pictures, const fs::path& folder) {
  std::vector<ZipMember> members;
  for (int image = 0; image < kImages; ++image) {
    members.push_back(image % 2 == 0 ? zip_stored(pictures.name(image), pictures.png(image))
                                     : zip_deflated(pictures.name(image), pictures.png(image)));
  }
  put(folder / "all.zip", zip_archive(members));
  return "folder:" + (folder / "all.zip").string();
}

std::string write_npy_file(const Pictures& pictures, const fs::path& folder) {
  io::write_npy(folder / "all.npy", "|u1", {kImages, kSide, kSide, 3}, pictures.array());
  return "npy:" + (folder / "all.npy").string();
}

std::string write_npy_folder(const Pictures& pictures, const fs::path& folder) {
  for (int image = 0; image < kImages; ++image)
    io::write_npy(folder / (std::to_string(10 + image) + ".npy"), "|u1", {kSide, kSide, 3}, pictures.pixels(image));
  return "npy:" + folder.string();
}

std::string write_npz(const Pictures& pictures, const fs::path& folder) {
  put(folder / "all.npz", stored_zip({{"data.npy", npy_bytes("|u1", "(40, 8, 8, 3)", pictures.array())}}));
  return "npz:" + (folder / "all.npz").string();
}

std::string write_lmdb_folder(const Pictures& pictures, const fs::path& folder) {
  std::vector<std::pair<std::string, std::string>> entries;
  for (int image = 0; image < kImages; ++image) entries.emplace_back(std::to_string(10 + image), pictures.png(image));
  write_lmdb(folder, entries);
  return "lmdb:" + folder.string();
}

std::string write_records(const Pictures& pictures, const fs::path& folder) {
  std::string bytes;
  for (int image = 0; image < kImages; ++image)
    bytes += example_record(proto_integers("shape", {kSide, kSide, 3}) +
                            proto_strings("data", {pictures.pixels(image)}) + proto_integers("label", {0}));
  put(folder / "all.tfrecords", bytes);
  return "tfrecord:" + (folder / "all.tfrecords").string();
}

Arguments flags(const std::string& data, const fs::path& out, const std::string& data_threads = "2") {
  return Arguments{"--data",
                   data,
                   "--out",
                   out.string(),
                   "--quiet",
                   "--flip",
                   "--image-size",
                   "8",
                   "--eval-every",
                   "3",
                   "--sample-every",
                   "0",
                   "--log-every",
                   "1",
                   "--data-threads",
                   data_threads,
                   "--checkpoint-every",
                   "2"} +
         tiny_model();
}

/// The lines of metrics.jsonl, and the tensors of the newest checkpoint by name.
using Result = std::pair<std::string, std::map<std::string, std::string>>;

Result result_of(const fs::path& run) {
  Result result{get(run / "metrics.jsonl"), {}};
  const io::SafetensorsReader file(run / "checkpoints" / checkpoint_name(newest_step(run)));
  for (const auto& entry : file.entries()) result.second[entry.name] = entry.data;
  return result;
}

/// The result of six steps on a folder of pictures.
const Result& expected() {
  static const Result result = [] {
    const TemporaryDirectory directory;
    const auto data = write_folder({}, directory / "data");
    EXPECT_TRUE(succeeded(train(flags(data, directory / "run") + Arguments{"--steps", "6"})));
    return result_of(directory / "run");
  }();
  return result;
}

struct Form {
  const char* name;
  Writer write;
};

class SourceForms : public ::testing::TestWithParam<Form> {
 protected:
  void SetUp() override {
    fs::create_directory(directory_ / "data");
    data_ = GetParam().write({}, directory_ / "data");
  }

  TemporaryDirectory directory_;
  std::string data_;
};

TEST_P(SourceForms, GiveTheSameRun) {
  ASSERT_GE(expected().second.size(), 4u);
  EXPECT_TRUE(succeeded(train(flags(data_, directory_ / "run") + Arguments{"--steps", "6"})));
  EXPECT_EQ(result_of(directory_ / "run"), expected());
}

TEST_P(SourceForms, GiveTheSameRunAfterAResumeWithOtherThreads) {
  const auto run = directory_ / "run";
  EXPECT_TRUE(succeeded(train(flags(data_, run, "1") + Arguments{"--steps", "4"})));
  EXPECT_TRUE(succeeded(
      train({"--resume", "--out", run.string(), "--steps", "6", "--data-threads", "3", "--threads", "1", "--quiet"})));
  EXPECT_EQ(result_of(run).second, expected().second);
}

TEST_P(SourceForms, GiveTheSameRunInTwoProcesses) {
  if (std::string(GLOW_MPIRUN).empty()) GTEST_SKIP() << "there is no mpirun (Debian's openmpi-bin)";
  static const Result of_folder = [] {
    const TemporaryDirectory directory;
    const auto data = write_folder({}, directory / "data");
    const auto arguments = flags(data, directory / "run") + Arguments{"--steps", "2"};
    EXPECT_TRUE(succeeded(run_process(by_mpirun(2, command("glow-train", arguments)))));
    return result_of(directory / "run");
  }();
  const auto arguments = flags(data_, directory_ / "run") + Arguments{"--steps", "2"};
  EXPECT_TRUE(succeeded(run_process(by_mpirun(2, command("glow-train", arguments)))));
  EXPECT_EQ(result_of(directory_ / "run"), of_folder);
}

INSTANTIATE_TEST_SUITE_P(Forms, SourceForms,
                         ::testing::Values(Form{"tar", write_tar}, Form{"shards", write_shards}, Form{"zip", write_zip},
                                           Form{"npy", write_npy_file}, Form{"npy_folder", write_npy_folder},
                                           Form{"npz", write_npz}, Form{"lmdb", write_lmdb_folder},
                                           Form{"tfrecord", write_records}),
                         [](const auto& form) { return form.param.name; });

TEST(SourceArchives, ContinueTheRunOfAFolder) {
  const TemporaryDirectory directory;
  const auto run = (directory / "run").string();
  fs::create_directory(directory / "zip");
  const auto folder = write_folder({}, directory / "data"), zip = write_zip({}, directory / "zip");
  EXPECT_TRUE(succeeded(train(flags(folder, run) + Arguments{"--steps", "4"})));
  EXPECT_TRUE(succeeded(train({"--resume", "--out", run, "--steps", "6", "--data", zip, "--quiet"})));
  EXPECT_EQ(result_of(run).second, expected().second);
}

}  // namespace
}  // namespace glow::testing::sources_test
