// Most tests call the tools in process. These tests show that a call has the same results as the program and does not
// depend on earlier calls.
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/files.h"
#include "support/runs.h"
#include "support/tools.h"

namespace glow::testing::programs_test {
namespace {

namespace fs = std::filesystem;

struct Tool {
  std::string name;
  Outcome (*call)(const Arguments&);
};

class Programs : public ::testing::TestWithParam<Tool> {
 protected:
  static Outcome run_program(const Arguments& arguments) {
    return run_process(command("glow-" + GetParam().name, arguments));
  }
};

TEST_P(Programs, PrintTheirVersion) {
  const auto outcome = run_program({"--version"});
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_TRUE(outcome.out.starts_with("glow-" + GetParam().name + " ")) << outcome.out;
  EXPECT_EQ(outcome.out, GetParam().call({"--version"}).out);
  EXPECT_EQ(outcome.err, "");
}

TEST_P(Programs, ExitWithTheCodeOfTheError) {
  EXPECT_TRUE(failed(run_program({"--colour", "3"}), "glow-" + GetParam().name, 2, {"--colour"}));
  const TemporaryDirectory directory;
  const auto file = (directory / "none.npy").string();
  Arguments missing{"--model", file, "--data", "npy:" + file, "--split", "all"};
  if (GetParam().name == "train") missing = {"--data", "npy:" + file, "--out", (directory / "run").string()};
  if (GetParam().name == "sample") missing = {"--model", file, "--out", (directory / "out.png").string()};
  if (GetParam().name == "edit") missing = {"decode", "--model", file, "--latents", file, "--out", file};
  EXPECT_TRUE(failed(run_program(missing), "glow-" + GetParam().name, 1, {file, "No such file"}));
}

TEST_P(Programs, ReportAnOutputThatCannotBeWritten) {
  const auto program = command("glow-" + GetParam().name, {"--help"})[0];
  EXPECT_TRUE(failed(run_process({"/bin/sh", "-c", program + " --help >/dev/full"}), "glow-" + GetParam().name, 1,
                     {"cannot write to the standard output"}));
}

INSTANTIATE_TEST_SUITE_P(, Programs,
                         ::testing::Values(Tool{"train", train}, Tool{"eval", eval}, Tool{"sample", sample},
                                           Tool{"edit", edit}),
                         name_of);

class ToolCalls : public ::testing::Test {
 protected:
  using Runner = Outcome (*)(const std::string& tool, const Arguments& arguments);

  static Outcome call_tool(const std::string& tool, const Arguments& arguments) {
    if (tool == "glow-train") return train(arguments);
    if (tool == "glow-eval") return eval(arguments);
    return tool == "glow-sample" ? sample(arguments) : edit(arguments);
  }
  static Outcome run_tool(const std::string& tool, const Arguments& arguments) {
    return run_process(command(tool, arguments));
  }

  /// Trains, resumes and uses the model. Returns everything that the tools print and write, except times.
  std::string results(Runner run) const {
    fs::remove_all(out_);
    std::string all;
    const auto add = [&](const std::string& tool, const Arguments& arguments) {
      const auto outcome = run(tool, arguments + Arguments{"--threads", "1"});
      all += tool + " " + std::to_string(outcome.exit_code) + "\n" + outcome.out + outcome.err;
    };
    const auto out = [&](const char* name) { return (out_ / name).string(); };
    const Arguments model{"--model", out("model.safetensors")}, to_run{"--out", out_.string(), "--quiet"};
    add("glow-train", tiny_model() + data_ + to_run + Arguments{"--steps", "3", "--checkpoint-every", "3"});
    add("glow-train", to_run + Arguments{"--resume", "--steps", "5"});
    add("glow-eval", model + data_ + Arguments{"--split", "all", "--scores", out("scores.csv")});
    add("glow-sample", model + Arguments{"--count", "3", "--out", out("samples.npy")});
    add("glow-edit", Arguments{"encode"} + model + Arguments{"--images", images_.string(), "--out", out("z.npy")});
    add("glow-edit", Arguments{"encode"} + model + Arguments{"--images", out("none.npy"), "--out", out("z2.npy")});
    for (const auto* file :
         {"metrics.jsonl", "config.json", "model.safetensors", "scores.csv", "samples.npy", "z.npy"}) {
      all += std::string(file) + "\n" + get(out_ / file);
    }
    return all + get(out_ / "checkpoints" / checkpoint_name(5));
  }

  /// The summary of a run with as many threads as there are cores.
  std::string summary() const {
    return train(tiny_model() + data_ + Arguments{"--dry-run", "--dry-run-steps", "0", "--threads", "0"}).out;
  }

  TemporaryDirectory directory_;
  fs::path images_ = put_images(directory_ / "images.npy", {40, 8, 8});
  fs::path out_ = directory_ / "run";
  Arguments data_{"--data", "npy:" + images_.string()};
};

TEST_F(ToolCalls, EqualTheResultsOfThePrograms) {
  const auto expected = results(run_tool);
  EXPECT_NE(expected.find("glow-train 0\n"), std::string::npos);
  EXPECT_NE(expected.find("glow-edit 1\n"), std::string::npos);
  EXPECT_TRUE(results(call_tool) == expected);
}

TEST_F(ToolCalls, DoNotDependOnEarlierCalls) {
  const auto first = results(call_tool), first_summary = summary();
  const auto other = tiny_model() + data_ +
                     Arguments{"--overwrite", "--out", (directory_ / "other").string(), "--steps", "2", "--quiet"};
  EXPECT_TRUE(succeeded(train(other + Arguments{"--threads", "2"})));
  for (const auto* precision : {"fp64", "bf16"}) {
    EXPECT_TRUE(succeeded(train(other + Arguments{"--precision", precision})));
  }
  EXPECT_EQ(train(other + Arguments{"--lr", "1e30", "--warmup-epochs", "0"}).exit_code, 1);
  EXPECT_EQ(eval({"--model"}).exit_code, 2);
  EXPECT_TRUE(results(call_tool) == first);
  EXPECT_EQ(summary(), first_summary);
}

TEST_F(ToolCalls, RestoreTheSettingsOfTheProcess) {
  struct sigaction before {
  }, after{};
  ::sigaction(SIGTERM, nullptr, &before);
  const auto threads = at::get_num_threads();
  const auto out = (directory_ / "out.png").string();
  EXPECT_TRUE(succeeded(sample({"--model", kGreyModel, "--count", "1", "--threads", "2", "--out", out})));
  ::sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
  EXPECT_EQ(at::get_num_threads(), threads);
}

}  // namespace
}  // namespace glow::testing::programs_test
