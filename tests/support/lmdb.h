#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <lmdb.h>

namespace glow::testing {

inline void check_lmdb_result(int code) {
  if (code != MDB_SUCCESS) throw std::runtime_error(::mdb_strerror(code));
}

/// Writes an LMDB environment in a new folder. `database`: the name of the database, null for the unnamed one. `flags`
/// are those of mdb_dbi_open.
inline void write_lmdb(const std::filesystem::path& folder,
                       const std::vector<std::pair<std::string, std::string>>& entries, const char* database = nullptr,
                       unsigned flags = 0) {
  std::filesystem::create_directories(folder);
  MDB_env* environment = nullptr;
  MDB_txn* transaction = nullptr;
  MDB_dbi handle = 0;
  check_lmdb_result(::mdb_env_create(&environment));
  check_lmdb_result(::mdb_env_set_maxdbs(environment, 1));
  check_lmdb_result(::mdb_env_set_mapsize(environment, std::size_t{1} << 26));
  check_lmdb_result(::mdb_env_open(environment, folder.c_str(), MDB_NOSYNC, 0644));
  check_lmdb_result(::mdb_txn_begin(environment, nullptr, 0, &transaction));
  check_lmdb_result(::mdb_dbi_open(transaction, database, flags | MDB_CREATE, &handle));
  for (auto [key, value] : entries) {
    MDB_val key_bytes{key.size(), key.data()};
    MDB_val value_bytes{value.size(), value.data()};
    check_lmdb_result(::mdb_put(transaction, handle, &key_bytes, &value_bytes, 0));
  }
  check_lmdb_result(::mdb_txn_commit(transaction));
  ::mdb_env_close(environment);
}

}  // namespace glow::testing
