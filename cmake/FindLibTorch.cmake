# LibTorch: the imported target `torch`, LibTorch_VERSION, and LibTorch_HAS_CUDA for a CUDA build.
#
# All workarounds for LibTorch's own CMake package are here; the build and the installed GlowConfig.cmake use this file.
# Torch_DIR or CMAKE_PREFIX_PATH select the LibTorch, as for any package.

# No package has this version, so nothing is loaded; but CMake lists the packages that it considered, the best first.
find_package(Torch 9999 CONFIG QUIET)
list(POP_FRONT Torch_CONSIDERED_CONFIGS _libtorch_config)
list(POP_FRONT Torch_CONSIDERED_VERSIONS LibTorch_VERSION)
set(LibTorch_HAS_CUDA FALSE)
unset(_libtorch_problem)

if(_libtorch_config)
  cmake_path(GET _libtorch_config PARENT_PATH _libtorch_dir)
  unset(Torch_DIR)
  set(Torch_DIR "${_libtorch_dir}" CACHE PATH "Folder of LibTorch's TorchConfig.cmake" FORCE)
  # Torch's package searches its second half, Caffe2, in the system's folders first, and could mix two LibTorches.
  cmake_path(REPLACE_FILENAME _libtorch_dir Caffe2 OUTPUT_VARIABLE _libtorch_caffe2_dir)
  unset(Caffe2_DIR)
  set(Caffe2_DIR "${_libtorch_caffe2_dir}" CACHE PATH "Folder of LibTorch's Caffe2Config.cmake" FORCE)

  file(GLOB _libtorch_targets "${Caffe2_DIR}/Caffe2Targets.cmake")
  if(_libtorch_targets)
    file(STRINGS "${_libtorch_targets}" _libtorch_cuda_targets REGEX "add_library\\(torch_cuda ")
    if(_libtorch_cuda_targets)
      set(LibTorch_HAS_CUDA TRUE)
    endif()
  endif()
else()
  set(_libtorch_problem "not found. Ways to get it:
    apt-get install libtorch-dev                       Debian's, CPU only, found automatically
    cmake -DCMAKE_PREFIX_PATH=/path/to/libtorch ...    any unpacked LibTorch")
  if(EXISTS "${CMAKE_CURRENT_LIST_DIR}/../scripts/setup.sh") # not beside an installed package
    string(APPEND _libtorch_problem "
    scripts/setup.sh --torch pypi                      PyPI's, a CUDA build (then scripts/build.sh --torch pypi)")
  endif()
endif()

if(LibTorch_HAS_CUDA)
  find_program(LibTorch_NVCC nvcc
    HINTS ENV CUDACXX ENV CUDA_HOME ENV CUDA_PATH "${CUDAToolkit_ROOT}" PATHS /usr/local/cuda PATH_SUFFIXES bin)
  mark_as_advanced(LibTorch_NVCC)
  if(CMAKE_VERSION VERSION_LESS 3.26)
    set(_libtorch_problem "${_libtorch_dir} is a CUDA build, which needs CMake 3.26 or newer, not ${CMAKE_VERSION} \
(for example PyPI's package cmake)")
  elseif(NOT LibTorch_NVCC)
    set(_libtorch_problem "${_libtorch_dir} is a CUDA build, which needs the CUDA toolkit, and nvcc was not found \
(put it on PATH, set CUDA_HOME, or use a LibTorch for the CPU)")
  else()
    cmake_path(GET LibTorch_NVCC PARENT_PATH CUDA_TOOLKIT_ROOT_DIR)
    cmake_path(GET CUDA_TOOLKIT_ROOT_DIR PARENT_PATH CUDA_TOOLKIT_ROOT_DIR)
    if(NOT CMAKE_CUDA_COMPILER)
      set(CMAKE_CUDA_COMPILER "${LibTorch_NVCC}")
    endif()
  endif()

  # LibTorch reads its own variable instead of CMAKE_CUDA_ARCHITECTURES. By default it takes this machine's GPU alone;
  # without a GPU it selects an architecture that is too old for current versions of nvcc.
  if(NOT TORCH_CUDA_ARCH_LIST AND NOT DEFINED ENV{TORCH_CUDA_ARCH_LIST})
    if(CMAKE_CUDA_ARCHITECTURES MATCHES "^[0-9]")
      string(REGEX REPLACE "([0-9]+)([0-9])[-a-z]*" "\\1.\\2" _libtorch_architectures "${CMAKE_CUDA_ARCHITECTURES}")
    else()
      # Those of this machine's GPUs, else of an A100 and an H100. PTX, which the driver compiles, serves newer ones.
      execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
        OUTPUT_VARIABLE _libtorch_gpus ERROR_QUIET RESULT_VARIABLE _libtorch_result)
      string(REGEX MATCHALL "[0-9]+\\.[0-9]" _libtorch_architectures "${_libtorch_gpus}")
      if(NOT _libtorch_result EQUAL 0 OR NOT _libtorch_architectures)
        set(_libtorch_architectures 8.0 9.0)
      endif()
      list(REMOVE_DUPLICATES _libtorch_architectures)
      list(SORT _libtorch_architectures COMPARE NATURAL)
      string(APPEND _libtorch_architectures "+PTX")
    endif()
    set(TORCH_CUDA_ARCH_LIST "${_libtorch_architectures}" CACHE STRING "CUDA architectures, as LibTorch writes them")
    if(PROJECT_IS_TOP_LEVEL AND NOT LibTorch_FIND_QUIETLY)
      message(STATUS "CUDA architectures: ${TORCH_CUDA_ARCH_LIST}")
    endif()
  endif()
endif()

if(_libtorch_config AND NOT _libtorch_problem)
  # Its package prints many messages and warnings that do not concern this project; errors are still shown.
  set(_libtorch_log_level "${CMAKE_MESSAGE_LOG_LEVEL}")
  set(CMAKE_MESSAGE_LOG_LEVEL ERROR)
  find_package(Torch CONFIG QUIET)
  set(CMAKE_MESSAGE_LOG_LEVEL "${_libtorch_log_level}")
  # Its headers use std::vector<IValue> before IValue is complete. In C++20 clang refuses this unless the header that
  # defines IValue comes first.
  if(TARGET torch)
    target_compile_options(torch INTERFACE
      "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-include ATen/core/ivalue.h>")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS Torch_DIR Torch_FOUND
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "${_libtorch_problem}")
