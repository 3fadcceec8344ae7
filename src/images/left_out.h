#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace glow::images {

/// Whether a folder of this name is not searched: it is hidden, or has a name that programs give to folders among
/// pictures: one with @ at the beginning (thumbnails of NAS systems), __MACOSX, a recycle bin, lost+found ...
bool is_program_folder(std::string_view name);

/// Whether this is the directory of a run of glow-train, which has grids of samples.
bool is_run_directory(const std::filesystem::path& folder);

/// What a search for images did not take, by numbers.
class LeftOut {
 public:
  /// A file that is no image: counted by the ending of its name.
  void add_file(std::string_view name);
  /// An image whose name begins with a dot.
  void add_hidden_image(std::string_view name);
  /// A folder that was not searched, with all that is in it. `what`: its name, or "runs of glow-train".
  void add_folder(std::string_view what);
  void add(const LeftOut& other);

  /// DataSet::left_out
  std::string text() const;

  /// For another process, and back.
  std::string to_bytes() const;
  static LeftOut from_bytes(std::string_view bytes);

 private:
  /// Numbers by endings (".gif"), and by names.
  std::map<std::string, std::int64_t> files_, folders_;
};

}  // namespace glow::images
