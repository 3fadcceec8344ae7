#include "io/lmdb.h"

#include <utility>

#include <lmdb.h>

#include <glow/error.h>

#include "io/errors.h"
#include "io/lmdb_check.h"
#include "io/regular_file.h"

namespace glow::io {
namespace {

/// Throws unless a function of liblmdb succeeded. Positive codes are those of the operating system.
void check_lmdb_call(int code, const std::filesystem::path& path) {
  if (code > 0) throw cannot_read(path, code);
  if (code < 0) throw FormatError(path, ::mdb_strerror(code));
}

/// Maps a file that is intact.
std::shared_ptr<MDB_txn> begin_transaction(const std::filesystem::path& path, std::uint64_t file_size) {
  MDB_env* environment = nullptr;
  check_lmdb_call(::mdb_env_create(&environment), path);
  const std::shared_ptr<MDB_env> owner(environment, ::mdb_env_close);
  // Otherwise the file says how much address space is mapped.
  check_lmdb_call(::mdb_env_set_mapsize(environment, file_size), path);
  constexpr unsigned kFlags = MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD;
  check_lmdb_call(::mdb_env_open(environment, path.c_str(), kFlags, 0), path);
  MDB_txn* transaction = nullptr;
  check_lmdb_call(::mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction), path);
  return {transaction, [owner](MDB_txn* ended) { ::mdb_txn_abort(ended); }};
}

/// Calls `visit(key, value)` for all entries, in the order of the keys.
template <typename Visit>
void visit_entries(MDB_txn* transaction, const std::filesystem::path& path, Visit visit) {
  MDB_dbi database = 0;
  check_lmdb_call(::mdb_dbi_open(transaction, nullptr, 0, &database), path);
  MDB_cursor* cursor = nullptr;
  check_lmdb_call(::mdb_cursor_open(transaction, database, &cursor), path);
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> owner(cursor, ::mdb_cursor_close);
  MDB_val key{};
  MDB_val value{};
  int code = ::mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
  for (; code == MDB_SUCCESS; code = ::mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) visit(key, value);
  if (code != MDB_NOTFOUND) check_lmdb_call(code, path);
}

}  // namespace

LmdbValues::LmdbValues(std::filesystem::path data_file) : path_(std::move(data_file)) {
  const RegularFile file(path_);
  check_lmdb(file);
  transaction_ = begin_transaction(path_, file.size());
  visit_entries(transaction_.get(), path_, [this](const MDB_val& key, const MDB_val& value) {
    keys_.append(static_cast<const char*>(key.mv_data), key.mv_size);
    entries_.push_back({.value = static_cast<const char*>(value.mv_data),
                        .key_end = keys_.size(),
                        .size = static_cast<std::uint32_t>(value.mv_size)});
  });
}

std::string_view LmdbValues::key(std::size_t index) const {
  const std::uint64_t begin = index == 0 ? 0 : entries_[index - 1].key_end;
  return std::string_view(keys_).substr(begin, entries_[index].key_end - begin);
}

}  // namespace glow::io
