#include <filesystem>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include <glow/data/split.h>
#include <glow/images/source.h>
#include <glow/io/image.h>
#include <glow/io/npy.h>

#include "images/array.h"
#include "support/files.h"
#include "support/pictures.h"
#include "support/temporary_directory.h"

namespace glow::data::fingerprint_test {
namespace {

using images::fingerprint;
using images::make_array_source;
using images::open_data_set;

namespace fs = std::filesystem;
using glow::testing::make_picture;
using glow::testing::TemporaryDirectory;

std::string of_folder(const fs::path& folder) { return fingerprint(*open_data_set("folder:" + folder.string()).train); }

TEST(Fingerprint, ChangesWithAnyByteAndTheShapeOfAnArray) {
  std::string bytes(6 * 4, '\x07');
  const auto of = [&](const io::ImageShape& shape) {
    return fingerprint(*make_array_source(shape, bytes, {}, "made up"));
  };
  const auto before = of({2, 2, 1});
  EXPECT_EQ(before.size(), 64u);
  EXPECT_EQ(of({2, 2, 1}), before);
  std::set<std::string> seen{before, of({1, 4, 1}), of({4, 1, 1}), of({1, 2, 2}), of({1, 2, 1})};
  EXPECT_EQ(seen.size(), 5u);
  for (auto& byte : bytes) {
    byte = '\x08';
    EXPECT_TRUE(seen.insert(of({2, 2, 1})).second);
  }
}

TEST(Fingerprint, DependsOnNamesAndContentsOfAFolderNotOnItsPath) {
  const TemporaryDirectory directory;
  const auto put = [&](const std::string& folder, const std::string& name, std::uint32_t seed) {
    fs::create_directories((directory / folder / name).parent_path());
    io::write_png(directory / folder / name, make_picture(4, 4, 1, seed));
  };
  put("a", "x/0.png", 1);
  put("a", "x/1.png", 2);
  put("b", "x/0.png", 1);
  put("b", "x/1.png", 3);  // noise of the same size
  put("c", "y/0.png", 1);
  put("c", "y/1.png", 2);
  ASSERT_EQ(fs::file_size(directory / "a" / "x/1.png"), fs::file_size(directory / "b" / "x/1.png"));
  const auto before = of_folder(directory / "a");
  EXPECT_NE(of_folder(directory / "b"), before);
  EXPECT_NE(of_folder(directory / "c"), before);
  fs::rename(directory / "a", directory / "moved");
  EXPECT_EQ(of_folder(directory / "moved"), before);
  put("moved", "x/2.png", 4);
  EXPECT_NE(of_folder(directory / "moved"), before);
}

TEST(Fingerprint, OfASubsetDependsOnItsImagesOnly) {
  const auto source = make_array_source({1, 2, 1}, {'a', 'b', 'c', 'd', 'e', 'f'}, {}, "made up");
  const auto same = make_array_source({1, 2, 1}, {'a', 'b', 'e', 'f'}, {}, "another name");
  EXPECT_EQ(fingerprint(SubsetSource(source, {0, 2})), fingerprint(*same));
  EXPECT_NE(fingerprint(SubsetSource(source, {2, 0})), fingerprint(*same));
}

}  // namespace
}  // namespace glow::data::fingerprint_test
