# NCCL_FOUND and NCCL_INCLUDE_DIR: headers for the NCCL inside a CUDA build of LibTorch, which has none of its own. PyPI's
# package nvidia-nccl, which PyPI's LibTorch depends on, has those of the right version; NVIDIA's CUDA toolkit has none,
# but its container images and Debian's libnccl-dev do.

find_path(NCCL_INCLUDE_DIR nccl.h HINTS "${Torch_DIR}/../../../../nvidia/nccl/include" NO_DEFAULT_PATH)
find_path(NCCL_INCLUDE_DIR nccl.h HINTS ENV NCCL_ROOT "${CUDA_TOOLKIT_ROOT_DIR}" PATH_SUFFIXES include)
mark_as_advanced(NCCL_INCLUDE_DIR)
get_target_property(_nccl_definitions torch_cuda INTERFACE_COMPILE_DEFINITIONS)
if(_nccl_definitions MATCHES "USE_C10D_NCCL")
  set(_nccl_in_libtorch TRUE)
else()
  set(_nccl_in_libtorch FALSE)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(NCCL REQUIRED_VARS NCCL_INCLUDE_DIR _nccl_in_libtorch
  REASON_FAILURE_MESSAGE "training on several GPUs is not built (set NCCL_ROOT to a folder with include/nccl.h)")
