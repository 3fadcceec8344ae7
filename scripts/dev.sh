#!/usr/bin/env bash
# Builds one module's tests in build/debian-dev and runs them. Run scripts/setup.sh before. The library is shared and
# each source is compiled alone, so that a change costs one compilation and one link.
#
#   scripts/dev.sh MODULE[.NAME] [--torch debian|pypi|PATH]
#
#   MODULE     a folder of tests/; with .NAME only the tests of tests/MODULE/NAME_test.cpp
#   --torch    as in scripts/setup.sh

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
module=${1:---help}
[[ $module == --help ]] || shift
[[ $module != --help ]] || set -- --help
parse_options "--torch" "$@"
[[ -d tests/${module%%.*} ]] || usage_error "$module: there is no folder tests/${module%%.*}"

preset=dev
build_dir=$root/build/$(basename "$torch")-$preset
locate_tools
[[ -f $build_dir/build.ninja ]] ||
  "$cmake" --preset dev -B "$build_dir" "-DTorch_DIR=$torch_dir" -DGLOW_BUILD_TESTS=ON >/dev/null
"$cmake" --build "$build_dir" --parallel "$(nproc)" --target "test_${module%%.*}"
"$ctest" --test-dir "$build_dir" --output-on-failure --parallel "$(nproc)" -R "^${module//./\\.}(\\.|\$)"
