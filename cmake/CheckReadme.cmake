# cmake -P CheckReadme.cmake, in the project's root: fails unless README.md contains exact copies of these files, each
# in a code block below a line <!-- its path -->.
file(READ README.md readme)

function(expect_in_readme file language)
  file(READ "${file}" text)
  string(FIND "${readme}" "<!-- ${file} -->\n```${language}\n${text}```\n" position)
  if(position EQUAL -1)
    message(SEND_ERROR "README.md has no exact copy of ${file} in a ```${language} block below <!-- ${file} -->")
  endif()
endfunction()

expect_in_readme(tests/consumer/find_package/CMakeLists.txt cmake)
expect_in_readme(tests/consumer/find_package/main.cpp cpp)
