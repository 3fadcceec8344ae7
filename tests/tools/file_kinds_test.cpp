#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <glow/io/image.h>
#include <glow/io/npy.h>
#include <glow/io/safetensors.h>

#include "support/pictures.h"
#include "support/tools.h"

// Files in place of other files, given to the flags of the tools. tests/images/check_sources.py does the same for data
// sets, tests/io/file_kind_test.cpp has all kinds.
namespace glow::testing::file_kinds_test {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

/// The directory that relative paths begin at, during the object's lifetime.
class WorkingDirectory {
 public:
  explicit WorkingDirectory(const fs::path& path) { fs::current_path(path); }
  ~WorkingDirectory() { fs::current_path(before_); }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;

 private:
  fs::path before_ = fs::current_path();
};

/// The value of HOME during the object's lifetime.
class Home {
 public:
  explicit Home(const fs::path& path) : before_(std::getenv("HOME") == nullptr ? "" : std::getenv("HOME")) {
    ::setenv("HOME", path.c_str(), 1);
  }
  ~Home() { ::setenv("HOME", before_.c_str(), 1); }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

 private:
  std::string before_;
};

class GlowToolsKinds : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (directory_ / name).string(); }

  /// The outcomes of every tool, with the file as its model.
  std::vector<std::pair<std::string, Outcome>> with_model(const std::string& model) {
    const auto images = "npy:" + put_images(directory_ / "images.npy", {20, 4, 8}).string();
    return {{"glow-sample", sample({"--model", model, "--out", path("out.png")})},
            {"glow-sample", sample({"--model", model, "--describe"})},
            {"glow-eval", eval({"--model", model, "--data", images, "--split", "all"})},
            {"glow-edit", edit({"encode", "--model", model, "--images", path("images.npy"), "--out", path("z.npy")})},
            {"glow-train", train({"--init-from", model, "--data", images, "--out", path("run")})}};
  }

  TemporaryDirectory directory_;
};

TEST_F(GlowToolsKinds, NameWhatAModelFileIs) {
  const std::string picture = io::encode_png(make_picture(8, 8, 3));
  const std::vector<std::pair<std::string, std::string>> cases{
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 132735\n",
       "expected a safetensors file, is a pointer of Git LFS: `git lfs pull` fetches the file"},
      {"PK\x03\x04"s + std::string(22, '\0') + little_endian(16, 2) + little_endian(0, 2) + "archive/data.pkl",
       "expected a safetensors file, is a PyTorch file (.pt, .pth): save its tensors with numpy or safetensors"},
      {"\x80\x04\x95\x10\0\0\0\0\0\0\0}"s, "expected a safetensors file, is a pickle"},
      {picture, "expected a safetensors file, is a PNG image"},
      {"<!DOCTYPE html>", "expected a safetensors file, is an HTML page: probably the error page of a download"},
      {"", "expected a safetensors file, is an empty file"}};
  for (const auto& [content, sentence] : cases) {
    put(path("m"), content);
    for (const auto& [tool, outcome] : with_model(path("m"))) {
      EXPECT_TRUE(failed(outcome, tool, 1, {tool + ": " + path("m") + ": " + sentence + "\n"}));
    }
  }
}

TEST_F(GlowToolsKinds, NameTheModelOfARun) {
  const auto run = directory_ / "demo";
  fs::create_directories(run / "checkpoints");
  put(run / "model.safetensors", get(kGreyModel));
  const auto checkpoint = run / "checkpoints" / "step-000000002.safetensors";
  io::write_safetensors(checkpoint, {{"format", "glow-checkpoint"}}, {});
  const auto its_model = "its model is " + (run / "model.safetensors").string();
  for (const auto& [given, sentence] : {std::pair{run, "is the directory of a run: " + its_model},
                                        {run / "", "is the directory of a run: " + its_model},
                                        {run / "checkpoints", "is the directory of a run's checkpoints: " + its_model},
                                        {checkpoint,
                                         "expected a model of Glow, is a checkpoint of glow-train: the model of its "
                                         "run is " +
                                             (run / "model.safetensors").string()},
                                        {directory_.path(), "expected a file, is a directory"s}}) {
    for (const auto& [tool, outcome] : with_model(given.string())) {
      EXPECT_TRUE(failed(outcome, tool, 1, {given.string() + ": " + sentence + "\n"}));
    }
  }
}

/// A model file as the public library saves it again: the same metadata and tensors, in another order.
std::string saved_again(const fs::path& model) {
  const io::SafetensorsReader reader(model);
  nlohmann::json header;
  header["__metadata__"] = reader.metadata();
  std::string data;
  for (const auto& entry : reader.entries()) {
    header[entry.name] = {{"dtype", entry.dtype},
                          {"shape", entry.shape},
                          {"data_offsets", {data.size(), data.size() + entry.data.size()}}};
    data += entry.data;
  }
  return little_endian(header.dump().size(), 8) + header.dump() + data;
}

TEST_F(GlowToolsKinds, TellHowToRenewAStaleChecksum) {
  const auto described = [&](const std::string& bytes) {
    put(path("m"), bytes);
    return sample({"--model", path("m"), "--describe"});
  };
  const auto again = saved_again(kGreyModel);
  const std::string another =
      "m: its checksum, glow.checksum, is not that of its content: another program saved it and "
      "did not renew the checksum (docs/formats.md tells how), or it is damaged\n";
  EXPECT_TRUE(failed(described(again), "glow-sample", 1, {another}));
  EXPECT_TRUE(failed(described(again.substr(0, again.size() - 1)), "glow-sample", 1, {"m: truncated: "}));
  auto flipped = get(kGreyModel);
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  EXPECT_TRUE(failed(described(flipped), "glow-sample", 1, {another}));
  const io::SafetensorsReader reader(kGreyModel);
  for (const auto& [metadata, seen] : {std::pair{io::Metadata{{"format", "np"}}, "its \"format\" is \"np\""},
                                       {io::Metadata{}, "has no \"format\" in its metadata"}}) {
    io::write_safetensors(path("n"), metadata, reader.entries());
    EXPECT_TRUE(failed(described(get(path("n"))), "glow-sample", 1,
                       {"m: expected a model of Glow, "s + seen +
                        ": another program wrote it, or saved it without its metadata (docs/formats.md)\n"}));
  }
}

TEST_F(GlowToolsKinds, NameOtherFilesOfGlowEdit) {
  put_images(directory_ / "images.npy", {20, 4, 8});
  const auto decoded = [&](const std::string& latents) {
    return edit({"decode", "--model", kGreyModel, "--latents", latents, "--out", path("out.png")});
  };
  const auto applied = [&](const std::string& directions) {
    return edit({"apply", "--model", kGreyModel, "--directions", directions, "--images", path("images.npy"), "--out",
                 path("out.png")});
  };
  EXPECT_TRUE(failed(decoded(kGreyModel), "glow-edit", 1, {"expected a file of latents, is a model of Glow\n"}));
  EXPECT_TRUE(failed(applied(kGreyModel), "glow-edit", 1, {"expected a file of directions, is a model of Glow\n"}));
  put(path("a.safetensors"), "\x1f\x8b\x08"s);
  EXPECT_TRUE(
      failed(decoded(path("a.safetensors")), "glow-edit", 1,
             {"expected a file of latents (.npy or .safetensors), is compressed data (gzip): unpack it first"}));
  put(path("list.csv"), "PK\x03\x04"s + std::string(22, '\0') + little_endian(19, 2) + "\0\0[Content_Types].xml"s);
  EXPECT_TRUE(failed(edit({"directions", "--model", kGreyModel, "--data", "npy:" + path("images.npy"), "--attributes",
                           path("list.csv"), "--out", path("d.safetensors")}),
                     "glow-edit", 1, {"expected a list of attributes, is an Office document: save it as CSV\n"}));
}

TEST_F(GlowToolsKinds, AcceptEndingsInUpperCase) {
  put_images(directory_ / "A.NPY", {20, 4, 8});
  const Arguments model{"--model", kGreyModel};
  ASSERT_TRUE(
      succeeded(edit(Arguments{"encode"} + model + Arguments{"--images", path("A.NPY"), "--out", path("Z.NPY")})));
  ASSERT_TRUE(
      succeeded(edit(Arguments{"decode"} + model + Arguments{"--latents", path("Z.NPY"), "--out", path("B.NPY")})));
  ASSERT_TRUE(
      succeeded(edit(Arguments{"decode"} + model + Arguments{"--latents", path("Z.NPY"), "--out", path("B.PNG")})));
  EXPECT_EQ(io::NpyReader(path("B.NPY")).shape(), (std::vector<std::int64_t>{20, 4, 8}));
  EXPECT_GT(io::read_image(path("B.PNG")).shape.width, 8);
  EXPECT_TRUE(succeeded(eval(model + Arguments{"--data", "npy:" + path("A.NPY"), "--split", "all", "--scores",
                                               path("S.CSV"), "--histogram", path("H.SVG")})));
  EXPECT_TRUE(fs::exists(path("S.CSV")) && fs::exists(path("H.SVG")));
}

TEST_F(GlowToolsKinds, ExpandTheHomeDirectory) {
  const Home home(directory_.path());
  put_images(directory_ / "a.npy", {20, 4, 8});
  for (const char* name : {"a.png", "b.png"}) put(path(name), io::encode_png(make_picture(4, 8, 1)));
  put(path("m.safetensors"), get(kGreyModel));
  EXPECT_TRUE(succeeded(
      eval({"--model=~/m.safetensors", "--data", "npy:~/a.npy", "--split", "all", "--scores", "~/scores.csv"})));
  EXPECT_TRUE(fs::exists(path("scores.csv")));
  EXPECT_TRUE(succeeded(
      edit({"encode", "--model", "~/m.safetensors", "--images", "~/a.png,~/b.png", "--out=~/z.safetensors"})));
  EXPECT_TRUE(fs::exists(path("z.safetensors")));
}

TEST_F(GlowToolsKinds, NameTheConfigurationOfARun) {
  fs::create_directory(path("run"));
  put(path("run/config.json"), "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_TRUE(failed(train({"--out", path("run"), "--resume"}), "glow-train", 1,
                     {"config.json: expected the configuration of a run of glow-train, is a pointer of Git LFS"}));
}

/// Trains in the working directory with relative paths.
Outcome train_here(const Arguments& more) {
  return train(Arguments{"--data", "npy:data/images.npy", "--out", "runs/demo", "--quiet", "--steps", "2"} +
               tiny_model() + more);
}

TEST(GlowTrainFromElsewhere, FindsTheDataOfARelativePath) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "data");
  put_images(directory / "data" / "images.npy", {40, 8, 8});
  {
    const WorkingDirectory here(directory.path());
    ASSERT_TRUE(succeeded(train_here({})));
    ASSERT_TRUE(succeeded(train_here({"--out", "runs/whole", "--steps", "4"})));
  }
  const auto runs = directory / "runs";
  {
    const WorkingDirectory elsewhere(runs);
    ASSERT_TRUE(succeeded(train({"--out", "demo", "--resume", "--steps", "3", "--quiet"})));
  }
  fs::create_directory(directory / "other");
  {
    const WorkingDirectory elsewhere(directory / "other");
    ASSERT_TRUE(succeeded(train({"--out", "../runs/demo", "--resume", "--steps", "4", "--quiet"})));
  }
  // The record of the model file is that of the run without interruptions.
  EXPECT_EQ(get(runs / "demo" / "model.safetensors"), get(runs / "whole" / "model.safetensors"));
}

TEST(GlowTrainFromElsewhere, SaysThatDataGivesTheirNewPlace) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "data");
  const auto images = put_images(directory / "data" / "images.npy", {40, 8, 8});
  const auto run = directory / "runs" / "demo";
  {
    const WorkingDirectory here(directory.path());
    ASSERT_TRUE(succeeded(train_here({})));
  }
  const Arguments resume{"--out", run.string(), "--resume", "--steps", "3", "--quiet"};
  fs::create_directory(directory / "moved");
  fs::rename(directory / "data", directory / "moved" / "data");
  EXPECT_TRUE(failed(train(resume), "glow-train", 1,
                     {"cannot read " + images.string() + ": it does not exist; it is the --data of " +
                      (run / "config.json").string() + " (moved? --resume --data npy:NEW)\n"}));
  {
    // A path that is relative to the directory of this call, as before the run kept an absolute one.
    const WorkingDirectory moved(directory / "moved");
    EXPECT_TRUE(succeeded(train(resume)));
  }
  fs::rename(directory / "moved" / "data" / "images.npy", directory / "new.npy");
  EXPECT_TRUE(succeeded(train({"--out", run.string(), "--resume", "--steps", "4", "--quiet", "--data",
                               "npy:" + (directory / "new.npy").string()})));
}

}  // namespace
}  // namespace glow::testing::file_kinds_test
