#!/usr/bin/env bash
# Builds one module's tests in build/debian-dev, with what scripts/setup.sh has installed, and runs them. For work on the
# sources: the library is shared and each source is compiled alone, so that a change costs one compilation and one link.
#
#   scripts/dev.sh MODULE[.NAME] [--torch debian|pypi|PATH]
#
#   MODULE     one of tests/: its tests, or with .NAME those of tests/MODULE/NAME_test.cpp
#   --torch    as in scripts/setup.sh

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
module=${1:---help}
[[ $module == --help ]] || shift
[[ $module != --help ]] || set -- --help
parse_options "--torch" "$@"
[[ -d tests/${module%%.*} ]] || usage_error "$module: tests/${module%%.*} is no folder"

preset=dev
build_dir=$root/build/$(basename "$torch")-$preset
locate_tools
[[ -f $build_dir/build.ninja ]] ||
  "$cmake" --preset dev -B "$build_dir" "-DTorch_DIR=$torch_dir" -DGLOW_BUILD_TESTS=ON >/dev/null
"$cmake" --build "$build_dir" --parallel "$(nproc)" --target "test_${module%%.*}"
"$ctest" --test-dir "$build_dir" --output-on-failure --parallel "$(nproc)" -R "^${module//./\\.}(\\.|\$)"
