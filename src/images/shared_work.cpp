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

#include "io/digest.h"
#include "io/errors.h"

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

namespace {

/// Throws unless all processes have lists of equal lengths and content.
void require_same_lists(const Work& work, std::int64_t count, const OpenOptions& options) {
  io::Sha256 digest;
  digest.update(work.subjects);
  const std::vector<std::string> texts = options.all_gather(join_texts({std::to_string(count), digest.hex_digest()}));
  const auto first = split_texts(texts.front());
  for (const std::string& text : texts) {
    if (const auto other = split_texts(text); other != first)
      throw io::cannot_read(work.place, "the processes see different files (" + work.what + ": " + first[0] + " and " +
                                            other[0] + "): is it the same folder on all hosts?");
  }
}

/// Appends the results of a round of all processes.
void append_results(const std::vector<std::string>& joined_texts, std::vector<std::string>& results) {
  for (const std::string& joined : joined_texts) {
    std::vector<std::string> texts = split_texts(joined);
    if (texts[0] == kIoError) throw IoError(texts[1]);
    if (texts[0] == kFormatError) throw FormatError(texts[1]);
    std::move(texts.begin() + 2, texts.end(), std::back_inserter(results));
  }
}

}  // namespace

std::vector<std::string> share_work(const Work& work, std::int64_t count,
                                    const std::function<std::string(std::int64_t)>& task, const OpenOptions& options) {
  const bool is_alone = options.shard.count == 1;
  if (!is_alone) require_same_lists(work, count, options);
  // In rounds, so that no process waits for another longer than for a part of the work, and none goes on after an
  // error.
  constexpr std::int64_t kTasksOfARound = 256;
  const std::int64_t round = is_alone ? std::max<std::int64_t>(count, 1) : kTasksOfARound * options.shard.count;
  const std::int64_t all = count / round * options.shard.size(round) + options.shard.size(count % round);
  std::int64_t before = 0;
  const auto report = [&](std::int64_t done) {
    if (options.progress) options.progress(work.what, before + done, all);
  };
  std::vector<std::string> results;
  for (std::int64_t begin = 0; begin < count; begin += round) {
    const std::int64_t size = std::min(round, count - begin), own = options.shard.size(size);
    Part part = run_part(begin + options.shard.begin(size), own, task, report);
    before += own;
    if (is_alone) {
      if (part.error) std::rethrow_exception(part.error);
      return std::move(part.results);
    }
    std::vector<std::string> texts = error_texts(part.error);
    std::move(part.results.begin(), part.results.end(), std::back_inserter(texts));
    append_results(options.all_gather(join_texts(texts)), results);
  }
  return results;
}

}  // namespace glow::images
