#include "images/scan.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <limits>

#include <nlohmann/json.hpp>

#include <glow/error.h>
#include <glow/images/worker_pool.h>

#include "images/encoded_image.h"

namespace glow::images {
namespace {

/// The shape in the header of an image, for which its first bytes usually suffice.
io::ImageShape read_shape(const EncodedImages& images, std::int64_t index) {
  constexpr std::uint64_t kFirstAttempt = 1 << 14, kGrowth = 16;
  for (std::uint64_t count = kFirstAttempt;; count *= kGrowth) {
    const std::string start = images.read_start(index, count);
    try {
      return encoded_shape(start, start.size() < count ? start.size() : images.bytes(index), images.path(index));
    } catch (const FormatError&) {
      if (start.size() < count) throw;  // it was the whole image
    }
  }
}

/// What one process has found out about its part of the images.
struct Part {
  std::vector<io::ImageShape> shapes;
  std::vector<std::string> problems;
  /// The first image that cannot be read, or -1, and the error.
  std::int64_t failed = -1;
  std::exception_ptr error = nullptr;
};

void scan_image(const EncodedImages& images, std::int64_t index, bool decodes, io::ImageShape& shape,
                std::string& problem) {
  if (!decodes) {
    shape = read_shape(images, index);
    return;
  }
  try {
    const std::string bytes = images.read(index);
    const io::ImageSize whole{std::numeric_limits<int>::max(), std::numeric_limits<int>::max()};
    shape = decode(bytes, images.path(index), whole).shape;
  } catch (const FormatError& error) {
    problem = error.what();
  }
}

Part scan_part(const EncodedImages& images, const OpenOptions& options) {
  const std::int64_t begin = options.shard.begin(images.size()), count = options.shard.size(images.size());
  Part part{.shapes = std::vector<io::ImageShape>(count), .problems = std::vector<std::string>(count)};
  std::vector<std::exception_ptr> errors(count);
  const auto scan_one = [&](std::int64_t number) {
    try {
      scan_image(images, begin + number, options.skip_corrupt, part.shapes[number], part.problems[number]);
    } catch (...) {
      errors[number] = std::current_exception();
      throw;
    }
  };
  try {
    run_with_progress(count, scan_one, options.skip_corrupt ? "images checked" : "image headers read",
                      options.progress);
  } catch (...) {
    const auto first = std::find_if(errors.begin(), errors.end(), [](const auto& error) { return error != nullptr; });
    if (first == errors.end()) throw;  // of the caller's `progress`
    part.failed = begin + (first - errors.begin());
    part.error = *first;
  }
  return part;
}

/// A part as bytes for another process: the length of a JSON document, the document, the shapes.
std::string to_bytes(const Part& part) {
  nlohmann::json document{{"failed", part.failed}, {"problems", nlohmann::json::object()}};
  for (std::size_t i = 0; i < part.problems.size(); ++i) {
    if (!part.problems[i].empty()) document["problems"][std::to_string(i)] = part.problems[i];
  }
  if (part.error) {
    try {
      std::rethrow_exception(part.error);
    } catch (const IoError& error) {
      document["error"] = {"io", error.what()};
    } catch (const std::exception& error) {
      document["error"] = {"format", error.what()};
    }
  }
  const std::string text = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string bytes = std::to_string(text.size()) + ":" + text;
  const std::size_t start = bytes.size();
  bytes.resize(start + part.shapes.size() * sizeof(io::ImageShape));
  std::memcpy(bytes.data() + start, part.shapes.data(), bytes.size() - start);
  return bytes;
}

/// Appends the part of another process to `scan`. Throws the error that the part contains.
void append(const std::string& bytes, Scan& scan) {
  const std::size_t colon = bytes.find(':');
  const std::size_t length = std::stoull(bytes.substr(0, colon));
  const auto document = nlohmann::json::parse(bytes.substr(colon + 1, length));
  if (document.contains("error")) {
    const std::string text = document["error"][1];
    if (document["error"][0] == "io") throw IoError(text);
    throw FormatError(text);
  }
  const std::size_t before = scan.shapes.size(), start = colon + 1 + length;
  scan.shapes.resize(before + (bytes.size() - start) / sizeof(io::ImageShape));
  std::memcpy(scan.shapes.data() + before, bytes.data() + start, bytes.size() - start);
  scan.problems.resize(scan.shapes.size());
  for (const auto& [number, problem] : document["problems"].items())
    scan.problems[before + std::stoull(number)] = problem;
}

}  // namespace

void run_with_progress(std::int64_t count, const std::function<void(std::int64_t)>& task, const std::string& what,
                       const OpenProgress& progress) {
  using Clock = std::chrono::steady_clock;
  constexpr auto kBetweenReports = std::chrono::milliseconds(50);
  const auto workers = data_workers();
  std::int64_t at_once = 4 * workers->threads();
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t next = std::min(done + at_once, count);
    const auto start = Clock::now();
    workers->run(next - done, [&, done](std::int64_t number) { task(done + number); });
    if (Clock::now() - start < kBetweenReports) at_once *= 2;
    done = next;
    if (progress) progress(what, done, count);
  }
}

Scan scan_images(const EncodedImages& images, const OpenOptions& options) {
  Part part = scan_part(images, options);
  if (options.shard.count == 1) {
    if (part.error) std::rethrow_exception(part.error);
    return {std::move(part.shapes), std::move(part.problems)};
  }
  Scan scan;
  for (const std::string& bytes : options.all_gather(to_bytes(part))) append(bytes, scan);
  return scan;
}

}  // namespace glow::images
