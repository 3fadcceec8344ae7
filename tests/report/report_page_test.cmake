# Opens a run's report.html in a browser.
find_program(GLOW_CHROMIUM chromium DOC "A Chromium, for the test of report.html")
find_program(GLOW_CHROMEDRIVER chromedriver DOC "The WebDriver of that Chromium")
option(GLOW_REQUIRE_BROWSER "Fail to configure without them and selenium instead of skipping the test" OFF)

execute_process(COMMAND "${GLOW_PYTHON}" -c "import numpy, selenium"
  RESULT_VARIABLE selenium_result OUTPUT_QUIET ERROR_QUIET)
set(browser_is_there OFF)
if(GLOW_CHROMIUM AND GLOW_CHROMEDRIVER AND selenium_result EQUAL 0)
  set(browser_is_there ON)
elseif(GLOW_REQUIRE_BROWSER)
  message(FATAL_ERROR "chromium (${GLOW_CHROMIUM}), chromedriver (${GLOW_CHROMEDRIVER}) or, in ${GLOW_PYTHON}, numpy "
    "and selenium are missing; scripts/setup.sh installs them")
endif()

if(GLOW_BUILD_TOOLS)
  add_test(NAME report.page
    COMMAND "${GLOW_PYTHON}" "${PROJECT_SOURCE_DIR}/tests/report/check_report.py"
      --glow-train $<TARGET_FILE:glow-train> --chromium "${GLOW_CHROMIUM}" --chromedriver "${GLOW_CHROMEDRIVER}")
  set(timeout 300)
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=")
    math(EXPR timeout "5 * ${timeout}")
  endif()
  set_tests_properties(report.page PROPERTIES LABELS report TIMEOUT ${timeout} ENVIRONMENT OMP_NUM_THREADS=1)
  if(NOT browser_is_there)
    set_tests_properties(report.page PROPERTIES DISABLED ON)
  endif()
endif()
