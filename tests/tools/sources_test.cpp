// A run does not depend on the form of its data: the same images in the same order give the same bytes, also after a
// resume, with any number of threads that decode, and in several processes.
#include <cstdint>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <glow/io/image.h>
#include <glow/io/npy.h>
#include <glow/io/safetensors.h>

#include "support/archives.h"
#include "support/gzip.h"
#include "support/lmdb.h"
#include "support/npz.h"
#include "support/pickles.h"
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
constexpr int kCifarSide = 32;

/// The same 40 pictures as each kind of data set. The first 20 are of class 0, the others of class 1.
class Pictures {
 public:
  explicit Pictures(int side) : side_(side) {
    for (int i = 0; i < kImages; ++i) pictures_.push_back(make_picture(side, side, 3, static_cast<std::uint32_t>(i)));
  }

  int side() const { return side_; }
  static int label(int image) { return image / 20; }
  static std::string name(int image) {
    return std::to_string(label(image)) + "/" + std::to_string(10 + image) + ".png";
  }
  std::string png(int image) const { return io::encode_png(pictures_[image]); }
  /// [H, W, C]
  std::string pixels(int image) const { return {pictures_[image].pixels.begin(), pictures_[image].pixels.end()}; }
  /// [C, H, W]
  std::string planes(int image) const {
    const std::string interleaved = pixels(image);
    std::string bytes;
    for (std::size_t channel = 0; channel < 3; ++channel)
      for (std::size_t at = channel; at < interleaved.size(); at += 3) bytes += interleaved[at];
    return bytes;
  }
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
  int side_;
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

/// As CIFAR-10, with a test image, which is only evaluated.
std::string write_folder_with_test(const Pictures& pictures, const fs::path& folder) {
  write_folder(pictures, folder / "train");
  fs::create_directories(folder / "test/0");
  put(folder / "test/0/1.png", pictures.png(0));
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

std::string write_web_dataset(const Pictures& pictures, const fs::path& folder) {
  std::string shards[2];
  for (int image = 0; image < kImages; ++image) {
    const std::string key = std::to_string(10 + image);
    shards[image / 25] += tar_member(key + ".cls", std::to_string(pictures.label(image))) +
                          tar_member(key + ".png", pictures.png(image)) + tar_member(key + ".json", "{}");
  }
  put(folder / "000000.tar", shards[0] + tar_end());
  put(folder / "000001.tar", shards[1] + tar_end());
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
  const std::int64_t side = pictures.side();
  io::write_npy(folder / "all.npy", "|u1", {kImages, side, side, 3}, pictures.array());
  return "npy:" + (folder / "all.npy").string();
}

std::string write_npy_folder(const Pictures& pictures, const fs::path& folder) {
  const std::int64_t side = pictures.side();
  for (int image = 0; image < kImages; ++image) {
    const auto file = (folder / pictures.name(image)).replace_extension(".npy");
    fs::create_directories(file.parent_path());
    io::write_npy(file, "|u1", {3, side, side}, pictures.planes(image));
  }
  return "npy:" + folder.string();
}

std::string write_npz(const Pictures& pictures, const fs::path& folder) {
  std::string planes, labels;
  for (int image = 0; image < kImages; ++image) {
    planes += pictures.planes(image);
    labels += static_cast<char>(pictures.label(image));
  }
  const std::string shape = "(40, " + std::to_string(planes.size() / kImages) + ")";
  put(folder / "all.npz",
      stored_zip({{"data.npy", npy_bytes("|u1", shape, planes)}, {"labels.npy", npy_bytes("|u1", "(40,)", labels)}}));
  return "npz:" + (folder / "all.npz").string();
}

std::string write_lmdb_folder(const Pictures& pictures, const fs::path& folder) {
  std::vector<std::pair<std::string, std::string>> entries;
  for (int image = 0; image < kImages; ++image) entries.emplace_back(std::to_string(10 + image), pictures.png(image));
  write_lmdb(folder, entries);
  return "lmdb:" + folder.string();
}

std::string write_lsun(const Pictures& pictures, const fs::path& folder) {
  std::vector<std::pair<std::string, std::string>> entries[2];
  for (int image = 0; image < kImages; ++image)
    entries[pictures.label(image)].emplace_back(std::to_string(10 + image), pictures.png(image));
  write_lmdb(folder / "0_train_lmdb", entries[0]);
  write_lmdb(folder / "1_train_lmdb", entries[1]);
  return "lmdb:" + folder.string();
}

std::string write_records(const Pictures& pictures, const fs::path& folder) {
  const std::int64_t side = pictures.side();
  std::string bytes;
  for (int image = 0; image < kImages; ++image)
    bytes += example_record(proto_integers("shape", {side, side, 3}) + proto_strings("data", {pictures.pixels(image)}) +
                            proto_integers("label", {pictures.label(image)}));
  put(folder / "all.tfrecords", bytes);
  return "tfrecord:" + (folder / "all.tfrecords").string();
}

using Files = std::vector<std::pair<std::string, std::string>>;

/// The files of CIFAR-10: data_batch_1 to 5 have eight pictures each, test_batch the first again.
Files binary_cifar(const Pictures& pictures) {
  Files files{{"batches.meta.txt", "0\n1\n"}, {"test_batch.bin", '\0' + pictures.planes(0)}};
  for (int batch = 0; batch < 5; ++batch) {
    auto& [name, content] = files.emplace_back("data_batch_" + std::to_string(batch + 1) + ".bin", "");
    for (int image = 8 * batch; image < 8 * (batch + 1); ++image)
      content += static_cast<char>(pictures.label(image)) + pictures.planes(image);
  }
  return files;
}

/// A batch of the Python version.
std::string pickled_batch(const Pictures& pictures, int first, int end) {
  std::vector<std::int64_t> labels;
  std::string planes;
  for (int image = first; image < end; ++image) {
    labels.push_back(pictures.label(image));
    planes += pictures.planes(image);
  }
  return pickles::dict({{"data", pickles::array(end - first, 3 * kCifarSide * kCifarSide, planes)},
                        {"labels", pickles::integers(labels)}});
}

Files python_cifar(const Pictures& pictures) {
  Files files{{"batches.meta", pickles::dict({{"label_names", pickles::strings({"0", "1"})}})},
              {"test_batch", pickled_batch(pictures, 0, 1)}};
  for (int batch = 0; batch < 5; ++batch)
    files.emplace_back("data_batch_" + std::to_string(batch + 1), pickled_batch(pictures, 8 * batch, 8 * (batch + 1)));
  return files;
}

std::string put_cifar_folder(const Files& files, const fs::path& folder) {
  for (const auto& [name, content] : files) put(folder / name, content);
  return "cifar10:" + folder.string();
}

/// An archive with the files in another order than that of the images, as in the published ones.
std::string put_cifar_archive(const Files& files, const fs::path& archive) {
  std::string tar;
  for (auto file = files.rbegin(); file != files.rend(); ++file)
    tar += tar_member("cifar/" + file->first, file->second);
  put(archive, gzip(tar + tar_end()));
  return "cifar10:" + archive.string();
}

Arguments flags(const std::string& data, const fs::path& out, int side, const std::string& data_threads = "2") {
  return Arguments{"--data",
                   data,
                   "--out",
                   out.string(),
                   "--quiet",
                   "--flip",
                   "--image-size",
                   std::to_string(side),
                   "--eval-every",
                   "3",
                   "--sample-every",
                   "0",
                   "--log-every",
                   "1",
                   "--data-threads",
                   data_threads,
                   "--checkpoint-every",
                   "2",
                   "--lr",
                   "0.01",
                   "--warmup-epochs",
                   "0.0001"} +
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

/// The result of six steps on pictures in a folder; `more`: more flags.
Result run_of_folder(Writer write, int side, const Arguments& more = {}) {
  const TemporaryDirectory directory;
  const auto data = write(Pictures(side), directory / "data");
  EXPECT_TRUE(succeeded(train(flags(data, directory / "run", side) + Arguments{"--steps", "6"} + more)));
  return result_of(directory / "run");
}

const Result& expected(int side) {
  static const Result small = run_of_folder(write_folder, kSide);
  static const Result cifar = run_of_folder(write_folder_with_test, kCifarSide);
  return side == kSide ? small : cifar;
}

/// A result without the evaluations of test images, which a run makes when it ends, so also before it is resumed.
Result without_test(Result result) {
  std::istringstream lines(std::exchange(result.first, ""));
  for (std::string line; std::getline(lines, line);)
    if (line.find("\"test_bits_per_dim\"") == std::string::npos) result.first += line + '\n';
  return result;
}

struct Form {
  const char* name;
  Writer write;
  int side = kSide;
};

class SourceForms : public ::testing::TestWithParam<Form> {
 protected:
  void SetUp() override {
    fs::create_directory(directory_ / "data");
    data_ = GetParam().write(Pictures(GetParam().side), directory_ / "data");
  }

  Outcome train_steps(const std::string& steps, const std::string& data_threads = "2", const Arguments& more = {}) {
    return train(flags(data_, run_, GetParam().side, data_threads) + Arguments{"--steps", steps} + more);
  }

  TemporaryDirectory directory_;
  fs::path run_ = directory_ / "run";
  std::string data_;
};

TEST_P(SourceForms, GiveTheSameRun) {
  ASSERT_GE(expected(GetParam().side).second.size(), 4u);
  EXPECT_TRUE(succeeded(train_steps("6")));
  EXPECT_EQ(result_of(run_), expected(GetParam().side));
}

TEST_P(SourceForms, GiveTheSameRunAfterAResumeWithOtherThreads) {
  EXPECT_TRUE(succeeded(train_steps("3", "1")));
  EXPECT_TRUE(succeeded(
      train({"--resume", "--out", run_.string(), "--steps", "6", "--data-threads", "3", "--threads", "1", "--quiet"})));
  EXPECT_EQ(without_test(result_of(run_)), without_test(expected(GetParam().side)));
}

INSTANTIATE_TEST_SUITE_P(
    Forms, SourceForms,
    ::testing::Values(Form{"tar", write_tar}, Form{"shards", write_shards}, Form{"web_dataset", write_web_dataset},
                      Form{"zip", write_zip}, Form{"npy", write_npy_file}, Form{"npy_folder", write_npy_folder},
                      Form{"npz", write_npz}, Form{"lmdb", write_lmdb_folder}, Form{"lsun", write_lsun},
                      Form{"tfrecord", write_records},
                      Form{"cifar_binary",
                           [](const Pictures& pictures, const fs::path& folder) {
                             return put_cifar_folder(binary_cifar(pictures), folder);
                           },
                           kCifarSide},
                      Form{"cifar_binary_archive",
                           [](const Pictures& pictures, const fs::path& folder) {
                             return put_cifar_archive(binary_cifar(pictures), folder / "cifar-10-binary.tar.gz");
                           },
                           kCifarSide},
                      Form{"cifar_python",
                           [](const Pictures& pictures, const fs::path& folder) {
                             return put_cifar_folder(python_cifar(pictures), folder);
                           },
                           kCifarSide},
                      Form{"cifar_python_archive",
                           [](const Pictures& pictures, const fs::path& folder) {
                             return put_cifar_archive(python_cifar(pictures), folder / "cifar-10-python.tar.gz");
                           },
                           kCifarSide}),
    name_of);

using SourceFormsWithClasses = SourceForms;

TEST_P(SourceFormsWithClasses, GiveTheSameConditionalRun) {
  static const Result of_folder = run_of_folder(write_folder, kSide, {"--conditional"});
  ASSERT_NE(of_folder.second, expected(kSide).second);
  EXPECT_TRUE(succeeded(train_steps("6", "2", {"--conditional"})));
  EXPECT_EQ(result_of(run_), of_folder);
}

INSTANTIATE_TEST_SUITE_P(Forms, SourceFormsWithClasses,
                         ::testing::Values(Form{"tar", write_tar}, Form{"shards", write_shards},
                                           Form{"web_dataset", write_web_dataset}, Form{"zip", write_zip},
                                           Form{"npy_folder", write_npy_folder}, Form{"npz", write_npz},
                                           Form{"lsun", write_lsun}, Form{"tfrecord", write_records}),
                         name_of);

/// The numbers of each training step and evaluation in a log.
std::vector<double> bits_per_dim(const std::string& log) {
  const std::string key = "bits_per_dim\":";
  std::vector<double> all;
  for (auto at = log.find(key); at != std::string::npos; at = log.find(key, at + 1))
    all.push_back(std::stod(log.substr(at + key.size())));
  return all;
}

class SourceFormsInProcesses : public SourceForms {
 protected:
  void SetUp() override {
    if (std::string(GLOW_MPIRUN).empty()) GTEST_SKIP() << "there is no mpirun (Debian's openmpi-bin)";
    SourceForms::SetUp();
  }

  /// Three steps in two processes.
  static Result run_in_two(const std::string& data, const fs::path& run) {
    const auto arguments = flags(data, run, kSide) + Arguments{"--steps", "3"};
    EXPECT_TRUE(succeeded(run_process(by_mpirun(2, command("glow-train", arguments)))));
    return result_of(run);
  }
};

TEST_P(SourceFormsInProcesses, GiveTheSameRunInTwo) {
  static const Result of_folder = [] {
    const TemporaryDirectory directory;
    return run_in_two(write_folder(Pictures(kSide), directory / "data"), directory / "run");
  }();
  EXPECT_EQ(run_in_two(data_, run_), of_folder);
  // The sums of two processes are rounded otherwise than those of one.
  const auto in_two = bits_per_dim(of_folder.first), in_one = bits_per_dim(expected(kSide).first);
  ASSERT_EQ(in_two.size(), 4u);  // three steps, and the evaluation after the third
  for (std::size_t i = 0; i < in_two.size(); ++i) EXPECT_NEAR(in_two[i], in_one.at(i), 1e-5) << i;
}

INSTANTIATE_TEST_SUITE_P(Forms, SourceFormsInProcesses,
                         ::testing::Values(Form{"shards", write_shards}, Form{"zip", write_zip},
                                           Form{"lmdb", write_lmdb_folder}, Form{"tfrecord", write_records}),
                         name_of);

TEST(SourceArchives, ContinueTheRunOfAFolder) {
  const TemporaryDirectory directory;
  const Pictures pictures(kSide);
  const auto run = (directory / "run").string();
  fs::create_directory(directory / "zip");
  const auto folder = write_folder(pictures, directory / "data"), zip = write_zip(pictures, directory / "zip");
  EXPECT_TRUE(succeeded(train(flags(folder, run, kSide) + Arguments{"--steps", "3"})));
  EXPECT_TRUE(succeeded(train({"--resume", "--out", run, "--steps", "6", "--data", zip, "--quiet"})));
  EXPECT_EQ(result_of(run), expected(kSide));
}

}  // namespace
}  // namespace glow::testing::sources_test
