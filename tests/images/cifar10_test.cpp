#include <filesystem>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/images/source.h>

#include "support/files.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::images::cifar10_test {
namespace {

namespace fs = std::filesystem;
using glow::testing::put;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;

constexpr int kPlane = 32 * 32;

/// A record whose pixel p has the colour (first + p, first + p + 1, first + p + 2), each modulo 256.
std::string record(int label, int first) {
  std::string bytes{static_cast<char>(label)};
  for (int channel = 0; channel < 3; ++channel)
    for (int pixel = 0; pixel < kPlane; ++pixel) bytes += static_cast<char>(first + pixel + channel);
  return bytes;
}

class Cifar10Test : public ::testing::Test {
 protected:
  Cifar10Test() {
    put(directory_ / "batches.meta.txt", "cat\r\ndog\n\n");
    for (int batch = 1; batch <= 5; ++batch)
      put(directory_ / ("data_batch_" + std::to_string(batch) + ".bin"), record(batch % 2, batch) + record(0, 7));
    put(directory_ / "test_batch.bin", record(1, 100));
  }

  DataSet open() const { return open_data_set("cifar10:" + directory_.path().string()); }

  TemporaryDirectory directory_;
};

TEST_F(Cifar10Test, HasTheRecordsInOrder) {
  const DataSet set = open();
  EXPECT_EQ(set.class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(all_labels(*set.train), (std::vector<std::int64_t>{1, 0, 0, 0, 1, 0, 0, 0, 1, 0}));
  EXPECT_EQ(set.valid, nullptr);
  EXPECT_EQ(all_labels(*set.test), std::vector<std::int64_t>{1});
  EXPECT_EQ(set.train->common_shape(), (io::ImageShape{32, 32, 3}));
}

TEST_F(Cifar10Test, ConvertsPlanesToPixels) {
  const io::Image image = open().train->image(4);
  ASSERT_EQ(image.shape, (io::ImageShape{32, 32, 3}));
  for (int pixel = 0; pixel < kPlane; ++pixel)
    for (int channel = 0; channel < 3; ++channel)
      ASSERT_EQ(image.pixels[3 * pixel + channel], static_cast<std::uint8_t>(3 + pixel + channel));
}

TEST_F(Cifar10Test, NamesTheMissingFile) {
  fs::remove(directory_ / "data_batch_3.bin");
  EXPECT_TRUE(throws<IoError>([&] { open(); }, {"data_batch_3.bin", "No such file"}));
}

struct BadFile {
  const char* name;
  std::string content;
  const char* problem;
};

class Cifar10Errors : public Cifar10Test, public ::testing::WithParamInterface<BadFile> {};

TEST_P(Cifar10Errors, NameTheFile) {
  const fs::path path = directory_ / GetParam().name;
  put(path, GetParam().content);
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {path.string() + ": ", GetParam().problem}));
}

INSTANTIATE_TEST_SUITE_P(
    Cifar10, Cifar10Errors,
    ::testing::Values(BadFile{"data_batch_2.bin", record(0, 1).substr(1), "a multiple of 3073 bytes, has 3072"},
                      BadFile{"test_batch.bin", "", "a multiple of 3073 bytes, has 0"},
                      BadFile{"test_batch.bin", record(0, 1) + record(2, 1), "labels 0..1, record 1 has 2"},
                      BadFile{"batches.meta.txt", "\n\n", "a class name in each line, has none"}));

}  // namespace
}  // namespace glow::images::cifar10_test
