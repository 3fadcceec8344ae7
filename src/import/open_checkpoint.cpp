#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <regex>
#include <utility>

#include <glow/error.h>
#include <glow/io/file.h>

#include "import/checkpoint.h"
#include "io/archive.h"
#include "io/errors.h"
#include "io/file_kind.h"
#include "io/regular_file.h"
#include "io/tensor_bundle.h"
#include "io/torch_file.h"

namespace glow::importing {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndex = ".index";
const std::vector<std::string_view> kTorchEndings{".pt", ".pth", ".pkg", ".ckpt", ".model", ".bin"};
/// Files beside a checkpoint that say what it was trained on.
constexpr std::array<std::string_view, 3> kOptionFiles{"train.txt", "test.txt", "hparams.json"};
/// Their first line, or all of it, is short. The logs may be long.
constexpr std::uint64_t kMostOptionBytes = 1 << 20, kMostInflatedOptions = 1 << 24;

bool is_option_file(const fs::path& path) {
  return std::find(kOptionFiles.begin(), kOptionFiles.end(), path.filename().string()) != kOptionFiles.end();
}

/// Gives the bytes of an owner of mapped files back.
template <class Owner>
Checkpoint::Release releasing(std::shared_ptr<Owner> owner) {
  return [owner = std::move(owner)](std::string_view bytes) { owner->release(bytes); };
}

/// An archive, and those of its members that had to be inflated.
class OpenArchive {
 public:
  explicit OpenArchive(const fs::path& path)
      : file_(path), mapped_(path), members_(io::index_archive(file_, [](std::string_view) { return true; })) {}

  const std::vector<io::Member>& members() const { return members_; }

  /// The beginning of a small file of text; empty if it is deflated and large.
  std::string text(const io::Member& member) const {
    const auto& place = member.place;
    if (!place.deflated)
      return std::string(mapped_.bytes().substr(place.offset, std::min(place.stored, kMostOptionBytes)));
    return place.size > kMostInflatedOptions ? std::string() : io::read_member(file_, member.name, place);
  }

  /// The content of a member; valid as long as this object. Throws FormatError for contents that expand to much more
  /// than the archive.
  std::string_view bytes(const io::Member& member) {
    const auto& place = member.place;
    if (!place.deflated) return mapped_.bytes().substr(place.offset, place.stored);
    // Weights hardly become smaller; other contents might fill the memory.
    constexpr std::uint64_t kMostRatio = 4;
    expanded_ += place.size;
    if (expanded_ / kMostRatio > file_.size()) {
      throw FormatError(file_.path() / member.name,
                        "would expand to more than four times the archive; unpack it first");
    }
    inflated_.push_back(std::make_unique<const std::string>(io::read_member(file_, member.name, place)));
    return *inflated_.back();
  }
  /// See MappedFile::release; does nothing for inflated members.
  void release(std::string_view bytes) const { mapped_.release(bytes); }

 private:
  io::RegularFile file_;
  io::MappedFile mapped_;
  std::vector<io::Member> members_;
  std::vector<std::unique_ptr<const std::string>> inflated_;
  /// Bytes of all inflated members.
  std::uint64_t expanded_ = 0;
};

/// The one member whose name ends with one of `endings`; nothing if there is none. Throws FormatError for several.
std::optional<io::Member> only_member(const fs::path& path, const std::vector<io::Member>& members,
                                      const std::vector<std::string_view>& endings) {
  std::optional<io::Member> found;
  for (const auto& member : members) {
    const bool fits = std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) {
      return std::string_view(member.name).ends_with(ending);
    });
    // macOS adds files of its own, "__MACOSX/._NAME".
    const bool is_metadata = fs::path(member.name).filename().string().starts_with("._");
    if (!fits || is_metadata) continue;
    if (found) {
      throw FormatError(path, "has several checkpoints, " + io::in_quotes(found->name) + " and " +
                                  io::in_quotes(member.name) + "; unpack the one that is meant");
    }
    found = member;
  }
  return found;
}

Checkpoint of_bundle_in_archive(const fs::path& path, const std::shared_ptr<OpenArchive>& archive,
                                const io::Member& index) {
  const auto index_bytes = archive->bytes(index);
  const auto prefix = index.name.substr(0, index.name.size() - kIndex.size());
  std::vector<std::string_view> shards;
  const auto count = io::count_bundle_shards(index_bytes, path / index.name);
  for (std::size_t shard = 0; shard < count; ++shard) {
    const auto name = io::bundle_shard_name(prefix, shard, count);
    const auto member = std::find_if(archive->members().begin(), archive->members().end(),
                                     [&](const io::Member& each) { return each.name == name; });
    if (member == archive->members().end()) throw FormatError(path, "has no member " + io::in_quotes(name));
    shards.push_back(archive->bytes(*member));
  }
  const io::TensorBundle bundle(index_bytes, shards, path / index.name);
  return {path, bundle.tensors(), releasing(archive)};
}

/// Adds the files of options in the folder of a member.
void add_option_files(Checkpoint& checkpoint, const OpenArchive& archive, const io::Member& beside) {
  const auto folder = fs::path(beside.name).parent_path();
  for (const auto& member : archive.members()) {
    const fs::path path = member.name;
    if (path.parent_path() == folder && is_option_file(path)) {
      checkpoint.add_option_file(path.filename().string(), archive.text(member));
    }
  }
}

Checkpoint of_archive(const fs::path& path) {
  const auto archive = std::make_shared<OpenArchive>(path);
  const auto index = only_member(path, archive->members(), {kIndex});
  const auto member = index ? index : only_member(path, archive->members(), kTorchEndings);
  if (!member)
    throw FormatError(path, "has no member that is a checkpoint (.index, .pt, .pth, .pkg, .ckpt, .model, .bin)");
  auto checkpoint =
      index ? of_bundle_in_archive(path, archive, *index)
            : Checkpoint(path, io::read_torch(archive->bytes(*member), path / member->name), releasing(archive));
  add_option_files(checkpoint, *archive, *member);
  return checkpoint;
}

/// The prefix of a bundle for the name of one of its shards, PREFIX.data-00000-of-00001; else the path itself.
fs::path without_shard(const fs::path& path) {
  static const std::regex shard(R"((.+)\.data-\d{5}-of-\d{5})");
  std::smatch parts;
  const auto name = path.filename().string();
  return std::regex_match(name, parts, shard) ? path.parent_path() / parts[1].str() : path;
}

/// The one torch file of a folder without TensorFlow's checkpoints; else the path itself. Throws FormatError for
/// several.
fs::path torch_file_in(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error) || fs::is_regular_file(path / "checkpoint", error)) return path;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() == kIndex) return path;
    const auto ending = entry->path().extension().string();
    if (std::find(kTorchEndings.begin(), kTorchEndings.end(), ending) != kTorchEndings.end()) found.push_back(*entry);
  }
  if (found.size() < 2) return found.empty() ? path : found.front();
  std::sort(found.begin(), found.end());
  throw FormatError(path, "has several checkpoints, " + io::in_quotes(found[0].filename().string()) + " and " +
                              io::in_quotes(found[1].filename().string()) + "; give the path of the one that is meant");
}

bool is_bundle(const fs::path& path) {
  std::error_code ignored;
  auto index = path;
  index += kIndex;
  return fs::is_directory(path, ignored) || path.extension() == kIndex || fs::exists(index, ignored);
}

/// A zip that torch.save wrote: NAME/data.pkl.
bool is_torch_zip(const std::vector<io::Member>& members) {
  return std::any_of(members.begin(), members.end(), [](const io::Member& member) {
    const auto slash = member.name.find('/');
    return slash != std::string::npos && member.name.substr(slash) == "/data.pkl";
  });
}

Checkpoint of_file(const fs::path& path) {
  const io::RegularFile file(path);
  const auto start = io::file_start(file);
  const bool is_zip = io::begins_as_zip(start);
  // Some files of torch.save have the name of an archive: "model.pth.tar".
  const bool is_archive = is_zip ? !is_torch_zip(io::index_archive(file, [](std::string_view) { return true; }))
                                 : io::is_archive_name(path) && !io::begins_as_old_torch(start);
  if (is_archive) return of_archive(path);
  const auto mapped = std::make_shared<io::MappedFile>(path);
  return {path, io::read_torch(mapped->bytes(), path), releasing(mapped)};
}

void add_option_files_beside(Checkpoint& checkpoint, const fs::path& folder) {
  for (const auto& name : kOptionFiles) {
    const auto path = folder / name;
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) continue;
    const io::MappedFile file(path);
    checkpoint.add_option_file(std::string(name), std::string(file.bytes().substr(0, kMostOptionBytes)));
  }
}

}  // namespace

Checkpoint open_checkpoint(const fs::path& path) {
  const auto file = torch_file_in(without_shard(path));
  if (is_bundle(file)) {
    const auto bundle = std::make_shared<io::TensorBundle>(file);
    Checkpoint checkpoint(bundle->path(), bundle->tensors(), releasing(bundle));
    add_option_files_beside(checkpoint, bundle->path().parent_path());
    return checkpoint;
  }
  auto checkpoint = of_file(file);
  add_option_files_beside(checkpoint, file.parent_path());
  return checkpoint;
}

}  // namespace glow::importing
