#include "tools/common/presets.h"

#include <algorithm>
#include <vector>

#include <glow/error.h>
#include <glow/nearest_name.h>

#include "tools/common/text.h"

namespace glow::tools {
namespace {

struct Preset {
  std::string name;
  std::string purpose;
  GivenFlags flags;
};

const std::vector<Preset>& presets() {
  // The settings of the paper (Glow, tables 2 and 4, figures 4 and 5), with batches for one GPU: the published runs had
  // several processes.
  static const std::vector<Preset> all{
      {"demo",
       "a small model of Fashion-MNIST, minutes on a laptop",
       {{"data", "fashion-mnist"},
        {"bits", "5"},
        {"levels", "2"},
        {"depth", "8"},
        {"width", "96"},
        {"batch", "16"},
        {"steps", "3000"},
        {"lr", "0.002"},
        {"warmup-epochs", "0.02"},
        {"beta2", "0.99"},
        {"ema-decay", "0.99"},
        {"clip-norm", "50"},
        {"log-every", "50"},
        {"eval-every", "1000"},
        {"sample-every", "1000"},
        {"checkpoint-every", "1000"}}},
      {"pictures",
       "a folder of a few hundred pictures of one kind, at 64x64: about 7 minutes on two cores",
       {{"image-size", "64"},
        {"flip", "true"},
        {"bits", "5"},
        {"levels", "4"},
        {"depth", "8"},
        {"width", "64"},
        {"batch", "16"},
        {"steps", "2500"},
        {"lr", "0.002"},
        {"beta2", "0.99"},
        {"ema-decay", "0.99"},
        {"clip-norm", "50"}}},
      {"fashion-mnist",
       "Fashion-MNIST at full size",
       {{"data", "fashion-mnist"}, {"levels", "2"}, {"depth", "32"}, {"epochs", "100"}}},
      {"cifar10",
       "the paper's settings for CIFAR-10, where it reports 3.35 bits/dim (its batch: --batch 512)",
       {{"levels", "3"}, {"depth", "32"}, {"shift", "true"}, {"epochs", "1000"}}},
      {"cifar10-conditional",
       "the paper's settings for class-conditional CIFAR-10",
       {{"conditional", "true"},
        {"weight-y", "0.01"},
        {"bits", "5"},
        {"levels", "3"},
        {"depth", "32"},
        {"coupling", "additive"},
        {"shift", "true"},
        {"epochs", "1000"}}},
      {"imagenet32",
       "the paper's settings for ImageNet 32x32, where it reports 4.09 bits/dim",
       {{"image-size", "32"}, {"levels", "3"}, {"depth", "48"}, {"epochs", "50"}}},
      {"imagenet64",
       "the paper's settings for ImageNet 64x64, where it reports 3.81 bits/dim",
       {{"image-size", "64"}, {"levels", "4"}, {"depth", "48"}, {"batch", "32"}, {"epochs", "50"}}},
      {"lsun64",
       "the paper's settings for an LSUN category: random crops of 64x64",
       {{"image-size", "64"},
        {"resize", "96"},
        {"random-crop", "true"},
        {"levels", "3"},
        {"depth", "48"},
        {"batch", "32"},
        {"epochs", "20"}}},
      {"celeba-hq-256",
       "the paper's settings for CelebA-HQ 256x256 (its batch: --batch 40); needs a large GPU (--dry-run estimates "
       "the memory)",
       {{"image-size", "256"},
        {"bits", "5"},
        {"levels", "6"},
        {"depth", "32"},
        {"coupling", "additive"},
        {"batch", "8"},
        {"epochs", "500"}}},
  };
  return all;
}

/// The flags as written on a command line, in lines of at most kHelpColumns characters.
std::string lines_of(const GivenFlags& flags) {
  constexpr std::size_t kHelpColumns = 110;
  const std::string indent = "   ";
  std::string text;
  std::string line = indent;
  for (const auto& flag : flags) {
    const auto words = " --" + flag.name + (flag.value == "true" ? "" : " " + flag.value);
    if (line.size() + words.size() > kHelpColumns) {
      text += line + "\n";
      line = indent;
    }
    line += words;
  }
  return text + line + "\n";
}

}  // namespace

const GivenFlags& preset_flags(const std::string& name) {
  for (const auto& preset : presets()) {
    if (preset.name == name) return preset.flags;
  }
  const auto names = preset_names();
  throw ConfigError("preset",
                    "unknown value '" + name + "', expected one of " + joined(names) + did_you_mean(name, names));
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const auto& preset : presets()) names.push_back(preset.name);
  return names;
}

bool is_preset(const std::string& name) {
  return std::ranges::any_of(presets(), [&](const Preset& preset) { return preset.name == name; });
}

std::string describe_presets(bool with_flags) {
  std::string text;
  for (const auto& preset : presets()) {
    text += "  " + preset.name + ": " + preset.purpose + "\n" + (with_flags ? lines_of(preset.flags) : "");
  }
  return text;
}

}  // namespace glow::tools
