# The Lightning Memory-Mapped Database: the imported target LMDB::LMDB.
include("${CMAKE_CURRENT_LIST_DIR}/FindLibraryTarget.cmake")
find_library_target(LMDB lmdb.h lmdb)
