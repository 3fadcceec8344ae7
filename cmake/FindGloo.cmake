# Gloo_FOUND and Gloo_INCLUDE_DIR: headers for the Gloo inside LibTorch, if LibTorch has one. PyPI's LibTorch has Gloo,
# without headers; those of Debian's libgloo-dev fit, which glow::distributed::connect checks with a test sum.

find_path(Gloo_INCLUDE_DIR gloo/rendezvous/store.h)
mark_as_advanced(Gloo_INCLUDE_DIR)
get_target_property(_gloo_definitions torch_cpu INTERFACE_COMPILE_DEFINITIONS)
if(_gloo_definitions MATCHES "USE_C10D_GLOO")
  set(_gloo_in_libtorch TRUE)
else()
  set(_gloo_in_libtorch FALSE)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Gloo REQUIRED_VARS Gloo_INCLUDE_DIR _gloo_in_libtorch
  REASON_FAILURE_MESSAGE "training in several processes is not built (Debian package: libgloo-dev)")
