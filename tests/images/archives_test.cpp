// folder: with archives.
#include <barrier>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/images/source.h>
#include <glow/io/image.h>

#include "support/archives.h"
#include "support/files.h"
#include "support/jpeg.h"
#include "support/pictures.h"
#include "support/temporary_directory.h"
#include "support/throws.h"

namespace glow::images::archives_test {
namespace {

namespace fs = std::filesystem;
using glow::testing::encode_jpeg;
using glow::testing::make_picture;
using glow::testing::put;
using glow::testing::tar_end;
using glow::testing::tar_member;
using glow::testing::TemporaryDirectory;
using glow::testing::throws;
using glow::testing::zip_archive;
using glow::testing::zip_deflated;
using glow::testing::ZipMember;

using Names = std::vector<std::string>;
using Labels = std::vector<std::int64_t>;
using Members = std::vector<std::pair<std::string, std::string>>;

/// A picture of one pixel.
std::string png(std::uint8_t red) { return io::encode_png({{1, 1, 3}, {red, 0, 0}}); }

class ArchivesTest : public ::testing::Test {
 protected:
  void put_tar(const std::string& name, const Members& members) {
    std::string bytes;
    for (const auto& [member, content] : members) bytes += tar_member(member, content);
    put_file(name, bytes + tar_end());
  }
  void put_zip(const std::string& name, const Members& members) {
    std::vector<ZipMember> zipped;
    for (const auto& [member, content] : members) zipped.push_back(zip_deflated(member, content));
    put_file(name, zip_archive(zipped));
  }
  void put_file(const std::string& name, const std::string& content) {
    fs::create_directories((directory_ / name).parent_path());
    put(directory_ / name, content);
  }
  DataSet open(const std::string& name = "", OpenOptions options = {}) const {
    return open_data_set("folder:" + (directory_ / name).string(), options);
  }
  DataSet open_labelled(const std::string& name = "") const { return open(name, {.with_labels = true}); }
  std::string path(const std::string& name) const { return (directory_ / name).string(); }

  TemporaryDirectory directory_;
};

/// The red values of a source's images, which tests give different values.
std::vector<int> reds(const ImageSource& source) {
  std::vector<int> all;
  for (std::int64_t i = 0; i < source.size(); ++i) all.push_back(source.image(i).pixels[0]);
  return all;
}

TEST_F(ArchivesTest, CountAsTheirMembersWhereTheyLie) {
  put_file("b/2.png", png(2));
  put_tar("b/x.tar", {{"3.png", png(3)}, {"1.png", png(1)}});
  put_zip("y.ZIP", {{"a/0.png", png(0)}, {"c/4.png", png(4)}, {"notes.txt", "no image"}});
  const auto set = open_labelled();
  EXPECT_EQ(reds(*set.train), (std::vector{0, 1, 2, 3, 4}));
  EXPECT_EQ(set.class_names, (Names{"a", "b", "c"}));
  EXPECT_EQ(set.train->name(1), path("b/x.tar/1.png"));
  EXPECT_EQ(set.train->shape(1), (io::ImageShape{1, 1, 3}));
}

TEST_F(ArchivesTest, LeaveOutTheFolderOfAllTheirImages) {
  put_zip("faces.zip", {{"faces/train/cat/1.png", png(1)}, {"faces/test/cat/2.png", png(2)}, {"faces/README", "text"}});
  for (const char* name : {"faces.zip", ""}) {  // the archive, and the folder that holds nothing else
    const auto set = open_labelled(name);
    EXPECT_EQ(reds(*set.train), (std::vector{1}));
    EXPECT_EQ(reds(*set.test), (std::vector{2}));
    EXPECT_EQ(set.class_names, (Names{"cat"}));
    EXPECT_EQ(set.test->name(0), path("faces.zip/faces/test/cat/2.png"));
  }
  put_zip("deep.zip", {{"a/b/cat/1.png", png(1)}, {"a/b/dog/2.png", png(2)}});
  EXPECT_EQ(open_labelled("deep.zip").class_names, (Names{"cat", "dog"}));
  put_zip("one.zip", {{"a/cat/1.png", png(1)}, {"a/cat/2.png", png(2)}});
  EXPECT_EQ(open_labelled("one.zip").class_names, (Names{"cat"}));
}

TEST_F(ArchivesTest, HaveNamesOfSplitsInAnyForm) {
  put_tar("imagenet-Train-000.tar", {{"1.png", png(1)}});
  put_tar("train2017.tar", {{"2.png", png(2)}});
  put_zip("Validation.zip", {{"valid/cat/3.png", png(3)}});
  put_zip("my_testing.zip", {{"test/4.png", png(4)}, {"test/5.png", png(5)}});
  const auto set = open();
  EXPECT_EQ(reds(*set.train), (std::vector{1, 2}));
  EXPECT_EQ(reds(*set.valid), (std::vector{3}));
  EXPECT_EQ(set.valid->key(0).substr(0, 9), "cat/3.png");
  EXPECT_EQ(reds(*set.test), (std::vector{4, 5}));
  put_tar("contest.tar", {{"6.png", png(6)}});
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {path("contest.tar/6.png"), "only in the folders of the splits"}));
}

TEST_F(ArchivesTest, MustNotHaveUnsafeNames) {
  for (const char* name : {"../1.png", "a/../1.png", "/1.png"}) {
    put_tar("x.tar", {{name, png(1)}, {"2.png", png(2)}});
    EXPECT_TRUE(throws<FormatError>([&] { open(); }, {"x.tar", "1.png"})) << name;
  }
}

TEST_F(ArchivesTest, HaveALimitOnTheMemoryOfAnImage) {
  const std::string zeros(std::size_t{(1 << 28) + 1}, '\0');
  put_zip("bomb.zip", {{"1.png", png(1) + zeros}});
  const auto train = open("", {.channels = 3}).train;
  EXPECT_TRUE(throws<FormatError>([&] { train->image(0); }, {path("bomb.zip/1.png"), "at most 256 MiB"}));
}

TEST_F(ArchivesTest, MayBeSplits) {
  put_tar("train-0001.tar", {{"dog/1.png", png(1)}});
  put_tar("train-0000.tar", {{"dog/0.png", png(0)}, {"cat/9.png", png(9)}});
  put_zip("val.zip", {{"dog/2.png", png(2)}});
  put_file("test/cat/3.png", png(3));
  put_tar("test/more.tar", {{"cat/4.png", png(4)}});
  const auto set = open_labelled();
  EXPECT_EQ(reds(*set.train), (std::vector{9, 0, 1}));
  EXPECT_EQ(reds(*set.valid), (std::vector{2}));
  EXPECT_EQ(reds(*set.test), (std::vector{3, 4}));
  EXPECT_EQ(all_labels(*set.train), (Labels{0, 1, 1}));
  EXPECT_EQ(set.train->name(1), path("train-0000.tar/dog/0.png"));
  put_tar("others.tar", {{"dog/5.png", png(5)}});
  EXPECT_TRUE(
      throws<FormatError>([&] { open(); }, {path("others.tar/dog/5.png"), "only in the folders of the splits"}));
}

TEST_F(ArchivesTest, HaveHiddenMembersThatAreIgnored) {
  put_tar("x.tar", {{"a/._1.png", "no image"}, {".git/2.png", "no image"}, {"a/1.png", png(1)}});
  EXPECT_EQ(reds(*open().train), (std::vector{1}));
}

TEST_F(ArchivesTest, MayNumberTheClasses) {
  put_tar("0.tar", {{"00.jpg.png", png(0)}, {"00.cls", "2\n"}, {"01.cls", "0"}, {"01.png", png(1)}});
  put_tar("1.tar", {{"00.png", png(2)}, {"00.cls", "3"}, {"00.json", "{}"}});
  const auto set = open_labelled();
  EXPECT_EQ(reds(*set.train), (std::vector{0, 2, 1}));  // 00.jpg.png, 00.png, 01.png
  EXPECT_EQ(set.class_names, (Names{"0", "1", "2", "3"}));
  EXPECT_EQ(all_labels(*set.train), (Labels{2, 3, 0}));
  const auto named = open("", {.with_labels = true, .class_names = {"3", "2", "0"}});
  EXPECT_EQ(all_labels(*named.train), (Labels{1, 0, 2}));
  EXPECT_TRUE(
      throws<FormatError>([&] { open("", {.with_labels = true, .class_names = {"0"}}); }, {"0.tar/00.jpg.png"}));
  put_tar("2.tar", {{"02.png", png(3)}});
  EXPECT_TRUE(throws<FormatError>([&] { open_labelled(); }, {path("2.tar/02.png"), ".cls"}));
  EXPECT_EQ(open().train->size(), 4);
  put_tar("2.tar", {{"02.png", png(3)}, {"02.cls", "-1"}});
  EXPECT_TRUE(throws<FormatError>([&] { open_labelled(); }, {path("2.tar/02.cls"), "number of a class", "-1"}));
  EXPECT_EQ(open().train->size(), 4);  // class files are read only for labels
  put_tar("2.tar", {{"02.png", png(3)}, {"02.mask.png", png(4)}, {"02.cls", "1"}});
  EXPECT_TRUE(
      throws<FormatError>([&] { open_labelled(); }, {path("2.tar/02.mask.png"), "\"02.png\" has the same key"}));
}

TEST_F(ArchivesTest, AreRefusedBesideTheirUnpackedMembers) {
  put_file("a/1.png", png(1));
  put_zip("a.zip", {{"a/1.png", png(1)}});
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {path("a.zip/a/1.png"), path("a/1.png"), "Remove one"}));
}

TEST_F(ArchivesTest, MayShareNames) {
  put_tar("1.tar", {{"0.png", png(1)}, {"1.png", png(2)}});
  put_tar("0.tar", {{"0.png", png(0)}});
  EXPECT_EQ(reds(*open().train), (std::vector{0, 1, 2}));
}

TEST_F(ArchivesTest, MustNotBeCompressedTars) {
  for (const char* name : {"x.tar.gz", "x.tgz", "x.tar.xz"}) {
    put_file(name, "compressed");
    EXPECT_TRUE(throws<FormatError>([&] { open(); }, {path(name), "decompress it"})) << name;
    EXPECT_TRUE(throws<FormatError>([&] { open(name); }, {path(name), "decompress it"})) << name;
    fs::remove(directory_ / name);
  }
  put_file("x.tar", std::string("\x1f\x8b\x08\x00", 4) + std::string(600, 'x'));
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {path("x.tar"), "gzip"}));
  put_file("x.tar", tar_end());
  EXPECT_TRUE(throws<FormatError>([&] { open(); }, {directory_.path().string(), "has none"}));
}

TEST_F(ArchivesTest, MayHaveDamagedMembers) {
  const std::string damaged = png(2).substr(0, 60);
  put_tar("x.tar", {{"1.png", png(1)}, {"2.png", damaged}, {"3.png", png(3)}});
  EXPECT_TRUE(throws<FormatError>([&] { open().train->image(1); }, {path("x.tar/2.png")}));
  const auto set = open("", {.skip_corrupt = true});
  EXPECT_EQ(reds(*set.train), (std::vector{1, 3}));
  ASSERT_EQ(set.skipped.size(), 1u);
  EXPECT_TRUE(set.skipped[0].starts_with(path("x.tar/2.png") + ": ")) << set.skipped[0];
}

TEST_F(ArchivesTest, HaveTheFingerprintOfTheFolder) {
  const Members members{{"a/1.png", png(1)}, {"b/2.png", png(2)}, {"b/3.png", png(3)}};
  for (const auto& [name, content] : members) put_file("folder/" + name, content);
  put_tar("one/x.tar", members);
  put_zip("two/x.zip", members);
  const std::string expected = fingerprint(open("folder"));
  EXPECT_EQ(fingerprint(open("one")), expected);
  EXPECT_EQ(fingerprint(open("two/x.zip")), expected);
}

TEST_F(ArchivesTest, HaveJpegImagesThatDecodeAtAFraction) {
  const std::string jpeg = encode_jpeg(make_picture(32, 48, 3), {.sampling = "2x2"});
  put_file("folder/1.jpg", jpeg);
  put_tar("1.tar", {{"1.jpg", jpeg}});
  put_zip("1.zip", {{"1.jpg", jpeg}});
  const auto expected = open("folder").train->reduced_image(0, 4);
  EXPECT_EQ(expected.shape, (io::ImageShape{8, 12, 3}));
  for (const char* archive : {"1.tar", "1.zip"}) {
    const auto source = open(archive).train;
    EXPECT_EQ(source->reduced_image(0, 4).shape, expected.shape) << archive;
    EXPECT_EQ(source->reduced_image(0, 4).pixels, expected.pixels) << archive;
    EXPECT_EQ(source->reduced_image(0, 1).pixels, source->image(0).pixels) << archive;
  }
}

TEST_F(ArchivesTest, OpenAsPicturesToo) {
  put_tar("x.tar", {{"train/cat/1.png", png(1)}, {"train/dog/2.png", png(2)}});
  const auto pictures = open_pictures({directory_ / "x.tar"}, {.class_names = {"dog", "cat"}}).train;
  EXPECT_EQ(reds(*pictures), (std::vector{1, 2}));
  EXPECT_EQ(all_labels(*pictures), (Labels{1, 0}));
  put_zip("y.zip", {{"dog/3.png", png(3)}, {"4.png", png(4)}});
  const auto both = open_pictures({directory_ / "y.zip", directory_ / "x.tar"}, {.class_names = {"dog", "cat"}}).train;
  EXPECT_EQ(reds(*both), (std::vector{4, 3, 1, 2}));
  EXPECT_EQ(all_labels(*both), (Labels{-1, 0, 1, 0}));
  EXPECT_EQ(both->name(1), (directory_ / "y.zip/dog/3.png").string());
}

/// Opens a data set in `count` threads, which share the work as processes do; returns what each has, or its error.
template <class Open>
std::vector<std::string> in_processes(std::int64_t count, Open open) {
  std::vector<std::string> texts(count), results(count);
  std::barrier together(count);
  std::vector<std::jthread> threads;
  for (std::int64_t rank = 0; rank < count; ++rank) {
    threads.emplace_back([&, rank] {
      OpenOptions options{.shard = {rank, count}};
      options.all_gather = [&, rank](const std::string& text) {
        texts[rank] = text;
        together.arrive_and_wait();
        const auto all = texts;
        together.arrive_and_wait();
        return all;
      };
      try {
        results[rank] = open(options);
      } catch (const Error& error) {
        results[rank] = error.what();
      }
    });
  }
  threads.clear();
  return results;
}

TEST_F(ArchivesTest, AreReadByProcessesTogether) {
  Members members;
  for (int i = 0; i < 150; ++i)
    members.emplace_back(std::to_string(1000 + i) + ".png", png(static_cast<std::uint8_t>(i)));
  put_tar("0.tar", {members.begin(), members.begin() + 100});
  put_zip("1.zip", {members.begin() + 100, members.end()});
  const auto text = [&](const OpenOptions& options) {
    const auto set = open("", options);
    std::string all = fingerprint(set);
    for (std::int64_t i = 0; i < set.train->size(); ++i)
      all += set.train->name(i) + " " + std::to_string(set.train->shape(i)->height) + "\n";
    for (const auto& problem : set.skipped) all += problem + "\n";
    return all;
  };
  for (const std::int64_t count : {2, 3, 5}) {
    EXPECT_EQ(in_processes(count, text), std::vector<std::string>(count, text({}))) << count;
  }
  // Each process reports its part of the work, from the first task to the last, and none of nothing.
  const auto progress = [&](OpenOptions options) {
    std::string last = "none";
    options.progress = [&](const std::string& what, std::int64_t done, std::int64_t all) {
      if (done < 1 || done > all) throw Error("progress " + std::to_string(done) + " of " + std::to_string(all));
      last = std::to_string(done) + "/" + std::to_string(all) + " " + what;
    };
    open("", options);
    return last;
  };
  EXPECT_EQ(progress({}), "150/150 image headers read");
  EXPECT_EQ(in_processes(2, progress),
            (std::vector<std::string>{"64/64 image headers read", "128/128 image headers read"}));
  put_file("2.png", "no image");
  put_file("3.png", png(3).substr(0, 60));
  const auto skipping = [&](OpenOptions options) {
    options.skip_corrupt = true;
    return text(options);
  };
  EXPECT_NE(skipping({}).find("2.png: "), std::string::npos);
  EXPECT_EQ(in_processes(2, skipping), std::vector<std::string>(2, skipping({})));
  EXPECT_TRUE(in_processes(2,
                           [&](const OpenOptions& options) {
                             return options.shard.index == 0 ? text(options) : fingerprint(open("0.tar", options));
                           })[1]
                  .find("see different files") != std::string::npos);
  const auto errors = in_processes(3, text);
  EXPECT_TRUE(errors[0].starts_with(path("2.png") + ": ")) << errors[0];
  EXPECT_EQ(errors, std::vector<std::string>(3, errors[0]));
}

TEST_F(ArchivesTest, WithErrorsStopAllProcesses) {
  put_tar("0.tar", {{"0.png", png(0)}});
  put_tar("1.tar", {{"1.png", png(1)}});
  put_file("2.tar", tar_member("2.png", png(2)).substr(0, 700));
  const auto open_in = [&](const OpenOptions& options) { return open("", options).name; };
  const auto errors = in_processes(3, open_in);
  EXPECT_TRUE(errors[0].starts_with(path("2.tar"))) << errors[0];
  EXPECT_EQ(errors, std::vector<std::string>(3, errors[0]));
}

}  // namespace
}  // namespace glow::images::archives_test
