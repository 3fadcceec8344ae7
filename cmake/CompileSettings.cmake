# How our own targets are compiled.

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo or MinSizeRel" FORCE)
endif()

find_program(GLOW_CCACHE ccache)
find_program(GLOW_MOLD mold)
mark_as_advanced(GLOW_CCACHE GLOW_MOLD)
option(GLOW_USE_MOLD "Link with mold where it is installed" OFF)

# glow_compile_settings(TARGET): standard, warnings, and ccache where there is one.
function(glow_compile_settings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set(warnings -Wall -Wextra -Wpedantic -Wshadow)
  # With sanitizers GCC warns of what is not there; its manual recommends against -Werror then.
  if(GLOW_WERROR AND NOT (CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_FLAGS MATCHES "-fsanitize="))
    list(APPEND warnings -Werror)
  endif()
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${warnings}>")
  # Without OpenMP at::parallel_for, a template, runs on one core. Programs too are position-independent: with the same
  # flags for all, one precompiled header serves all.
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:-fopenmp;-fPIC>" "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-fopenmp,-fPIC>")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 sees ghosts in std::string's operator+.
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>")
  endif()
  if(GLOW_USE_MOLD AND GLOW_MOLD)
    target_link_options(${target} PRIVATE -fuse-ld=mold)
  endif()
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON)
  if(GLOW_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # A precompiled header takes both to be cached: the preprocessor's flag and ccache's permission.
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>")
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER
      "env;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;${GLOW_CCACHE}")
  endif()
endfunction()
