#!/usr/bin/env bash
# Builds packages in build/packages. Run scripts/setup.sh before.
#
#   scripts/package.sh [--torch debian|pypi|PATH] [--with-tests]
#
#   --torch debian      Debian packages for the Debian that runs this: libglow0.1, libglow-dev and glow-tools
#           pypi|PATH   an archive of the tools that works in any folder with a LibTorch of that version. glow-setup in
#                       it says what is missing
#   --with-tests        also builds the tests, in the same folder build/TORCH-package
#
# The same commit, LibTorch and compiler give the same bytes, in any folder. SOURCE_DATE_EPOCH is the time in all files;
# by default it is that of the commit.

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "--torch --with-tests" "$@"
locate_tools
install_packages dpkg-dev file # the flags, and what cpack uses

umask 022
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} || fail "not a git repository: set SOURCE_DATE_EPOCH"
export SOURCE_DATE_EPOCH
version=$(sed -n 's/^project(.* VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
build_dir=$root/build/$(basename "$torch")-package
packages=$root/build/packages

# Debian's flags of hardening; they also replace the path of the sources. Its -O2 and -g are not wanted.
export DEB_BUILD_MAINT_OPTIONS=hardening=+all DEB_CXXFLAGS_MAINT_STRIP="-g -O2"
CXXFLAGS="$(dpkg-buildflags --get CXXFLAGS) $(dpkg-buildflags --get CPPFLAGS)"
LDFLAGS=$(dpkg-buildflags --get LDFLAGS)
CUDAFLAGS="-Xcompiler=-ffile-prefix-map=$root=. -frandom-seed=glow"
export CXXFLAGS LDFLAGS CUDAFLAGS

# build SETTING...: configures with the settings of CMake, and builds the library and the tools.
build() {
  say "building ${build_dir#"$root"/}"
  # Flags in the environment are read by the first configuration only.
  "$cmake" --preset release --fresh -B "$build_dir" "-DTorch_DIR=$torch_dir" "-DGLOW_WERROR=${GLOW_WERROR:-0}" \
    "-DGLOW_BUILD_TESTS=${with_tests:-OFF}" "-DGLOW_PYTHON=$python" \
    "-DGLOW_REQUIRE_PYTHON=${GLOW_REQUIRE_PYTHON:-0}" "-DGLOW_REQUIRE_LAUNCHERS=${GLOW_REQUIRE_LAUNCHERS:-0}" \
    -DGLOW_BUILD_EXAMPLES=OFF --no-warn-unused-cli "$@"
  "$cmake" --build "$build_dir" --parallel "$(nproc)"
}

debian_packages() {
  build -DGLOW_PACKAGE=ON -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_SKIP_RPATH=ON
  rm -rf "$build_dir/cpack"
  (cd "$build_dir" && "${cmake%cmake}cpack" -B cpack)
  rm -f "$packages"/*.deb
  install -D -m 644 -t "$packages" "$build_dir"/cpack/*.deb
}

# The Debian package of each library that the programs need besides LibTorch's and the C library's: "SONAME PACKAGE" a
# line.
system_libraries() {
  local name package libraries
  libraries=$(dpkg-architecture -q DEB_HOST_MULTIARCH)
  objdump -p "$1"/bin/* | sed -n 's/^ *NEEDED *//p' | sort -u | while read -r name; do
    [[ ! -e $torch_dir/../../../lib/$name ]] || continue
    package=$(dpkg -S "*/$libraries/$name" 2>/dev/null | sed -n '1s/:.*//p') || true # those of CUDA have none
    [[ ! $package || $package == libc6 ]] || printf '%s %s\n' "$name" "$package"
  done
}

# The oldest C library that has all the symbols that the programs use.
glibc_version() { objdump -T "$1"/bin/* | grep -o 'GLIBC_[0-9.]*' | sort -V | tail -n 1 | sed 's/GLIBC_//'; }

tools_archive() {
  local torch_version cuda name stage rpath="\$ORIGIN/../lib"
  torch_version=$(sed -n 's/^set(PACKAGE_VERSION "\([0-9.]*\).*/\1/p' "$torch_dir/TorchConfigVersion.cmake")
  # PyPI's CUDA libraries are in packages beside LibTorch's.
  cuda=$(find "$torch_dir/../../../../nvidia" -maxdepth 3 -name 'libcudart.so.*' -printf '%h' 2>/dev/null) || true
  [[ ! $cuda ]] || rpath+=";\$ORIGIN/../lib/../../nvidia/${cuda##*/nvidia/}"
  mkdir -p "$build_dir"
  ln -sfn "${torch_dir%/share/cmake/Torch}/lib" "$build_dir/lib" # for glow-manual, which runs during the build
  build -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON "-DCMAKE_INSTALL_RPATH=$rpath"

  name=glow-tools-$version-linux-$(uname -m)-libtorch$torch_version
  [[ $(objdump -p "$build_dir/bin/glow-train") != *libtorch_cuda* ]] || name+=-cuda
  stage=$build_dir/stage/$name
  rm -rf "$build_dir/stage"
  "$cmake" --install "$build_dir" --component tools --prefix "$stage" --strip
  install -m 644 LICENSE packaging/archive/README packaging/debian/copyright "$stage"
  system_libraries "$stage" >"$build_dir/system_libraries"
  sed -e "s/@version@/$version/; s/@torch_version@/$torch_version/; s/@glibc@/$(glibc_version "$stage")/" \
    -e "/^@system_libraries@/{
r /dev/stdin
d
}" packaging/archive/glow-setup.in >"$stage/glow-setup" <"$build_dir/system_libraries"
  chmod 755 "$stage/glow-setup"
  mkdir -p "$packages"
  rm -f "$packages"/glow-tools-*.tar.gz
  tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu \
    --directory "$build_dir/stage" "$name" | gzip -9n >"$packages/$name.tar.gz"
}

if [[ $torch == debian ]]; then debian_packages; else tools_archive; fi
say "packages: $packages"
