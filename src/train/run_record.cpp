#include "train/run_record.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "io/errors.h"

namespace glow::train {
namespace {

using Line = nlohmann::ordered_json;

/// How much of the bytes that are read is remembered at either end: some lines.
constexpr std::int64_t kRemembered = 1024;

/// The smallest number in arrays of arrays; nullopt when there is none.
std::optional<double> smallest_of(const Line& levels) {
  std::optional<double> smallest;
  for (const auto& level : levels) {
    if (!level.is_array()) continue;
    for (const auto& value : level) {
      if (value.is_number()) smallest = std::min(smallest.value_or(value.get<double>()), value.get<double>());
    }
  }
  return smallest;
}

void add_line(RunRecord& record, const Line& line) {
  const auto step = line["step"].get<std::int64_t>();
  record.last_step = std::max(record.last_step, step);
  if (line.contains("rollbacks")) return record.rollbacks.push_back(line);
  if (line.contains("skipped")) record.skipped_steps.push_back(step);
  for (const auto& [key, value] : line.items()) {
    if (key == "step") continue;
    if (value.is_number()) add_point(record.curves[key], step, value.get<double>());
    if (value.is_null()) ++record.curves[key].missing;
    if (value.is_string()) record.texts[key] = value.get<std::string>();
    if (key != "smallest_singular_values" || !value.is_array()) continue;
    if (const auto smallest = smallest_of(value)) add_point(record.curves["smallest_singular_value"], step, *smallest);
  }
}

template <class Element>
void append(std::vector<Element>& all, const std::vector<Element>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

/// Do these bytes stand there?
bool holds(std::istream& stream, std::int64_t place, const std::string& bytes) {
  std::string found(bytes.size(), '\0');
  stream.seekg(place);
  stream.read(found.data(), static_cast<std::streamsize>(found.size()));
  return stream && found == bytes;
}

}  // namespace

const RunRecord& LogReader::read() {
  std::error_code ignored;
  if (!std::filesystem::exists(path_, ignored)) {
    start_over();
    return record_;
  }
  std::ifstream stream(path_, std::ios::binary);
  if (!stream) throw io::cannot_read(path_, std::generic_category().message(errno));
  if (!continues(stream)) start_over();
  stream.clear();
  stream.seekg(bytes_read_);
  for (std::string text; std::getline(stream, text) && !stream.eof();) add(text + "\n");
  return record_;
}

bool LogReader::continues(std::istream& stream) const {
  return holds(stream, 0, first_) && holds(stream, bytes_read_ - static_cast<std::int64_t>(last_.size()), last_);
}

void LogReader::start_over() { *this = LogReader(path_); }

void LogReader::add(const std::string& text) {
  bytes_read_ += static_cast<std::int64_t>(text.size());
  if (first_.size() < kRemembered) first_.append(text, 0, kRemembered - first_.size());
  last_ += text;
  if (last_.size() > kRemembered) last_.erase(0, last_.size() - kRemembered);
  const auto line = Line::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!line.is_object() || !line.contains("step") || !line["step"].is_number_integer()) return;
  add_line(record_, line);
  note_evaluation(line);
}

/// Follows the best evaluation as the run itself does.
void LogReader::note_evaluation(const Line& line) {
  const auto bits = line.find("valid_bits_per_dim");
  if (bits == line.end()) return;
  const auto unscored = line.find("valid_non_finite");
  const bool scored = bits->is_number() && (unscored == line.end() || *unscored == 0);
  const double score = scored ? bits->get<double>() : std::numeric_limits<double>::infinity();
  if (record_.best_step && !(score < best_bits_per_dim_)) return;
  best_bits_per_dim_ = score;
  record_.best_step = line["step"].get<std::int64_t>();
}

RunRecord RecordReader::read() {
  auto record = metrics_.read();
  const auto& timing = timing_.read();
  for (const auto& [key, curve] : timing.curves) {
    auto& all = record.curves[key];
    append(all.steps, curve.steps);
    append(all.values, curve.values);
    all.missing += curve.missing;
  }
  for (const auto& [key, text] : timing.texts) record.texts[key] = text;
  append(record.skipped_steps, timing.skipped_steps);
  append(record.rollbacks, timing.rollbacks);
  record.last_step = std::max(record.last_step, timing.last_step);
  return record;
}

}  // namespace glow::train
