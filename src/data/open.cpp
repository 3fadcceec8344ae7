#include <string>
#include <vector>

#include <glow/data/source.h>
#include <glow/error.h>

namespace glow::data {

// Each is defined in the source file of its name.
SourceKind fashion_mnist_kind();
SourceKind cifar10_kind();
SourceKind folder_kind();
SourceKind npy_kind();

const std::vector<SourceKind>& source_kinds() {
  static const std::vector<SourceKind> kinds{fashion_mnist_kind(), cifar10_kind(), folder_kind(), npy_kind()};
  return kinds;
}

namespace {

/// "A, B or C"
std::string alternatives(const std::vector<std::string>& texts) {
  std::string all;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) all += i + 1 < texts.size() ? ", " : " or ";
    all += texts[i];
  }
  return all;
}

template <class Wanted>
std::string usages(Wanted&& wanted) {
  std::vector<std::string> texts;
  for (const auto& kind : source_kinds()) {
    if (wanted(kind)) texts.push_back(kind.usage);
  }
  return alternatives(texts);
}

}  // namespace

std::string describe_source_kinds() {
  std::vector<std::string> texts;
  for (const auto& kind : source_kinds()) texts.push_back(kind.usage + " (" + kind.description + ")");
  return alternatives(texts);
}

Specification parse_specification(const std::string& specification) {
  const auto colon = specification.find(':');
  const auto name = specification.substr(0, colon);
  for (const auto& kind : source_kinds()) {
    if (kind.name != name) continue;
    return {&kind, colon == std::string::npos ? kind.default_path : specification.substr(colon + 1)};
  }
  return {};
}

DataSet open_data_set(const std::string& specification, const OpenOptions& options) {
  const auto [kind, path] = parse_specification(specification);
  const auto quoted = "data set \"" + specification + "\"";
  if (kind == nullptr) {
    throw ConfigError(options.field,
                      quoted + " is of no known kind: expected " + usages([](const SourceKind&) { return true; }));
  }
  if (path.empty()) throw ConfigError(options.field, quoted + " names no path: expected " + kind->usage);
  if (options.skip_corrupt && !kind->has_image_files) {
    throw ConfigError("skip_corrupt", "expected " +
                                          usages([](const SourceKind& each) { return each.has_image_files; }) +
                                          ", where each image is a file, got \"" + specification + "\"");
  }
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
