# cmake -DNM= -DLIBRARY= -DEXPECTED=FILE [-DUPDATE=ON] -P check_symbols.cmake: the symbols that the shared library
# exports must be those that FILE lists: all strong symbols, which other libraries could collide with, and the type
# information of glow::, which exceptions need. Other weak symbols, thunks and tables of virtual functions are not
# listed, because they depend on the compiler, the optimization and the sanitizers.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND "${NM}" --dynamic --defined-only --demangle --format=posix "${LIBRARY}"
  OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
# Differences between compilers and between versions of LibTorch.
string(REPLACE "[abi:cxx11]" "" output "${output}")
string(REPLACE "c10::optional<" "std::optional<" output "${output}")
string(REPLACE ";" "," output "${output}")
string(REPLACE "[" "(" output "${output}") # a list treats brackets as quotes
string(REPLACE "]" ")" output "${output}")
string(REPLACE "\n" ";" lines "${output}")
list(FILTER lines INCLUDE REGEX " [BDRT] [0-9a-f]+|^typeinfo for glow::")
list(FILTER lines EXCLUDE REGEX "^(_edata|_end|__bss_start) ") # of the linker
list(FILTER lines EXCLUDE REGEX "^(.*thunk to|VTT for|(construction )?vtable for|typeinfo name for) ")
list(TRANSFORM lines REPLACE " [BDRTV] [0-9a-f ]+$" "")
list(REMOVE_DUPLICATES lines)
list(SORT lines)
list(JOIN lines "\n" symbols)
string(APPEND symbols "\n")
if(UPDATE)
  file(WRITE "${EXPECTED}" "${symbols}")
  return()
endif()

file(STRINGS "${EXPECTED}" expected)
foreach(symbol IN LISTS lines)
  if(NOT symbol IN_LIST expected)
    message(SEND_ERROR "exported, but not in tests/api/symbols.txt: ${symbol}")
  endif()
endforeach()
foreach(symbol IN LISTS expected)
  if(NOT symbol IN_LIST lines)
    message(SEND_ERROR "in tests/api/symbols.txt, but not exported: ${symbol}")
  endif()
endforeach()
