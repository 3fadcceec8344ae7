#include "io/npz.h"

#include <algorithm>
#include <string_view>

#include <glow/error.h>

#include "io/archive.h"
#include "io/file_kind.h"

namespace glow::io {
namespace {

constexpr std::string_view kNpyEnd = ".npy";

/// Bytes that a header of version 1.0 may have; numpy writes longer ones for records of many fields only.
constexpr std::uint64_t kLongestNpyHeader = 65536 + 10;

/// The name of the array in a member NAME.npy.
std::string_view array_name(std::string_view member) { return member.substr(0, member.size() - kNpyEnd.size()); }

std::shared_ptr<const std::string> inflate_array(const RegularFile& file, const Member& member,
                                                 const std::filesystem::path& path) {
  constexpr std::uint64_t kMostInflated = std::uint64_t{1} << 32;
  if (member.place.size > kMostInflated) {
    throw FormatError(path, "a compressed array of " + std::to_string(member.place.size) +
                                " bytes would have to be in memory, expected at most 4 GiB: save it with numpy.savez");
  }
  return std::make_shared<const std::string>(read_member(file, member.name, member.place));
}

}  // namespace

void NpzArray::read_at(std::uint64_t offset, std::span<char> bytes) const {
  if (inflated_) {
    std::copy_n(inflated_->begin() + static_cast<std::ptrdiff_t>(offset_ + offset), bytes.size(), bytes.begin());
  } else {
    file_->read_at(offset_ + offset, bytes);
  }
}

std::map<std::string, NpzArray> open_npz(const std::filesystem::path& path, const std::vector<std::string>& names) {
  const auto file = std::make_shared<const RegularFile>(path);
  const std::string beginning = file_start(*file);
  if (!begins_as_zip(beginning)) throw other_kind(path, "an npz file", beginning);
  const std::vector<Member> members = index_archive(*file, [&](std::string_view member) {
    return member.ends_with(kNpyEnd) && std::find(names.begin(), names.end(), array_name(member)) != names.end();
  });
  std::map<std::string, NpzArray> arrays;
  for (const Member& member : members) {
    NpzArray& array = arrays[std::string(array_name(member.name))];
    array.path_ = path / member.name;
    array.file_ = file;
    const MemberPlace& place = member.place;
    if (place.deflated) array.inflated_ = inflate_array(*file, member, array.path_);
    const std::string start =
        place.deflated ? "" : read_member_start(*file, member.name, place, std::min(place.size, kLongestNpyHeader));
    array.header_ = read_npy_header(array.path_, place.deflated ? *array.inflated_ : start, place.size);
    array.offset_ = array.header_.size + (place.deflated ? 0 : place.offset);
  }
  return arrays;
}

std::vector<std::string> npz_names(const std::filesystem::path& path) {
  std::vector<std::string> names;
  for (const Member& member : index_archive(RegularFile(path), [](std::string_view) { return true; })) {
    if (member.name.ends_with(kNpyEnd)) names.emplace_back(array_name(member.name));
  }
  return names;
}

}  // namespace glow::io
