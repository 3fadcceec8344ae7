# cmake -P CheckReadme.cmake, in the project's root: fails unless README.md and docs/cpp.md contain exact copies of
# these files, each in a code block below a line <!-- its path -->, and unless the table of docs/api.md names exactly
# the public headers.
cmake_minimum_required(VERSION 3.25)

function(expect_copy page file language)
  file(READ "${page}" page_text)
  file(READ "${file}" text)
  string(FIND "${page_text}" "<!-- ${file} -->\n```${language}\n${text}```\n" position)
  if(position EQUAL -1)
    message(SEND_ERROR "${page} has no exact copy of ${file} in a ```${language} block below <!-- ${file} -->")
  endif()
endfunction()

foreach(page IN ITEMS README.md docs/cpp.md)
  expect_copy(${page} tests/consumer/find_package/CMakeLists.txt cmake)
  expect_copy(${page} tests/consumer/find_package/main.cpp cpp)
endforeach()
expect_copy(docs/cpp.md tests/consumer/fetch_content/CMakeLists.txt cmake)
expect_copy(docs/cpp.md examples/train_tensors/own_loop.cpp cpp)

file(GLOB_RECURSE headers RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}/include/glow" include/glow/*.h)
list(APPEND headers version.h) # generated
file(READ docs/api.md api)
string(REGEX REPLACE ".*\n## Headers" "" api "${api}")
string(REGEX REPLACE "\n## .*" "" api "${api}")
string(REGEX MATCHALL "`[a-z0-9_/]+\\.h`" rows "${api}")
list(TRANSFORM rows REPLACE "`(glow/)?([^`]*)`" "\\2")
foreach(header IN LISTS headers)
  if(NOT header IN_LIST rows)
    message(SEND_ERROR "docs/api.md has no row for ${header}")
  endif()
endforeach()
foreach(row IN LISTS rows)
  if(NOT row IN_LIST headers)
    message(SEND_ERROR "docs/api.md has a row for ${row}, which is no public header")
  endif()
endforeach()
