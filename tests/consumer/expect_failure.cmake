# cmake -DPROGRAM= -DARGUMENTS= -P expect_failure.cmake: runs the program, which must end with exit code 1, print
# nothing on stdout and one line on stderr that names /missing/file.
execute_process(COMMAND "${PROGRAM}" ${ARGUMENTS} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE error)
if(NOT result STREQUAL "1" OR NOT output STREQUAL "" OR NOT error MATCHES "^[a-z_]+: [^\n]*/missing/file[^\n]*\n$")
  message(FATAL_ERROR "exit code ${result}, stdout '${output}', stderr '${error}'")
endif()
