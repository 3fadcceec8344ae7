#include "images/left_out.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "images/list_folder.h"
#include "images/shared_work.h"

namespace glow::images {
namespace {

using Counts = std::map<std::string, std::int64_t>;

void add_counts(Counts& counts, const Counts& others) {
  for (const auto& [name, count] : others) counts[name] += count;
}

/// "3 .gif, 1 .txt and 2 others", the most frequent first.
std::string counts_text(const Counts& counts) {
  constexpr std::size_t kMostShown = 6;
  std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& one, const auto& other) { return one.second > other.second; });
  std::string text;
  std::int64_t others = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const auto& [name, count] = sorted[i];
    if (i < kMostShown)
      text += (i > 0 ? ", " : "") + std::to_string(count) + " " + name;
    else
      others += count;
  }
  return others > 0 ? text + " and " + std::to_string(others) + " others" : text;
}

std::string counts_bytes(const Counts& counts) {
  std::vector<std::string> texts;
  for (const auto& [name, count] : counts) {
    texts.push_back(name);
    texts.push_back(std::to_string(count));
  }
  return join_texts(texts);
}

Counts counts_from_bytes(std::string_view bytes) {
  Counts counts;
  const std::vector<std::string> texts = split_texts(bytes);
  for (std::size_t i = 0; i + 1 < texts.size(); i += 2) counts[texts[i]] = std::stoll(texts[i + 1]);
  return counts;
}

/// The last ending of a file's name in lower case, or what stands for none.
std::string ending_of(std::string_view name) {
  constexpr std::size_t kLongest = 10;
  const std::size_t slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || name.size() - dot > kLongest) return "without an ending";
  return to_lower(name.substr(dot));
}

}  // namespace

bool is_program_folder(std::string_view name) {
  constexpr std::array<std::string_view, 7> kNames = {
      "__macosx", "#recycle", "#snapshot", "$recycle.bin", "recycler", "lost+found", "system volume information"};
  if (name.starts_with('.') || name.starts_with('@')) return true;
  return std::ranges::find(kNames, to_lower(name)) != kNames.end();
}

bool is_run_directory(const std::filesystem::path& folder) {
  // The beginning of config.json, which glow-train writes first; see docs/formats.md.
  constexpr std::string_view kBeginning = "{\n  \"tool\": \"glow-train\"";
  std::error_code ignored;
  const std::filesystem::path config = folder / "config.json";
  if (!std::filesystem::is_regular_file(config, ignored)) return false;
  std::string start(kBeginning.size(), '\0');
  std::ifstream(config, std::ios::binary).read(start.data(), static_cast<std::streamsize>(start.size()));
  return start == kBeginning;
}

void LeftOut::add_file(std::string_view name) { ++files_[ending_of(name)]; }

void LeftOut::add_hidden_image(std::string_view name) { ++files_["hidden " + ending_of(name)]; }

void LeftOut::add_folder(std::string_view what) { ++folders_[std::string(what)]; }

void LeftOut::add(const LeftOut& other) {
  add_counts(files_, other.files_);
  add_counts(folders_, other.folders_);
}

std::string LeftOut::text() const {
  std::string text;
  if (!files_.empty()) text = "files: " + counts_text(files_);
  if (!folders_.empty()) text += (text.empty() ? "" : "; ") + ("folders: " + counts_text(folders_));
  return text;
}

std::string LeftOut::to_bytes() const { return join_texts({counts_bytes(files_), counts_bytes(folders_)}); }

LeftOut LeftOut::from_bytes(std::string_view bytes) {
  const std::vector<std::string> parts = split_texts(bytes);
  LeftOut all;
  all.files_ = counts_from_bytes(parts.at(0));
  all.folders_ = counts_from_bytes(parts.at(1));
  return all;
}

}  // namespace glow::images
