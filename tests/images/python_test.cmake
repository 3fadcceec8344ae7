# Compares what the library reads from data sets that other programs wrote with what Python's readers find in them.
add_executable(dump_source images/dump_source.cpp)
target_link_libraries(dump_source PRIVATE glow_tensorless)
glow_compile_settings(dump_source)
add_dependencies(test_images dump_source) # so that the tests of the module can run when only its program was built
add_test(NAME images.python
  COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/images/check_sources.py" $<TARGET_FILE:dump_source>)
set_tests_properties(images.python PROPERTIES LABELS images)
glow_test_properties(images.python LABEL independent)

execute_process(COMMAND "${GLOW_PYTHON}" -c "import lmdb, numpy, PIL"
  RESULT_VARIABLE images_python_result OUTPUT_QUIET ERROR_QUIET)
if(NOT images_python_result EQUAL 0)
  if(GLOW_REQUIRE_PYTHON)
    message(FATAL_ERROR "GLOW_PYTHON (${GLOW_PYTHON}) lacks numpy, pillow or lmdb; scripts/setup.sh installs them")
  endif()
  set_tests_properties(images.python PROPERTIES DISABLED ON)
endif()
