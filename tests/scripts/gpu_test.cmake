# Checks scripts/gpu.sh without a GPU. The commands that it prints run programs of this build.
if(GLOW_BUILD_TOOLS AND GLOW_BUILD_BENCH)
  add_test(NAME scripts.gpu
    COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/scripts/check_gpu.py" "${PROJECT_SOURCE_DIR}"
      "${PROJECT_BINARY_DIR}" "${CMAKE_COMMAND}")
  set_tests_properties(scripts.gpu PROPERTIES LABELS scripts TIMEOUT 120 ENVIRONMENT OMP_NUM_THREADS=1)
  if(NOT GLOW_PYTHON)
    set_tests_properties(scripts.gpu PROPERTIES DISABLED ON)
  endif()
endif()
