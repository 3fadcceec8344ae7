#!/usr/bin/env bash
# Installs missing packages, builds everything and runs every test.
#
#   scripts/test.sh [--torch debian|pypi|PATH] [--preset release|clang|debug|asan|tsan]
#                   [--skip LABELS]
#
#   --torch     as in scripts/setup.sh
#   --preset    one of CMakePresets.json (default release). asan (address and undefined-behaviour sanitizers) skips tests
#               that compile the library again (consumer), open a browser (report), start many programs that have tests
#               of their own (compare, processes), repeat others to compare numbers or count bytes (repeats), or take
#               minutes with a sanitizer (slow). tsan (thread sanitizer) runs the tests that need threads but no
#               LibTorch
#   --skip      a regular expression of labels: their tests are skipped too. CI skips `nightly`: tests of minutes

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "--torch --preset --skip" "$@"

setup=(--torch "$torch")
[[ $preset != clang ]] || setup+=(--with-clang)
scripts/setup.sh "${setup[@]}"
scripts/build.sh --torch "$torch" --preset "$preset"
locate_tools
[[ $preset != asan ]] || skip+=${skip:+|}'consumer|report|compare|processes|repeats|slow'
[[ $preset != tsan ]] || skip+=${skip:+|}'^io$'
selection=()
[[ ! $skip ]] || selection=(-LE "$skip")
say "testing ${build_dir#"$root"/}"
# One more than there are cores, because some tests mostly wait.
"$ctest" --test-dir "$build_dir" --output-on-failure --parallel $(($(nproc) + 1)) "${selection[@]}"
