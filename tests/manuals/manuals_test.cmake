# The manual pages and the completions, in the shells that use them.
find_program(GLOW_ZSH zsh)
find_program(GLOW_FISH fish)
find_program(GLOW_GROFF groff)
mark_as_advanced(GLOW_ZSH GLOW_FISH GLOW_GROFF)
add_test(NAME tools.manuals
  COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/manuals/check_manuals.py" "${PROJECT_BINARY_DIR}/bin"
    "${PROJECT_BINARY_DIR}/manuals")
set_tests_properties(tools.manuals PROPERTIES LABELS "tools;repeats")
glow_test_properties(tools.manuals)
if(NOT (GLOW_PYTHON AND GLOW_ZSH AND GLOW_FISH AND GLOW_GROFF))
  if(GLOW_REQUIRE_PYTHON)
    message(FATAL_ERROR "zsh (${GLOW_ZSH}), fish (${GLOW_FISH}) or groff (${GLOW_GROFF}) is missing")
  endif()
  set_tests_properties(tools.manuals PROPERTIES DISABLED ON)
endif()
