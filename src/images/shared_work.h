#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <glow/images/source.h>

namespace glow::images {

/// Work on a list of files or images that all processes have.
struct Work {
  /// Its description for progress: "archives indexed".
  std::string what;
  /// The folder or file that it is about, for messages.
  std::filesystem::path place;
  /// Identifies the list: names and sizes.
  std::string subjects;
};

/// The results of task(0) ... task(count - 1), in all processes that open the data set (options.shard): each process
/// runs its part of the tasks on the threads of data_workers, and all get all results. In between, on the calling
/// thread, options.progress(what, done, all) is called with numbers of tasks of this process. Throws the error of the
/// first task that fails, IoError or FormatError, and IoError when the processes have different lists: in all
/// processes.
std::vector<std::string> share_work(const Work& work, std::int64_t count,
                                    const std::function<std::string(std::int64_t)>& task, const OpenOptions& options);

/// Texts as one text, and back.
std::string join_texts(const std::vector<std::string>& texts);
std::vector<std::string> split_texts(std::string_view joined);

}  // namespace glow::images
