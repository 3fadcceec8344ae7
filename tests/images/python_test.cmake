# Compares what the library reads from each kind of data set with what Python's own readers read.
execute_process(COMMAND "${GLOW_PYTHON}" -c "import lmdb, numpy, PIL"
  RESULT_VARIABLE readers_result OUTPUT_QUIET ERROR_QUIET)
if(NOT readers_result EQUAL 0 AND GLOW_REQUIRE_PYTHON)
  message(FATAL_ERROR "GLOW_PYTHON (${GLOW_PYTHON}) lacks lmdb, numpy or Pillow; scripts/setup.sh installs them")
endif()

add_executable(dump_source images/dump_source.cpp)
target_link_libraries(dump_source PRIVATE glow nlohmann_json::nlohmann_json)
target_precompile_headers(dump_source REUSE_FROM glow)
glow_compile_settings(dump_source)
add_test(NAME images.python
  COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/images/check_sources.py" $<TARGET_FILE:dump_source>)
set_tests_properties(images.python PROPERTIES LABELS "images;independent" TIMEOUT 300)
if(NOT readers_result EQUAL 0)
  set_tests_properties(images.python PROPERTIES DISABLED ON)
endif()
