# glow-serve with other programs: the commands of docs/http.md, and the page in Chromium.
add_test(NAME serve.http_docs
  COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/serve/check_http_docs.py" "${PROJECT_BINARY_DIR}/bin"
    "${PROJECT_SOURCE_DIR}/docs/http.md" "${PROJECT_SOURCE_DIR}/examples/models/fashion-mnist.safetensors")
set_tests_properties(serve.http_docs PROPERTIES LABELS serve ENVIRONMENT OMP_NUM_THREADS=1)
glow_test_properties(serve.http_docs)

add_test(NAME serve.page
  COMMAND "${GLOW_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/serve/check_page.py" $<TARGET_FILE:glow-serve>
    "${PROJECT_SOURCE_DIR}/examples/models/fashion-mnist.safetensors"
    --chromium "${GLOW_CHROMIUM}" --chromedriver "${GLOW_CHROMEDRIVER}")
set_tests_properties(serve.page PROPERTIES LABELS "serve;slow" TIMEOUT 900 ENVIRONMENT OMP_NUM_THREADS=1)
if(NOT browser_is_there)
  set_tests_properties(serve.page PROPERTIES DISABLED ON)
endif()
