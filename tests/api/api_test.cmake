# The symbols that the shared library exports. `cmake --build ... --target update_symbols` writes the list again.
if(GLOW_INSTALL AND NOT CMAKE_CXX_VISIBILITY_PRESET)
  set(check_symbols "${CMAKE_COMMAND}" "-DNM=${CMAKE_NM}" "-DLIBRARY=$<TARGET_FILE:glow_shared>"
    "-DEXPECTED=${CMAKE_CURRENT_SOURCE_DIR}/api/symbols.txt")
  set(script "${CMAKE_CURRENT_SOURCE_DIR}/api/check_symbols.cmake")
  add_test(NAME api.symbols COMMAND ${check_symbols} -P "${script}")
  set_tests_properties(api.symbols PROPERTIES LABELS api TIMEOUT 60)
  add_custom_target(update_symbols COMMAND ${check_symbols} -DUPDATE=ON -P "${script}" DEPENDS glow_shared)
endif()
