# The TurboJPEG API: the imported target TurboJPEG::TurboJPEG. (libjpeg-turbo's CMake package also requires files of
# libjpeg that Debian's libturbojpeg0-dev does not contain.)
include("${CMAKE_CURRENT_LIST_DIR}/FindLibraryTarget.cmake")
find_library_target(TurboJPEG turbojpeg.h turbojpeg)
