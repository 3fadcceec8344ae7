#include "data/find_corrupt.h"

#include <algorithm>

#include <ATen/Parallel.h>

#include <glow/error.h>
#include <glow/io/image.h>

namespace glow::data {
namespace {

std::string problem_with(const std::filesystem::path& file) {
  try {
    io::read_image(file);
    return "";
  } catch (const FormatError& error) {
    return error.what();
  }
}

}  // namespace

std::vector<std::string> find_corrupt(const std::vector<std::filesystem::path>& files,
                                      const std::function<void(std::int64_t, std::int64_t)>& progress) {
  constexpr std::int64_t kFilesAThread = 16;  // between two reports of progress
  const std::int64_t at_once = kFilesAThread * at::get_num_threads();
  const auto total = static_cast<std::int64_t>(files.size());
  std::vector<std::string> problems(files.size());
  for (std::int64_t done = 0; done < total;) {
    const std::int64_t next = std::min(done + at_once, total);
    at::parallel_for(done, next, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) problems[i] = problem_with(files[i]);
    });
    done = next;
    if (progress) progress(done, total);
  }
  return problems;
}

}  // namespace glow::data
