# The Markdown pages: checks of all of them, and for each page whose code blocks are run a test that does so.
execute_process(COMMAND "${GLOW_PYTHON}" -c "import numpy, PIL"
  RESULT_VARIABLE docs_python_result OUTPUT_QUIET ERROR_QUIET)
if(GLOW_REQUIRE_PYTHON AND NOT docs_python_result EQUAL 0)
  message(FATAL_ERROR "${GLOW_PYTHON} has no numpy or no pillow")
endif()
if(NOT GLOW_BUILD_TOOLS OR NOT docs_python_result EQUAL 0)
  return()
endif()

# Skipped with the address sanitizer: the tests of the tools run the same code.
function(glow_add_docs_test name script)
  add_test(NAME docs.${name}
    COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/docs/${script}" "${PROJECT_BINARY_DIR}/bin" ${ARGN})
  set_tests_properties(docs.${name} PROPERTIES LABELS "docs;slow" ENVIRONMENT OMP_NUM_THREADS=1)
  glow_test_properties(docs.${name})
endfunction()

glow_add_docs_test(pages check_pages.py)
file(GLOB_RECURSE pages CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/docs/*.md")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${pages}
  "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/examples/models/README.md")
execute_process(COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/docs/pages.py"
  OUTPUT_VARIABLE pages COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" pages "${pages}")
foreach(page IN LISTS pages)
  string(REGEX REPLACE "^docs/|\\.md$" "" name "${page}")
  string(REPLACE "/" "." name "${name}")
  glow_add_docs_test(${name} check_blocks.py "${page}")
endforeach()
