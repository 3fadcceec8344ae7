# Debian packages, made by cpack from a build with the prefix /usr (scripts/package.sh): libglowX.Y, libglow-dev and
# glow-tools, of the installation components library, development and tools.

# The maintainer is the author that CITATION.cff names. The project has no address for mail.
file(STRINGS "${PROJECT_SOURCE_DIR}/CITATION.cff" authors REGEX "^  - name: ")
list(GET authors 0 author)
string(REGEX REPLACE "^  - name: \"?([^\"]*)\"?$" "\\1" author "${author}")
set(CPACK_PACKAGE_CONTACT "${author} <maintainers@glow.invalid>")

# A package of one Debian release is older than that of the next one, so that an upgrade of the system replaces it.
set(os_release "")
if(EXISTS /etc/os-release)
  file(STRINGS /etc/os-release os_release REGEX "^VERSION_ID=")
endif()
string(REGEX REPLACE "^VERSION_ID=\"?([^\"]*)\"?$" "\\1" debian "${os_release}")
set(CPACK_DEBIAN_PACKAGE_RELEASE "1~deb${debian}")
set(package_version "${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME glow)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # CPack would put it before the summary of each package
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/packaging/debian/finish.cmake")
set(CPACK_COMPONENTS_ALL library development tools)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# glow_debian_package(COMPONENT NAME SECTION SUMMARY LINE...): names and describes the package of a component, and
# installs its licence and changelogs.
set(package_files "${PROJECT_BINARY_DIR}/packaging")
function(glow_debian_package component name section summary)
  string(TOUPPER "${component}" key)
  list(JOIN ARGN "\n" text)
  set(CPACK_DEBIAN_${key}_PACKAGE_NAME "${name}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_PACKAGE_SECTION "${section}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${key}_DESCRIPTION "${summary}\n${text}" PARENT_SCOPE)
  install(FILES "${PROJECT_SOURCE_DIR}/packaging/debian/copyright"
    "${package_files}/changelog.gz" "${package_files}/changelog.Debian.gz"
    DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/${name}" COMPONENT ${component} EXCLUDE_FROM_ALL)
endfunction()

set(package_library "libglow${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")
glow_debian_package(library ${package_library} libs "flow-based image models on LibTorch (shared library)"
  "Glow (Kingma and Dhariwal 2018) is a generative model of images made of"
  "invertible layers: it gives every image an exact log-likelihood and exact"
  "latents, and decodes latents to images. This C++20 library trains, samples,"
  "scores and edits with Glow, RealNVP and NICE models, on LibTorch."
  ""
  "This package contains the shared library.")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/packaging/debian/triggers")
install(FILES "${PROJECT_SOURCE_DIR}/packaging/debian/libglow.lintian-overrides"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/lintian/overrides" RENAME ${package_library} COMPONENT library EXCLUDE_FROM_ALL)

glow_debian_package(development libglow-dev libdevel "flow-based image models on LibTorch (development files)"
  "Glow (Kingma and Dhariwal 2018) is a generative model of images made of"
  "invertible layers: it gives every image an exact log-likelihood and exact"
  "latents, and decodes latents to images. This C++20 library trains, samples,"
  "scores and edits with Glow, RealNVP and NICE models, on LibTorch."
  ""
  "This package contains the headers, the static library and the CMake package.")
# LibTorch's minor versions are not binary compatible. The others are what GlowDependencies.cmake finds for a static
# library.
math(EXPR next_minor "${LibTorch_VERSION_MINOR} + 1")
set(development_depends "${package_library} (= ${package_version})"
  "libtorch-dev (>= ${LibTorch_VERSION_MAJOR}.${LibTorch_VERSION_MINOR})"
  "libtorch-dev (<< ${LibTorch_VERSION_MAJOR}.${next_minor}~)"
  libarchive-dev libjpeg62-turbo-dev liblmdb-dev libpng-dev libssl-dev libwebp-dev zlib1g-dev)
list(JOIN development_depends ", " CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS)

glow_debian_package(tools glow-tools science "flow-based image models on LibTorch (tools)"
  "Glow (Kingma and Dhariwal 2018) is a generative model of images made of"
  "invertible layers: it gives every image an exact log-likelihood and exact"
  "latents, and decodes latents to images."
  ""
  "These command-line tools train models on folders of pictures and published"
  "data sets (glow-train), draw samples (glow-sample), score images and find"
  "unusual ones (glow-eval), edit images through their latents (glow-edit), read"
  "models of other programs (glow-import), and serve a model over HTTP"
  "(glow-serve).")
# The data set is that of `glow-train --preset demo`.
set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS "dataset-fashion-mnist, libopenblas0-pthread")

string(TIMESTAMP package_date "%a, %d %b %Y %H:%M:%S +0000" UTC) # of SOURCE_DATE_EPOCH, if it is set
configure_file("${PROJECT_SOURCE_DIR}/packaging/debian/changelog.in" "${package_files}/changelog.Debian" @ONLY)
configure_file("${PROJECT_SOURCE_DIR}/CHANGELOG.md" "${package_files}/changelog" COPYONLY)
foreach(file IN ITEMS changelog changelog.Debian)
  execute_process(COMMAND gzip -9nc "${package_files}/${file}" OUTPUT_FILE "${package_files}/${file}.gz"
    COMMAND_ERROR_IS_FATAL ANY)
endforeach()

include(CPack)
