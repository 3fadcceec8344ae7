#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test.
#
#   scripts/test.sh [--torch debian|pypi|PATH] [--preset release|debug|asan]
#
#   --torch     as in scripts/setup.sh
#   --preset    one of CMakePresets.json (default release)

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "--torch --preset" "$@"

scripts/setup.sh --torch "$torch"
scripts/build.sh --torch "$torch" --preset "$preset"
locate_tools
say "testing ${build_dir#"$root"/}"
"$ctest" --test-dir "$build_dir" --output-on-failure --parallel "$(nproc)"
