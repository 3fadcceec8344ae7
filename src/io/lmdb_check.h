#pragma once

#include "io/regular_file.h"

namespace glow::io {

/// Checks the meta pages of an LMDB environment and the pages of the tree of its unnamed database, whose entries must
/// be plain values. liblmdb follows page numbers and offsets in a file without such checks, so that damage ends the
/// process. Pages are those of liblmdb/mdb.c, LMDB 0.9: structs MDB_meta, MDB_page and MDB_node. Throws IoError, and
/// FormatError naming the file and the page.
void check_lmdb(const RegularFile& file);

}  // namespace glow::io
