#!/usr/bin/env bash
# Configures and builds Glow in build/TORCH-PRESET. Run scripts/setup.sh before.
#
#   scripts/build.sh [--torch debian|pypi|PATH] [--preset release|clang|debug|asan|tsan]
#                    [--without-tests] [--target "NAME ..."]
#
#   --torch            as in scripts/setup.sh
#   --preset           one of CMakePresets.json (default release)
#   --without-tests    only the library and the tools
#   --target           only these targets of CMake
#
# The environment variables GLOW_REQUIRE_BROWSER=1, GLOW_REQUIRE_LAUNCHERS=1, GLOW_REQUIRE_PYTHON=1 and GLOW_WERROR=1
# turn on the CMake options of the same names.

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "--torch --preset --without-tests --target" "$@"
locate_tools

settings=("-DTorch_DIR=$torch_dir" "-DGLOW_WERROR=${GLOW_WERROR:-0}")
if [[ $without_tests ]]; then
  settings+=(-DGLOW_BUILD_TESTS=OFF -DGLOW_BUILD_BENCH=OFF)
else
  settings+=(-DGLOW_BUILD_TESTS=ON "-DGLOW_PYTHON=$python" "-DGLOW_REQUIRE_PYTHON=${GLOW_REQUIRE_PYTHON:-0}"
    "-DGLOW_REQUIRE_BROWSER=${GLOW_REQUIRE_BROWSER:-0}" "-DGLOW_REQUIRE_LAUNCHERS=${GLOW_REQUIRE_LAUNCHERS:-0}")
  # Figures measured with a sanitizer mean nothing.
  [[ $preset == *san ]] || settings+=(-DGLOW_BUILD_BENCH=ON)
fi
say "configuring ${build_dir#"$root"/}"
# The preset tsan has no LibTorch and does not use all settings.
"$cmake" --preset "$preset" -B "$build_dir" --no-warn-unused-cli "${settings[@]}"
say "building ${build_dir#"$root"/}"
read -ra targets <<<"$target"
"$cmake" --build "$build_dir" --parallel "$(nproc)" ${target:+--target "${targets[@]}"}
