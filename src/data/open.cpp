#include <algorithm>
#include <array>
#include <filesystem>
#include <string>

#include <glow/data/source.h>
#include <glow/error.h>

#include "data/formats.h"

namespace glow::data {
namespace {

using Path = std::filesystem::path;

struct Kind {
  std::string name;
  /// How a specification of this kind is written.
  std::string usage;
  /// Where the data are when the specification does not say; empty: it must say.
  std::string default_path;
  DataSet (*open)(const Path& path, const OpenOptions& options);
  /// Whether each image is a file of its own, which can be left out.
  bool has_image_files;
};

const std::array<Kind, 4>& kinds() {
  static const std::array<Kind, 4> all{{
      {"fashion-mnist", "fashion-mnist[:DIR]", "/usr/share/datasets/fashion-mnist",
       [](const Path& path, const OpenOptions&) { return open_fashion_mnist(path); }, false},
      {"cifar10", "cifar10:DIR", "", [](const Path& path, const OpenOptions&) { return open_cifar10(path); }, false},
      {"folder", "folder:DIR", "", open_folder, true},
      {"npy", "npy:FILE", "", [](const Path& path, const OpenOptions&) { return open_npy(path); }, false},
  }};
  return all;
}

}  // namespace

DataSet open_data_set(const std::string& specification, const OpenOptions& options) {
  const std::size_t colon = specification.find(':');
  const auto kind = std::find_if(kinds().begin(), kinds().end(),
                                 [&](const Kind& each) { return each.name == specification.substr(0, colon); });
  if (kind == kinds().end())
    throw ConfigError(options.field, "data set \"" + specification + "\" is of no known kind: expected " +
                                         kinds()[0].usage + ", " + kinds()[1].usage + ", " + kinds()[2].usage + " or " +
                                         kinds()[3].usage);
  const bool has_path = colon != std::string::npos;
  const std::string path = has_path ? specification.substr(colon + 1) : kind->default_path;
  if (path.empty())
    throw ConfigError(options.field, "data set \"" + specification + "\" names no path: expected " + kind->usage);
  if (options.skip_corrupt && !kind->has_image_files)
    throw ConfigError("skip_corrupt",
                      "expected folder:DIR, whose images can be left out one by one, got \"" + specification + "\"");
  DataSet set = kind->open(path, options);
  set.name = specification;
  return set;
}

std::vector<std::int64_t> all_labels(const ImageSource& source) {
  std::vector<std::int64_t> labels;
  labels.reserve(static_cast<std::size_t>(source.size()));
  for (std::int64_t index = 0; index < source.size(); ++index) labels.push_back(source.label(index));
  return labels;
}

}  // namespace glow::data
