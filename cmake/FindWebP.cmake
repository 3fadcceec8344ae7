# libwebp: the imported target WebP::WebP. (Debian 12's libwebp-dev has no CMake package.)
include("${CMAKE_CURRENT_LIST_DIR}/FindLibraryTarget.cmake")
find_library_target(WebP webp/decode.h webp)
