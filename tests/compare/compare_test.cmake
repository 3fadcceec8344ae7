# Runs scripts/compare.sh at its smallest scale, interrupted once. Needs GLOW_PYTHON with matplotlib.
if(GLOW_BUILD_TOOLS)
  add_test(NAME compare.tiny
    COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/compare/check_compare.py" "${PROJECT_SOURCE_DIR}/scripts/compare.sh"
      "${PROJECT_BINARY_DIR}/bin" "${GLOW_PYTHON}" "${CMAKE_CURRENT_BINARY_DIR}/compare")
  set_tests_properties(compare.tiny PROPERTIES LABELS "compare;nightly" TIMEOUT 600)
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=")
    set_tests_properties(compare.tiny PROPERTIES DISABLED ON) # the tools that it runs have their own tests
  endif()
  execute_process(COMMAND "${GLOW_PYTHON}" -c "import matplotlib" RESULT_VARIABLE matplotlib_result OUTPUT_QUIET ERROR_QUIET)
  if(NOT matplotlib_result EQUAL 0)
    if(GLOW_REQUIRE_PYTHON)
      message(FATAL_ERROR "GLOW_PYTHON (${GLOW_PYTHON}) has no matplotlib; scripts/setup.sh installs both")
    endif()
    set_tests_properties(compare.tiny PROPERTIES DISABLED ON)
  endif()
endif()
