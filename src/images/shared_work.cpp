#include "images/shared_work.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <exception>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <glow/error.h>
#include <glow/images/worker_pool.h>

namespace glow::images {
namespace {

/// The results of one process, and the first error in it.
struct Part {
  std::vector<std::string> results;
  std::exception_ptr error;
};

/// Calls task(0) ... task(count - 1) on the threads of data_workers, and report(done) in between.
void run_with_reports(std::int64_t count, const std::function<void(std::int64_t)>& task,
                      const std::function<void(std::int64_t)>& report) {
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
    report(done);
  }
}

Part run_part(std::int64_t begin, std::int64_t count, const std::function<std::string(std::int64_t)>& task,
              const std::function<void(std::int64_t)>& report) {
  Part part{.results = std::vector<std::string>(count), .error = nullptr};
  std::vector<std::exception_ptr> errors(count);
  const auto run_task = [&](std::int64_t number) {
    try {
      part.results[number] = task(begin + number);
    } catch (...) {
      errors[number] = std::current_exception();
      throw;
    }
  };
  try {
    run_with_reports(count, run_task, report);
  } catch (...) {
    const auto first = std::find_if(errors.begin(), errors.end(), [](const auto& error) { return error != nullptr; });
    if (first == errors.end()) throw;  // of `report`
    part.error = *first;
  }
  return part;
}

constexpr std::string_view kIoError = "io", kFormatError = "format";

/// The kind and the text of an error; two empty texts for none.
std::vector<std::string> error_texts(const std::exception_ptr& error) {
  if (!error) return {"", ""};
  try {
    std::rethrow_exception(error);
  } catch (const IoError& problem) {
    return {std::string(kIoError), problem.what()};
  } catch (const std::exception& problem) {
    return {std::string(kFormatError), problem.what()};
  }
}

}  // namespace

std::string join_texts(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined.append(std::to_string(text.size())).append(":").append(text);
  return joined;
}

std::vector<std::string> split_texts(std::string_view joined) {
  std::vector<std::string> texts;
  while (!joined.empty()) {
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(joined.data(), joined.data() + joined.size(), size);
    const auto start = static_cast<std::size_t>(end - joined.data()) + 1;
    if (error != std::errc() || start > joined.size() || size > joined.size() - start)
      throw std::logic_error("split_texts: not the result of join_texts");
    texts.emplace_back(joined.substr(start, size));
    joined.remove_prefix(start + size);
  }
  return texts;
}

std::vector<std::string> share_work(std::int64_t count, const std::function<std::string(std::int64_t)>& task,
                                    const std::string& what, const OpenOptions& options) {
  const std::int64_t own = options.shard.size(count);
  const auto report = [&](std::int64_t done) {
    if (options.progress) options.progress(what, done, own);
  };
  Part part = run_part(options.shard.begin(count), own, task, report);
  if (options.shard.count == 1) {
    if (part.error) std::rethrow_exception(part.error);
    return std::move(part.results);
  }
  std::vector<std::string> texts = error_texts(part.error);
  std::move(part.results.begin(), part.results.end(), std::back_inserter(texts));
  std::vector<std::string> results;
  for (const std::string& joined : options.all_gather(join_texts(texts))) {
    std::vector<std::string> other = split_texts(joined);
    if (other[0] == kIoError) throw IoError(other[1]);
    if (other[0] == kFormatError) throw FormatError(other[1]);
    std::move(other.begin() + 2, other.end(), std::back_inserter(results));
  }
  return results;
}

}  // namespace glow::images
