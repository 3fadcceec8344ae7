# Compile settings of this project's targets.

# CMake's own default is a build without optimisation. As a part of another project, Glow sets the build type for its
# own folders only.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  if(PROJECT_IS_TOP_LEVEL)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo or MinSizeRel" FORCE)
  else()
    set(CMAKE_BUILD_TYPE Release)
    message(STATUS "Glow: compiled as Release, because CMAKE_BUILD_TYPE is not set")
  endif()
endif()
# LibTorch's headers take most of the time: a unity build of the library is several times faster.
if(NOT PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_UNITY_BUILD)
  set(CMAKE_UNITY_BUILD ON)
endif()

find_program(GLOW_CCACHE ccache)
find_program(GLOW_MOLD mold)
mark_as_advanced(GLOW_CCACHE GLOW_MOLD)
option(GLOW_USE_MOLD "Link with mold if it is installed" OFF)
if(GLOW_USE_MOLD AND GLOW_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# glow_compile_settings(TARGET): language standard, warnings, and ccache if it is installed.
function(glow_compile_settings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set(warnings -Wall -Wextra -Wpedantic -Wshadow)
  # With sanitizers GCC gives false warnings; its manual advises against -Werror then.
  if(GLOW_WERROR AND NOT (CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_FLAGS MATCHES "-fsanitize="))
    list(APPEND warnings -Werror)
  endif()
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${warnings}>")
  # at::parallel_for is a template: without OpenMP it runs on one core. Programs are position-independent too, so that
  # all targets have the same flags and share one precompiled header.
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:-fopenmp;-fPIC>" "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-fopenmp,-fPIC>")
  target_link_options(${target} PRIVATE -fopenmp)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # False warnings of GCC 12 in std::string's operator+.
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>")
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 14)
    # False warnings of GCC 14 in the std::vector<bool> of LibTorch's autograd functions.
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:-Wno-array-bounds;-Wno-stringop-overflow>")
  endif()
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON)
  # The public headers make what they declare visible. -DCMAKE_CXX_VISIBILITY_PRESET=default exports all (preset dev).
  if(NOT DEFINED CMAKE_CXX_VISIBILITY_PRESET)
    set_target_properties(${target} PROPERTIES
      CXX_VISIBILITY_PRESET hidden CUDA_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  endif()
  if(GLOW_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Both are needed to cache files with a precompiled header: the preprocessor's flag and ccache's permission.
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>")
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER
      "env;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;${GLOW_CCACHE}")
  endif()
endfunction()
