# Compares what the library reads from images and data sets that other programs wrote with what Python's readers find in
# them.
function(add_python_test name program script)
  add_executable(${program} images/${program}.cpp)
  target_link_libraries(${program} PRIVATE glow_tensorless)
  glow_compile_settings(${program})
  add_dependencies(test_images ${program}) # so that the tests of the module can run when only its program was built
  add_test(NAME ${name} COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/images/${script}" $<TARGET_FILE:${program}>)
  set_tests_properties(${name} PROPERTIES LABELS images)
  glow_test_properties(${name})
  if(NOT images_python_result EQUAL 0)
    set_tests_properties(${name} PROPERTIES DISABLED ON)
  endif()
endfunction()

execute_process(COMMAND "${GLOW_PYTHON}" -c "import lmdb, numpy, PIL"
  RESULT_VARIABLE images_python_result OUTPUT_QUIET ERROR_QUIET)
if(NOT images_python_result EQUAL 0 AND GLOW_REQUIRE_PYTHON)
  message(FATAL_ERROR "GLOW_PYTHON (${GLOW_PYTHON}) lacks numpy, pillow or lmdb; scripts/setup.sh installs them")
endif()
add_python_test(images.python dump_source check_sources.py)
add_python_test(images.python_images dump_images check_images.py)
