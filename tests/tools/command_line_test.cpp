#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <glow/error.h>
#include <glow/nn/latents.h>
#include <glow/ops/coupling_kind.h>

#include "support/files.h"
#include "support/pictures.h"
#include "support/throws.h"
#include "support/tools.h"
#include "tools/common/command_line.h"
#include "tools/common/flags.h"

namespace glow::testing::command_line_test {
namespace {

namespace fs = std::filesystem;
using tools::FlagText;
using tools::Kept;

struct Settings {
  std::string model;
  std::vector<std::string> images;
  std::vector<double> strengths = {1};
  std::string data;
  std::string out;
  std::int64_t count = 0;
  double ema_decay = -1;
  std::optional<std::int64_t> resize;
  ops::CouplingKind coupling = ops::CouplingKind::kAffine;
  bool overwrite = false;
  bool quiet = false;
  std::string precision = "fp32";
  nn::Temperature temperature = 1;
};

template <class Visitor>
void visit_fields(Settings& settings, Visitor&& visit) {
  visit("model", settings.model);
  visit("images", settings.images);
  visit("strengths", settings.strengths);
  visit("data", settings.data);
  visit("out", settings.out);
  visit("count", settings.count);
  visit("ema_decay", settings.ema_decay);
  visit("resize", settings.resize);
  visit("coupling", settings.coupling);
  visit("overwrite", settings.overwrite);
  visit("quiet", settings.quiet);
  visit("precision", settings.precision);
  visit("temperature", settings.temperature);
}

std::vector<FlagText> rows() {
  return {{"model", "Input", "FILE", "the model"},
          {"images", "Input", "IMAGES", "the images"},
          {"strengths", "Input", "S,...", "factors"},
          {"data", "Input", "SOURCE", "a data set"},
          {"out", "Output", "OUT", "the output"},
          {"count", "Input", "N|all", "how many", Kept::kFixed, "", tools::number_word("all", 0),
           tools::old_name("number")},
          {"ema_decay", "Input", "D", "decay", Kept::kFixed, "", {{"auto", "-1"}, {"none", "0"}}},
          {"resize", "Input", "R|fit", "size", Kept::kNo, "", tools::number_word("fit", 0)},
          {"coupling", "Input", "KIND", "coupling"},
          {"overwrite", "Output", "", "replace"},
          {"quiet", "Output", "", "print nothing"},
          {"precision", "Input", "KIND", "precision", Kept::kNo, "", tools::NumberWords(),
           tools::old_name("float64", "fp64")},
          {"temperature", "Input", "T", "temperature"}};
}

/// A call of a tool with these flags.
class CommandLines : public ::testing::Test {
 protected:
  /// Sets settings_, out_ and err_; returns whether there is work to do.
  bool read(const Arguments& arguments) {
    settings_ = {};
    std::ostringstream out, err;
    tools::Console console{out, err};
    tools::Flags flags(rows());
    flags.bind(settings_);
    const auto given = parse_command_line(tool_, flags, arguments, console);
    if (given) flags.set(*given);
    if (given) flags.set_agreeing(*given, "what was set");
    out_ = out.str();
    err_ = err.str();
    return given.has_value();
  }

  std::string error_of(const Arguments& arguments) {
    try {
      read(arguments);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "no error";
  }

  tools::ToolText tool_{.name = "glow-try",
                        .purpose = "Tries.",
                        .closing = "Examples\n  glow-try m\n",
                        .positional = {"model", "images"},
                        .common = {"model", "count"},
                        .full_closing = "All examples\n"};
  TemporaryDirectory directory_;
  Settings settings_;
  std::string out_, err_;
};

TEST_F(CommandLines, HaveShortFlags) {
  EXPECT_TRUE(read({"-o", "a.png", "-n", "3", "-q"}));
  EXPECT_EQ(settings_.out, "a.png");
  EXPECT_EQ(settings_.count, 3);
  EXPECT_TRUE(settings_.quiet);
  EXPECT_FALSE(settings_.overwrite);
  EXPECT_TRUE(read({"-n5", "-o=b.png"}));
  EXPECT_EQ(settings_.count, 5);
  EXPECT_EQ(settings_.out, "b.png");
  EXPECT_TRUE(read({"-qn", "7"}));
  EXPECT_TRUE(settings_.quiet);
  EXPECT_EQ(settings_.count, 7);
  EXPECT_EQ(error_of({"-z"}), "unknown flag -z (--help-all lists them all)");
  EXPECT_TRUE(read({"-oX"}));
  EXPECT_EQ(settings_.out, "X");
  EXPECT_EQ(error_of({"-n"}), "-n: expected a value, got none");
  EXPECT_EQ(error_of({"-o", "-n", "3"}), "-o: expected a value, got the flag -n");
}

TEST_F(CommandLines, RefuseLongNamesWithOneDash) {
  const std::vector<std::pair<Arguments, std::string>> cases{
      {{"-out", "x"}, "unknown flag -out (did you mean --out?)"},
      {{"-out=s5.png"}, "unknown flag -out (did you mean --out?)"},
      {{"-output", "zz"}, "unknown flag -output (did you mean --out?)"},
      {{"-output=zz"}, "unknown flag -output (did you mean --out?)"},
      {{"-model=zz"}, "unknown flag -model (did you mean --model?)"},
      {{"-modle=zz"}, "unknown flag -modle (did you mean --model?)"},
      {{"-number=3"}, "unknown flag -number (did you mean --count?)"},
      {{"-quiet"}, "unknown flag -quiet (did you mean --quiet?)"},
      {{"-help"}, "unknown flag -help (did you mean --help?)"},
  };
  for (const auto& [words, message] : cases) EXPECT_EQ(error_of(words), message);
}

TEST_F(CommandLines, TakeValuesAfterASpaceOrAnEqualsSign) {
  EXPECT_TRUE(read({"--out=a=b", "--ema-decay", "-1", "--overwrite=false", "--quiet=true"}));
  EXPECT_EQ(settings_.out, "a=b");
  EXPECT_EQ(settings_.ema_decay, -1);
  EXPECT_FALSE(settings_.overwrite);
  EXPECT_TRUE(settings_.quiet);
  EXPECT_TRUE(read({"--out", "a", "--out", "b"}));
  EXPECT_EQ(settings_.out, "b");
  EXPECT_EQ(error_of({"--quiet=perhaps"}), "--quiet=perhaps: expected true or false");
  EXPECT_EQ(error_of({"--out"}), "--out: expected a value, got none");
  EXPECT_EQ(error_of({"--out", "--quiet"}), "--out: expected a value, got the flag --quiet");
}

TEST_F(CommandLines, TakeSeveralWordsForAList) {
  const std::vector<std::string> abc{"a.png", "b.png", "c.png"};
  const std::vector<Arguments> ways{{"--images", "a.png", "b.png", "c.png", "-q"},
                                    {"--images", "a.png,b.png,c.png", "-q"},
                                    {"--images", "a.png", "b.png", "--quiet", "--images=c.png"},
                                    {"--images", "a.png,b.png", "--images", "c.png", "--quiet"}};
  for (const auto& words : ways) {
    EXPECT_TRUE(read(words));
    EXPECT_EQ(settings_.images, abc) << words[1];
    EXPECT_TRUE(settings_.quiet);
  }
}

TEST_F(CommandLines, TakeOnlyNumbersForAListOfNumbers) {
  EXPECT_TRUE(read({"--strengths", "-1", "0", "1e-1,2", "model", "a.png"}));
  EXPECT_EQ(settings_.strengths, (std::vector<double>{-1, 0, 0.1, 2}));
  EXPECT_EQ(settings_.model, "model");
  EXPECT_EQ(settings_.images, std::vector<std::string>{"a.png"});
  EXPECT_EQ(error_of({"--strengths", "much"}), "--strengths: expected a number, got 'much'");
  EXPECT_TRUE(read({"--temperature", "0.5", "0.7", "model", "a.png"}));
  EXPECT_EQ(settings_.temperature.values(), (std::vector<double>{0.5, 0.7}));
  EXPECT_EQ(settings_.model, "model");
}

TEST_F(CommandLines, KeepAnExistingPathWithCommasWhole) {
  std::vector<std::string> paths;
  for (const auto* name : {"a,b.png", "c\\,d.png", "e\\", ",", "f.png"}) {
    paths.push_back((directory_ / name).string());
    put(paths.back(), "");
  }
  EXPECT_TRUE(read(Arguments{"--images"} + paths));
  EXPECT_EQ(settings_.images, paths);
  EXPECT_TRUE(read(Arguments{"model"} + paths));
  EXPECT_EQ(settings_.images, paths);
  EXPECT_TRUE(read({"--images", "npy:" + paths[0]}));
  EXPECT_EQ(settings_.images, std::vector<std::string>{"npy:" + paths[0]});
  EXPECT_TRUE(read({"--images", (directory_ / "no,file").string()}));
  EXPECT_EQ(settings_.images, (std::vector<std::string>{(directory_ / "no").string(), "file"}));
}

TEST_F(CommandLines, GiveWordsWithoutFlagsToThePositionalFlags) {
  const std::vector<std::string> ab{"a.png", "b.png"};
  const std::vector<Arguments> ways{{"m", "a.png", "b.png"},
                                    {"m", "--overwrite", "a.png", "--count", "3", "b.png"},
                                    {"--model", "m", "a.png", "b.png"},
                                    {"m", "--images", "a.png", "b.png"},
                                    {"--", "m", "a.png", "b.png"}};
  for (const auto& words : ways) {
    EXPECT_TRUE(read(words));
    EXPECT_EQ(settings_.model, "m") << words[0];
    EXPECT_EQ(settings_.images, ab) << words[0];
  }
  EXPECT_TRUE(read({"--", "-m", "--images"}));
  EXPECT_EQ(settings_.model, "-m");
  EXPECT_EQ(settings_.images, std::vector<std::string>{"--images"});
  EXPECT_EQ(error_of({"m", "a.png", "--images", "b.png"}), "'a.png' belongs to no flag: --images is given already");
  EXPECT_EQ(error_of({"-m", "m", "m", "a.png"}), "'m' belongs to no flag: --model is given already");
}

TEST_F(CommandLines, RefuseWordsWithoutFlagsIfThereAreNoPositionalFlags) {
  tool_.positional = {};
  EXPECT_EQ(error_of({"word"}), "'word' belongs to no flag (--help-all lists them all)");
  EXPECT_EQ(error_of({"overwrte"}), "'overwrte' belongs to no flag (did you mean --overwrite?)");
  EXPECT_EQ(error_of({directory_.path().string()}), "'" + directory_.path().string() +
                                                        "' belongs to no flag (did you mean --data " +
                                                        directory_.path().string() + "?)");
  EXPECT_EQ(error_of({"--quiet", "yes"}), "--quiet: takes no value, got 'yes'");
  EXPECT_EQ(error_of({"folder:none"}), "'folder:none' belongs to no flag (did you mean --data folder:none?)");
  EXPECT_EQ(error_of({"cifar10"}), "'cifar10' belongs to no flag (did you mean --data cifar10?)");
}

TEST_F(CommandLines, RefuseAValueAfterASwitch) {
  EXPECT_EQ(error_of({"--quiet", "false", "m"}), "--quiet: takes no value, got 'false' (did you mean --quiet=false?)");
  EXPECT_EQ(error_of({"m", "-q", "true"}), "-q: takes no value, got 'true' (did you mean --quiet=true?)");
  EXPECT_EQ(error_of({"--float64", "false", "m"}),
            "--float64: takes no value, got 'false' (did you mean --float64=false?)");
  EXPECT_TRUE(read({"--quiet", "m", "false"}));
  EXPECT_EQ(settings_.images, std::vector<std::string>{"false"});
}

TEST_F(CommandLines, SuggestNames) {
  const std::vector<std::pair<Arguments, std::string>> cases{
      {{"--cuont", "3"}, "unknown flag --cuont (did you mean --count?)"},
      {{"--Out", "x"}, "unknown flag --Out (did you mean --out?)"},
      {{"--ema_decay=3"}, "unknown flag --ema_decay (did you mean --ema-decay?)"},
      {{"--hlep"}, "unknown flag --hlep (did you mean --help?)"},
      {{"--output", "x"}, "unknown flag --output (did you mean --out?)"},
      {{"--input", "x"}, "unknown flag --input (did you mean --images?)"},
      {{"--num-samples", "3"}, "unknown flag --num-samples (did you mean --count?)"},
      {{"--gpus", "2"}, "unknown flag --gpus: one process uses one device; --device cuda:N chooses it"},
      {{"-x", "3"}, "unknown flag -x (--help-all lists them all)"},
      {{"--=x"}, "unknown flag --=x (a flag is --NAME VALUE or --NAME=VALUE)"},
      {{"--colour", "red"}, "unknown flag --colour (--help-all lists them all)"},
      {{"--coupling", "afine"},
       "--coupling: unknown value 'afine', expected one of " + all_names<ops::CouplingKind>() +
           " (did you mean affine?)"},
      {{"--count", "al"}, "--count: expected a whole number or all, got 'al' (did you mean all?)"},
      {{"--ema-decay", "off"}, "--ema-decay: expected a number, auto or none, got 'off'"},
  };
  for (const auto& [words, message] : cases) EXPECT_EQ(error_of(words), message);
}

TEST_F(CommandLines, TakeTheLastValueOfARepeatedFlag) {
  EXPECT_TRUE(read({"--count", "three", "--quiet", "--count=4", "-n5", "--quiet=false"}));
  EXPECT_EQ(settings_.count, 5);
  EXPECT_FALSE(settings_.quiet);
}

TEST_F(CommandLines, TakeOldNamesWithANote) {
  EXPECT_TRUE(read({"--number", "3"}));
  EXPECT_EQ(settings_.count, 3);
  EXPECT_EQ(err_, "note: --number is now --count\n");
  EXPECT_TRUE(read({"--float64"}));
  EXPECT_EQ(settings_.precision, "fp64");
  EXPECT_EQ(err_, "note: --float64 is now --precision fp64\n");
  EXPECT_TRUE(read({"--float64=false", "--count", "3"}));
  EXPECT_EQ(settings_.precision, "fp32");
  EXPECT_EQ(error_of({"--float64=maybe"}), "--float64=maybe: expected true or false");
  EXPECT_EQ(error_of({"--count", "2", "--number", "3"}), "--count: is given twice, also by its old name --number");
  EXPECT_EQ(error_of({"--number", "3", "-n", "2"}), "--count: is given twice, also by its old name --number");
  EXPECT_EQ(error_of({"--float64", "--precision", "fp64"}),
            "--precision: is given twice, also by its old name --float64");
}

TEST_F(CommandLines, TakeWordsForNumbers) {
  EXPECT_TRUE(read({"--count", "all", "--ema-decay", "none", "--resize", "fit"}));
  EXPECT_EQ(settings_.count, 0);
  EXPECT_EQ(settings_.ema_decay, 0);
  EXPECT_EQ(settings_.resize, 0);
  EXPECT_TRUE(read({"--count", "0", "--ema-decay", "0.5", "--resize", "64"}));
  EXPECT_EQ(settings_.ema_decay, 0.5);
  EXPECT_EQ(settings_.resize, 64);
}

TEST_F(CommandLines, StoreNumbersAndShowWords) {
  Settings settings;
  tools::Flags flags(rows());
  flags.bind(settings);
  flags.set({{"count", "all"}, {"ema-decay", "auto"}});
  EXPECT_EQ(flags.kept(), (tools::Json{{"count", 0}, {"ema_decay", -1.0}}));
  EXPECT_EQ(flags.at("count").shown(), "all");
  EXPECT_EQ(flags.at("ema-decay").shown(), "auto");
  EXPECT_EQ(flags.at("resize").shown(), "");
  flags.set({{"count", "7"}});
  EXPECT_EQ(flags.at("count").shown(), "7");
}

TEST_F(CommandLines, ReadTheBarePathOfADataSet) {
  const auto photos = directory_ / "photos";
  fs::create_directories(photos);
  put(photos / "a.png", "");
  EXPECT_TRUE(read({"--data", photos.string()}));
  EXPECT_EQ(settings_.data, "folder:" + photos.string());
  EXPECT_EQ(err_, "note: reading " + photos.string() + " as folder:" + photos.string() + "\n");
  const auto array = put_images(directory_ / "images.npy", {2, 8, 8});
  EXPECT_TRUE(read({"--data", array.string()}));
  EXPECT_EQ(settings_.data, "npy:" + array.string());
  // A single picture is no data set, a specification is not changed, and other paths have the error of before.
  for (const auto& text : {(photos / "a.png").string(), "folder:" + photos.string(), std::string("fashion-mnist"),
                           (directory_ / "none").string()}) {
    EXPECT_TRUE(read({"--data", text}));
    EXPECT_EQ(settings_.data, text);
    EXPECT_EQ(err_, "");
  }
}

TEST_F(CommandLines, HelpListsTheCommonFlags) {
  for (const auto* flag : {"--help", "-h"}) {
    EXPECT_FALSE(read({"--colour", flag}));
    for (const auto* text : {"Tries.\nUsage:\n  glow-try MODEL IMAGES... [--FLAG VALUE]...", "-m, --model FILE",
                             "-n, --count N|all", "(default: all)", "Examples\n  glow-try m\n",
                             "\nglow-try --help-all lists 11 more flags.\n", "-h, --help", "-V, --version"}) {
      EXPECT_NE(out_.find(text), std::string::npos) << text << out_;
    }
    EXPECT_EQ(out_.find("--coupling"), std::string::npos);
  }
}

TEST_F(CommandLines, HelpAllListsAllFlagsInTheirGroups) {
  EXPECT_FALSE(read({"--help-all"}));
  for (const auto& row : rows()) {
    auto name = "--" + row.field;
    std::replace(name.begin(), name.end(), '_', '-');
    EXPECT_NE(out_.find(name), std::string::npos) << name;
  }
  for (const auto* text : {" Input options:", " Output options:", "(default: auto)", "All examples\n"}) {
    EXPECT_NE(out_.find(text), std::string::npos) << text;
  }
  EXPECT_EQ(out_.find("--float64"), std::string::npos);
}

TEST_F(CommandLines, HelpJsonHasTheTableOfFlags) {
  EXPECT_FALSE(read({"--help-json"}));
  const auto json = tools::Json::parse(out_);
  EXPECT_EQ(json["name"], "glow-try");
  EXPECT_EQ(json["usage"], "MODEL IMAGES... [--FLAG VALUE]...");
  ASSERT_EQ(json["flags"].size(), rows().size() + 4);  // --version, --help, --help-all, --help-json
  const tools::Json count{{"name", "count"},  {"letter", "n"},      {"group", "Input"},
                          {"value", "N|all"}, {"help", "how many"}, {"default", "all"},
                          {"is_list", false}, {"is_path", false},   {"choices", {"all"}}};
  EXPECT_EQ(json["flags"][5], count);
  EXPECT_TRUE(json["flags"][1]["is_list"]);
  EXPECT_TRUE(json["flags"][1]["is_path"]);
  EXPECT_EQ(json["flags"][8]["choices"], (tools::Json{"additive", "affine"}));
}

TEST_F(CommandLines, HelpListsAllFlagsOfAToolWithoutCommonFlags) {
  tool_.common = {};
  EXPECT_FALSE(read({"-h"}));
  EXPECT_NE(out_.find("--coupling"), std::string::npos);
  EXPECT_EQ(out_.find("more flags"), std::string::npos);
}

TEST(ToolCommandLines, TakeTheModelAsAWord) {
  const TemporaryDirectory directory;
  const auto out = (directory / "out.npy").string(), again = (directory / "again.npy").string();
  EXPECT_TRUE(succeeded(sample({kColourModel, "-n", "2", "-o", out, "-j1"})));
  EXPECT_TRUE(
      succeeded(eval({kColourModel, "--data", out, "--split", "all", "--count", "all", "--importance", "none"})));
  const auto latents = (directory / "z.npy").string();
  EXPECT_TRUE(succeeded(edit({"encode", kColourModel, out, "-o", latents})));
  EXPECT_TRUE(succeeded(edit({"decode", kColourModel, latents, "--out", again})));
  EXPECT_EQ(get(again), get(out));
}

TEST(ToolCommandLines, SuggestNamesOfClassesPresetsSubcommandsAndDataSets) {
  const TemporaryDirectory directory;
  const auto out = (directory / "out.png").string();
  EXPECT_TRUE(failed(edit({"encod"}), "glow-edit", 2, {"unknown subcommand 'encod'", "(did you mean encode?)"}));
  EXPECT_TRUE(failed(edit({"--model", "m"}), "glow-edit", 2, {"expected a subcommand before --model: encode, "}));
  EXPECT_TRUE(failed(train({"--preset", "CIFAR10", "--out", out}), "glow-train", 2,
                     {"--preset: unknown value 'CIFAR10'", "(did you mean cifar10?)"}));
  EXPECT_TRUE(failed(train({"--data", "fodler:x", "--out", out}), "glow-train", 2, {"(did you mean folder?)"}));
  EXPECT_TRUE(failed(train({"--stpes", "3"}), "glow-train", 2, {"unknown flag --stpes (did you mean --steps?)"}));
  EXPECT_TRUE(failed(train({"demo"}), "glow-train", 2, {"'demo' belongs to no flag (did you mean --preset demo?)"}));
  EXPECT_TRUE(failed(train({"-n", "5"}), "glow-train", 2, {"unknown flag -n (--help-all lists them all)"}));
  for (const auto& words :
       {Arguments{"-o", "s.csv"}, Arguments{"-os.csv"}, Arguments{"-out=s.csv"}, Arguments{"--output", "s.csv"}}) {
    EXPECT_TRUE(failed(eval(words), "glow-eval", 2, {"(did you mean --scores?)"}));
  }
}

TEST(ToolCommandLines, AdviseNoLauncherForAToolOfOneProcess) {
  for (const auto& words : {Arguments{"--device", "cuda:0,1"}, Arguments{"--device=all"}, Arguments{"--gpus", "2"}}) {
    EXPECT_TRUE(failed(sample(words), "glow-sample", 2, {": one process uses one device; --device cuda:N chooses it"}));
    EXPECT_TRUE(failed(edit(Arguments{"encode"} + words), "glow-edit", 2,
                       {": one process uses one device; --device cuda:N chooses it"}));
  }
  EXPECT_TRUE(failed(sample({"--device", "0"}), "glow-sample", 2, {"--device: 0: expected", "(did you mean cuda:0?)"}));
}

TEST(ToolCommandLines, ExplainASubcommand) {
  const auto help = edit({"help", "vary"});
  EXPECT_TRUE(succeeded(help));
  EXPECT_EQ(help.out, edit({"vary", "-h"}).out);
  EXPECT_NE(help.out.find("glow-edit vary MODEL IMAGES"), std::string::npos) << help.out;
  EXPECT_EQ(edit({"help"}).out, edit({"--help"}).out);
  EXPECT_NE(help.out.find("-n, --variations N"), std::string::npos) << help.out;
  EXPECT_EQ(edit({"-h", "vary"}).out, help.out);
  EXPECT_EQ(edit({"--help", "vary"}).out, help.out);
  const auto all = edit({"vary", "--help-all"}).out;
  EXPECT_GT(all.size(), help.out.size());
  for (const auto& words : {Arguments{"help", "vary", "--help-all"}, Arguments{"help", "--help-all", "vary"},
                            Arguments{"--help-all", "vary"}}) {
    EXPECT_EQ(edit(words).out, all);
  }
  EXPECT_TRUE(failed(edit({"help", "vray"}), "glow-edit", 2, {"unknown subcommand 'vray'", "(did you mean vary?)"}));
}

TEST(ToolCommandLines, HelpJsonHasTheSubcommands) {
  const auto json = tools::Json::parse(edit({"--help-json"}).out);
  ASSERT_EQ(json["subcommands"].size(), 7U);
  EXPECT_EQ(json["subcommands"][6], tools::Json::parse(edit({"vary", "--help-json"}).out));
}

TEST(ToolCommandLines, TakeFlagsOfTheVersionBefore) {
  const TemporaryDirectory directory;
  const auto images = put_images(directory / "images.npy", {2, 8, 12, 3});
  const auto outcome = edit({"vary", "--model", kColourModel, "--images", images.string(), "--float64", "--count", "1",
                             "--temperature", "0.5", "--out", (directory / "out.png").string()});
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_EQ(outcome.err, "note: --float64 is now --precision fp64\nnote: --count is now --variations\n");
  EXPECT_TRUE(succeeded(edit({"vary", "--model", kColourModel, "--images", images.string(), "--temperatures", "0.5,1",
                              "--out", (directory / "factors.png").string()})));
  const auto scored =
      eval({"--model", kColourModel, "--data", "npy:" + images.string(), "--split", "all", "--float64"});
  EXPECT_TRUE(succeeded(scored));
  EXPECT_NE(scored.out.find("fp64"), std::string::npos) << scored.out;
}

TEST(ToolCommandLines, TakeImagesAsWords) {
  const TemporaryDirectory directory;
  put_picture(directory / "a,b.png", make_picture(8, 12, 3, 1));
  put_picture(directory / "c.png", make_picture(8, 12, 3, 2));
  const auto first = (directory / "a,b.png").string(), second = (directory / "c.png").string();
  const auto out = (directory / "z.npy").string();
  for (const auto& words : {Arguments{kColourModel, first, second}, Arguments{"-m", kColourModel, first, second},
                            Arguments{kColourModel, "--images", first, second},
                            Arguments{kColourModel, "--images", first, "--images", second}}) {
    const auto outcome = edit(Arguments{"encode"} + words + Arguments{"-o", out, "--overwrite"});
    EXPECT_TRUE(succeeded(outcome));
    EXPECT_TRUE(outcome.out.starts_with("latents of 2 images in " + out)) << outcome.out;
  }
}

/// The short help of each tool names flags that exist (Flags::at throws otherwise), and is short.
TEST(ToolCommandLines, HaveAShortHelp) {
  constexpr std::ptrdiff_t kMostLines = 45;
  const auto lines = [](const std::string& text) { return std::ranges::count(text, '\n'); };
  const std::vector<std::pair<Outcome, Outcome>> helps{{train({"-h"}), train({"--help-all"})},
                                                       {eval({"-h"}), eval({"--help-all"})},
                                                       {sample({"-h"}), sample({"--help-all"})}};
  for (const auto& [common, all] : helps) {
    EXPECT_TRUE(succeeded(common));
    EXPECT_TRUE(succeeded(all));
    EXPECT_LT(common.out.size(), all.out.size());
    EXPECT_LE(lines(common.out), kMostLines) << common.out;
    EXPECT_NE(all.out.find("OMP_NUM_THREADS"), std::string::npos) << "the full text";
    EXPECT_NE(common.out.find("--help-all lists "), std::string::npos) << common.out;
  }
  for (const auto* name : {"encode", "decode", "reconstruct", "interpolate", "directions", "apply", "vary"}) {
    const auto common = edit({name, "-h"}).out;
    EXPECT_NE(common.find("--help-all lists "), std::string::npos) << name;
    EXPECT_LE(lines(common), kMostLines) << common;
  }
}

}  // namespace
}  // namespace glow::testing::command_line_test
