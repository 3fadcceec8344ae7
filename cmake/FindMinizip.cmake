# zlib's Minizip: the imported target Minizip::Minizip.
include("${CMAKE_CURRENT_LIST_DIR}/FindLibraryTarget.cmake")
find_library_target(Minizip minizip/unzip.h minizip)
