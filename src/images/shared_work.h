#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <glow/images/source.h>

namespace glow::images {

/// The results of task(0) ... task(count - 1), in all processes that open the data set (options.shard): each process
/// runs its part of the tasks on the threads of data_workers, and all get all results. In between, on the calling
/// thread, options.progress(what, done, all) is called with numbers of tasks. Throws the error of the first
/// task that fails: IoError or FormatError, in all processes.
std::vector<std::string> share_work(std::int64_t count, const std::function<std::string(std::int64_t)>& task,
                                    const std::string& what, const OpenOptions& options);

/// Texts as one text, and back.
std::string join_texts(const std::vector<std::string>& texts);
std::vector<std::string> split_texts(std::string_view joined);

}  // namespace glow::images
