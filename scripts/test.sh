#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test.
#
#   scripts/test.sh [--torch debian|pypi|PATH] [--preset release|debug|asan|tsan]
#
#   --torch     as in scripts/setup.sh
#   --preset    one of CMakePresets.json (default release). With asan, the address and undefined-behaviour sanitizers,
#               tests are left out that compile the library again (consumer), open a browser (report), start many
#               programs of which each has a test of its own (compare, processes) or do again what others do, to compare
#               numbers or count bytes (repeats); tsan, the thread sanitizer, has what does without LibTorch

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "--torch --preset" "$@"

scripts/setup.sh --torch "$torch"
scripts/build.sh --torch "$torch" --preset "$preset"
locate_tools
selection=()
[[ $preset != asan ]] || selection=(-LE 'consumer|report|compare|processes|repeats')
say "testing ${build_dir#"$root"/}"
# Some of them wait most of the time.
"$ctest" --test-dir "$build_dir" --output-on-failure --parallel $(($(nproc) + 1)) "${selection[@]}"
