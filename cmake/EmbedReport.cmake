# Generates private/train/report_page.h from the parts of a run's report.html, again whenever one of them changes.

foreach(part page.html style.css charts.js script.js)
  set(file "${PROJECT_SOURCE_DIR}/src/train/report/${part}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  cmake_path(GET part STEM name)
  file(READ "${file}" report_${name})
endforeach()
configure_file("${PROJECT_SOURCE_DIR}/cmake/report_page.h.in" "${PROJECT_BINARY_DIR}/private/train/report_page.h" @ONLY)
