# cpack runs this on the installed files of the packages, before it packs them: compresses manual pages, and removes the
# sections of libraries and programs that name the compiler.
file(GLOB_RECURSE pages "${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/man/*.1")
foreach(page IN LISTS pages)
  execute_process(COMMAND gzip -9n "${page}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
file(GLOB_RECURSE binaries "${CPACK_TEMPORARY_DIRECTORY}/*/usr/bin/*" "${CPACK_TEMPORARY_DIRECTORY}/*/usr/lib/*.so.*")
file(GLOB_RECURSE archives "${CPACK_TEMPORARY_DIRECTORY}/*/usr/lib/*.a")
foreach(binary IN LISTS binaries archives)
  if(NOT IS_SYMLINK "${binary}")
    execute_process(COMMAND strip --strip-debug -R .comment -R .note "${binary}" COMMAND_ERROR_IS_FATAL ANY)
  endif()
endforeach()
