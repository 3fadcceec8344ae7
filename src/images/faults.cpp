#include "images/faults.h"

#include <algorithm>

#include <glow/error.h>

#include "io/errors.h"

namespace glow::images {

void throw_faults(const std::filesystem::path& place, const std::vector<Fault>& faults, std::int64_t images,
                  const std::string& way_out) {
  if (faults.empty()) return;
  const std::string advice = way_out.empty() ? "" : " (" + way_out + ")";
  const bool is_io = std::ranges::any_of(faults, &Fault::is_io);
  if (faults.size() == 1) {
    const std::string text = faults[0].text + advice;
    if (is_io) throw IoError(text);
    throw FormatError(text);
  }
  std::vector<std::string> lines;
  for (const Fault& fault : faults) lines.push_back(fault.text);
  const std::string text = std::to_string(faults.size()) + " of " + std::to_string(images) + " images cannot be used" +
                           advice + ":" + io::listed(lines);
  if (is_io) throw io::cannot_read(place, text);
  throw FormatError(place, text);
}

}  // namespace glow::images
