# The dependencies of the installed library `glow_library`; sets glow_has_dependencies. find_dependency returns from this
# file when one is missing, so that GlowConfig.cmake can restore CMAKE_MODULE_PATH.
include(CMakeFindDependencyMacro)
find_dependency(LibTorch)
if(glow_library STREQUAL "static") # its users link what it needs
  find_dependency(JPEG)
  find_dependency(LibArchive)
  find_dependency(LMDB)
  find_dependency(OpenSSL COMPONENTS Crypto)
  find_dependency(PNG)
  find_dependency(WebP)
  find_dependency(ZLIB)
endif()
set(glow_has_dependencies TRUE)
