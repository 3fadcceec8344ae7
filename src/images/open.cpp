#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include <glow/error.h>
#include <glow/images/source.h>
#include <glow/nearest_name.h>

#include "images/list_folder.h"
#include "io/digest.h"

namespace glow::images {

// Each is defined in the source file of its name; CIFAR's are both in cifar.cpp.
SourceKind fashion_mnist_kind();
SourceKind cifar10_kind();
SourceKind cifar100_kind();
SourceKind folder_kind();
SourceKind lmdb_kind();
SourceKind npy_kind();
SourceKind npz_kind();
SourceKind tfrecord_kind();

const std::vector<SourceKind>& source_kinds() {
  static const std::vector<SourceKind> kinds{fashion_mnist_kind(), cifar10_kind(), cifar100_kind(), folder_kind(),
                                             lmdb_kind(),          npy_kind(),     npz_kind(),      tfrecord_kind()};
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
  // Without a colon it may be the name of a folder.
  const auto name = colon == std::string::npos ? specification : to_lower(specification.substr(0, colon));
  for (const auto& kind : source_kinds()) {
    if (kind.name != name) continue;
    return {&kind, colon == std::string::npos ? kind.default_path : specification.substr(colon + 1)};
  }
  return {};
}

namespace {

/// The end of the error of a specification without a kind.
std::string expected_kinds(const std::string& specification) {
  const std::string likely = likely_specification(specification);
  if (!likely.empty()) return "has no kind: " + likely + " may read it";
  std::vector<std::string> names;
  for (const auto& kind : source_kinds()) names.push_back(kind.name);
  const auto name = specification.substr(0, specification.find(':'));
  return "is of no known kind: expected " + usages([](const SourceKind&) { return true; }) + did_you_mean(name, names);
}

/// Whether the specification is that of this kind and of the same file or folder.
bool is_of(const std::string& specification, const SourceKind& kind, const std::string& path) {
  const auto other = parse_specification(specification);
  std::error_code ignored;
  return other.kind == &kind && std::filesystem::equivalent(other.path, path, ignored);
}

/// Opens the data set. The error of a path where another data set is says which.
DataSet open_path(const SourceKind& kind, const std::string& path, const OpenOptions& options) {
  try {
    return kind.open(path, options);
  } catch (const FormatError& error) {
    std::error_code ignored;
    const bool is_split = error.path().parent_path() == path && std::filesystem::is_directory(error.path(), ignored);
    const std::string likely = is_split || error.path() == path ? likely_specification(path) : "";
    if (likely.empty() || is_of(likely, kind, path)) throw;
    throw FormatError(error.path(), std::string(error.text()) + " (" + likely + " may read it)");
  }
}

}  // namespace

DataSet open_data_set(const std::string& specification, const OpenOptions& options) {
  const auto [kind, path] = parse_specification(specification);
  const auto quoted = "data set \"" + specification + "\"";
  if (kind == nullptr) throw ConfigError(options.field, quoted + " " + expected_kinds(specification));
  if (path.empty()) throw ConfigError(options.field, quoted + " names no path: expected " + kind->usage);
  if (options.skip_corrupt && !kind->has_image_files) {
    throw ConfigError("skip_corrupt", "expected " +
                                          usages([](const SourceKind& each) { return each.has_image_files; }) +
                                          ", where each image is a file, got \"" + specification + "\"");
  }
  DataSet set = open_path(*kind, path, options);
  set.name = specification;
  return set;
}

std::vector<std::int64_t> all_labels(const ImageSource& source) {
  std::vector<std::int64_t> labels;
  labels.reserve(static_cast<std::size_t>(source.size()));
  for (std::int64_t index = 0; index < source.size(); ++index) labels.push_back(source.label(index));
  return labels;
}

namespace {

/// Adds the size first, so that consecutive pieces cannot be confused with others of different sizes.
void add(io::Sha256& digest, const std::string& piece) {
  digest.update(std::to_string(piece.size()) + ":");
  digest.update(piece);
}

/// The step between images whose contents are read, so that these are about kMostBytes or less.
std::int64_t stride_of(const ImageSource& source) {
  constexpr std::int64_t kMostBytes = 1 << 28;
  constexpr std::int64_t kSamples = 16;
  const auto size = source.size(), samples = std::min(size, kSamples);
  std::int64_t bytes = 0;
  for (std::int64_t i = 0; i < samples; ++i) {
    bytes += static_cast<std::int64_t>(source.content(i * size / samples).size());
  }
  const auto total = static_cast<double>(bytes) / static_cast<double>(samples) * static_cast<double>(size);
  return 1 + static_cast<std::int64_t>(total / static_cast<double>(kMostBytes));
}

}  // namespace

std::string fingerprint(const ImageSource& source) {
  io::Sha256 digest;
  digest.update(std::to_string(source.size()) + " images ");
  for (std::int64_t i = 0; i < source.size(); ++i) add(digest, source.key(i));
  const auto stride = source.size() > 0 ? stride_of(source) : 1;
  for (std::int64_t i = 0; i < source.size(); i += stride) add(digest, source.content(i));
  return digest.hex_digest();
}

std::string fingerprint(const DataSet& set) {
  const auto of_train = fingerprint(*set.train);
  if (!set.valid) return of_train;
  io::Sha256 digest;
  digest.update(of_train + fingerprint(*set.valid));
  return digest.hex_digest();
}

}  // namespace glow::images
