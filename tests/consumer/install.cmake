# cmake -DBUILD_DIR= -DSOURCE_DIR= -DPREFIX= -P install.cmake: installs the build, then moves the installation, which
# must still work. No installed file may contain a path of the sources or the build.
file(REMOVE_RECURSE "${PREFIX}" "${PREFIX}.elsewhere")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD_DIR}" --prefix "${PREFIX}.elsewhere"
  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
file(RENAME "${PREFIX}.elsewhere" "${PREFIX}")

file(GLOB_RECURSE package_files "${PREFIX}/*.cmake" "${PREFIX}/*.h")
foreach(file IN LISTS package_files)
  file(READ "${file}" text)
  foreach(path IN ITEMS "${SOURCE_DIR}" "${BUILD_DIR}")
    string(FIND "${text}" "${path}" position)
    if(NOT position EQUAL -1)
      message(SEND_ERROR "${file} contains the path ${path}")
    endif()
  endforeach()
endforeach()
