#include <glow/train/run_directory.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <glow/error.h>
#include <glow/io/base64.h>
#include <glow/io/file.h>

#include "io/digest.h"
#include "train/journal.h"
#include "train/pictures.h"
#include "train/report_page.h"
#include "train/run_files.h"

namespace glow::train {
namespace {

namespace fs = std::filesystem;
using ReportJson = nlohmann::ordered_json;

// Limits that keep the page small enough for a browser to load quickly.
constexpr std::size_t kMostPoints = 2000;
constexpr std::size_t kMostGrids = 40;
constexpr std::uintmax_t kMostGridBytes = std::uintmax_t{16} << 20;

/// The content of a file; empty when it cannot be read. The file may have been removed since it was listed, and a
/// missing picture must not end a run.
std::string content_of(const fs::path& path) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 32;
  try {
    return io::read_file(path, kMostBytes);
  } catch (const IoError&) {
    return {};
  }
}

/// 0 when there is no file.
std::uintmax_t size_of(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : size;
}

/// A picture as a data URL; empty when there is none.
std::string embedded(const fs::path& png) {
  const auto content = content_of(png);
  return content.empty() ? content : "data:image/png;base64," + io::base64(content);
}

/// Rounded to six digits, more than a chart shows.
double shortened(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return std::strtod(text, nullptr);
}

ReportJson to_json(const Curve& curve) {
  const auto shown = thinned(curve, kMostPoints);
  auto values = ReportJson::array();
  for (const auto value : shown.values) values.push_back(shortened(value));
  return {{"steps", shown.steps}, {"values", std::move(values)}, {"missing", curve.missing}};
}

ReportJson to_json(const RunRecord& record) {
  auto curves = ReportJson::object();
  for (const auto& [key, curve] : record.curves) curves[key] = to_json(curve);
  const auto training = record.curves.find("bits_per_dim");
  if (training != record.curves.end()) curves["bits_per_dim_smoothed"] = to_json(smoothed(training->second));
  auto skipped = record.skipped_steps;
  if (skipped.size() > kMostPoints) skipped.resize(kMostPoints);
  ReportJson json{
      {"curves", std::move(curves)}, {"texts", record.texts},         {"skipped", record.skipped_steps.size()},
      {"skipped_steps", skipped},    {"rollbacks", record.rollbacks}, {"last_step", record.last_step}};
  if (record.best_step) json["best_step"] = *record.best_step;
  return json;
}

/// At most kMostGrids of the files, with about kMostGridBytes in total, oldest first: the first, the last and others
/// spread evenly over the run.
std::vector<StepFile> grids_to_show(std::vector<StepFile> files) {
  std::uintmax_t largest = 1;
  for (const auto& file : files) largest = std::max(largest, size_of(file.path));
  const auto most = std::clamp<std::size_t>(kMostGridBytes / largest, 2, kMostGrids);
  std::ranges::reverse(files);
  if (files.size() <= most) return files;
  std::vector<StepFile> shown;
  for (std::size_t i = 0; i < most; ++i) shown.push_back(files[i * (files.size() - 1) / (most - 1)]);
  return shown;
}

ReportJson grids_of(const RunDirectory& directory) {
  const auto files = step_files(directory.samples(), ".png");
  auto shown = ReportJson::array();
  for (const auto& file : grids_to_show(files)) {
    auto image = embedded(file.path);
    if (!image.empty()) shown.push_back({{"step", file.step}, {"image", std::move(image)}});
  }
  return {{"count", files.size()}, {"shown", std::move(shown)}};
}

ReportJson pictures_of(const RunDirectory& directory) {
  return {{"temperatures", {{"image", embedded(directory.temperatures())}, {"rows", kShownTemperatures}}},
          {"interpolations", {{"image", embedded(directory.interpolations())}}},
          {"levels", {{"image", embedded(directory.levels())}}}};
}

/// As text inside a <script> element: with every '<' escaped, it cannot end the element or begin another.
std::string script_text(const ReportJson& json) {
  // Bytes that are not UTF-8, for example in a path, become replacement characters.
  const auto text = json.dump(-1, ' ', /*ensure_ascii=*/false, ReportJson::error_handler_t::replace);
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) c == '<' ? escaped += "\\u003c" : escaped += c;
  return escaped;
}

/// The hash by which the page's Content-Security-Policy allows this inline script or style and no other.
std::string policy_source(std::string_view text) {
  io::Sha256 sha256;
  sha256.update(text);
  const auto digits = sha256.hex_digest();
  std::string digest;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    digest += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return "'sha256-" + io::base64(digest) + "'";
}

/// The page with each {{name}} replaced by the part of that name.
std::string filled(std::string_view page, const std::map<std::string, std::string, std::less<>>& parts) {
  std::string text;
  for (std::size_t end = 0; !page.empty(); page.remove_prefix(end)) {
    const auto begin = page.find("{{");
    text += page.substr(0, begin);
    if (begin == std::string_view::npos) break;
    end = page.find("}}", begin);
    text += parts.find(page.substr(begin + 2, end - begin - 2))->second;
    end += 2;
  }
  return text;
}

/// The last component of the directory's absolute path.
std::string name_of(const RunDirectory& directory) {
  const auto path = fs::absolute(directory.root()).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

}  // namespace

void write_report(const RunDirectory& directory, const RunRecord& record) {
  const ReportJson data{{"name", name_of(directory)},
                        {"config", content_of(directory.config())},
                        {"record", to_json(record)},
                        {"grids", grids_of(directory)},
                        {"pictures", pictures_of(directory)}};
  io::write_file(directory.report(), filled(kReportPage, {{"style", kReportStyle},
                                                          {"script", kReportScript},
                                                          {"style source", policy_source(kReportStyle)},
                                                          {"script source", policy_source(kReportScript)},
                                                          {"data", script_text(data)}}));
}

void write_report(const RunDirectory& directory) { write_report(directory, read_record(directory)); }

}  // namespace glow::train
