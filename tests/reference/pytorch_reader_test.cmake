# Compares the reader in PyTorch of docs/formats.md with the reference and the tools, if GLOW_PYTHON has PyTorch. With
# PyPI's LibTorch it has. A PyTorch that cannot be imported is a failure of the test.
execute_process(
  COMMAND "${GLOW_PYTHON}" -c
    "import importlib.util, numpy, safetensors; raise SystemExit(importlib.util.find_spec('torch') is None)"
  RESULT_VARIABLE pytorch_result OUTPUT_QUIET ERROR_QUIET)
if(GLOW_BUILD_TOOLS AND pytorch_result EQUAL 0)
  add_test(NAME reference.pytorch_reader
    COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/reference/check_pytorch_reader.py" "${PROJECT_BINARY_DIR}/bin"
      "${PROJECT_SOURCE_DIR}/docs/formats.md" "${PROJECT_SOURCE_DIR}/examples/models/fashion-mnist.safetensors")
  set_tests_properties(reference.pytorch_reader PROPERTIES LABELS reference ENVIRONMENT OMP_NUM_THREADS=1)
  glow_test_properties(reference.pytorch_reader)
endif()
