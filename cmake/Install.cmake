# The files that `cmake --install` installs, in the components library (the shared library), development (all that a
# program needs to be compiled with Glow) and tools. tools/CMakeLists.txt installs the tools.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Glow")

install(TARGETS glow_static EXPORT GlowStatic ARCHIVE COMPONENT development)
install(TARGETS glow_shared EXPORT GlowShared LIBRARY COMPONENT library NAMELINK_COMPONENT development)
foreach(export IN ITEMS GlowStatic GlowShared)
  install(EXPORT ${export} NAMESPACE glow:: DESTINATION "${package_dir}" COMPONENT development)
endforeach()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/glow" "${PROJECT_BINARY_DIR}/include/glow"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development FILES_MATCHING PATTERN "*.h")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/examples" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libglow-dev"
  COMPONENT development PATTERN models EXCLUDE PATTERN slurm EXCLUDE)

string(REGEX MATCH "^([0-9]+)\\.([0-9]+)" unused "${LibTorch_VERSION}")
set(LibTorch_VERSION_MAJOR "${CMAKE_MATCH_1}")
set(LibTorch_VERSION_MINOR "${CMAKE_MATCH_2}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/GlowConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/cmake/GlowConfig.cmake" INSTALL_DESTINATION "${package_dir}")
# Before 1.0 a minor version may break the API.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/cmake/GlowConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/cmake/GlowConfig.cmake"
  "${PROJECT_BINARY_DIR}/cmake/GlowConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/GlowDependencies.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindLibTorch.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindLibraryTarget.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindLMDB.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindWebP.cmake"
  DESTINATION "${package_dir}" COMPONENT development)
