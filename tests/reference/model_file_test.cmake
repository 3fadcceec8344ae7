# Checks model files of this project with Python's public safetensors reader.
execute_process(COMMAND "${GLOW_PYTHON}" -c "import numpy, safetensors"
  RESULT_VARIABLE python_result OUTPUT_QUIET ERROR_QUIET)
if(NOT python_result EQUAL 0 AND GLOW_REQUIRE_PYTHON)
  message(FATAL_ERROR "GLOW_PYTHON (${GLOW_PYTHON}) lacks numpy or safetensors; scripts/setup.sh installs them")
endif()

# glow_add_model_file_test(NAME FILE): checks with the public reader that FILE is a valid model file.
function(glow_add_model_file_test name file)
  add_test(NAME reference.${name}
    COMMAND "${GLOW_PYTHON}" "${PROJECT_SOURCE_DIR}/tests/reference/check_model_file.py" "${file}")
  set_tests_properties(reference.${name} PROPERTIES LABELS reference TIMEOUT 60)
  if(NOT python_result EQUAL 0)
    set_tests_properties(reference.${name} PROPERTIES DISABLED ON)
  endif()
endfunction()

set(models "${CMAKE_CURRENT_BINARY_DIR}/models")
file(MAKE_DIRECTORY "${models}")
add_executable(write_models reference/write_models.cpp)
target_include_directories(write_models PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/src")
target_link_libraries(write_models PRIVATE glow::internal)
target_precompile_headers(write_models REUSE_FROM glow_objects)
glow_compile_settings(write_models)
add_test(NAME reference.write_models COMMAND write_models "${models}")
set_tests_properties(reference.write_models PROPERTIES LABELS reference TIMEOUT 60 FIXTURES_SETUP models)
foreach(model lu_classes shuffle_additive reverse_fixed_top
    realnvp_1x4x8_L2 realnvp_3x4x8_L1_classes
    nice_convolutional_gaussian_1x6x4_L1 nice_convolutional_logistic_3x6x4_L1_classes
    nice_dense_gaussian_1x6x4_L1 nice_dense_logistic_2x6x4_L1)
  glow_add_model_file_test(${model} "${models}/${model}.safetensors")
  set_tests_properties(reference.${model} PROPERTIES FIXTURES_REQUIRED models)
endforeach()

if(GLOW_BUILD_TOOLS)
  add_test(NAME reference.saved_again
    COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/reference/check_saved_again.py" $<TARGET_FILE:glow-sample>
      "${CMAKE_CURRENT_SOURCE_DIR}/reference/fixtures/grey_lu_affine.model.safetensors"
      "${PROJECT_SOURCE_DIR}/docs/formats.md")
  add_test(NAME reference.read_files
    COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/reference/check_read_files.py" "${PROJECT_BINARY_DIR}/bin"
      "${PROJECT_SOURCE_DIR}/docs/how-to/python.md")
  set_tests_properties(reference.saved_again reference.read_files PROPERTIES LABELS reference TIMEOUT 60)
  if(NOT python_result EQUAL 0)
    set_tests_properties(reference.saved_again reference.read_files PROPERTIES DISABLED ON)
  endif()
endif()
