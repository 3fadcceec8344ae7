#!/usr/bin/env bash
# Installs missing packages (clang-tidy among them) and runs the checks of .clang-tidy on the sources of the library and
# the tools, and on their headers. A finding is an error.
#
#   scripts/tidy.sh

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "" "$@"

torch=debian
scripts/setup.sh --torch $torch --without-tests --with-clang
locate_tools
build=build/tidy
say "configuring $build"
"$cmake" --preset tidy "-DTorch_DIR=$torch_dir" >/dev/null
# Most of the time goes into LibTorch's headers: a unity build reads them once for several sources, and clang-tidy takes
# them from the precompiled header.
commands=$build/compile_commands.json
mapfile -t precompiled < <(grep -o "[^ ]*\.pch" $commands | sort -u)
mapfile -t units < <(sed -n 's/^ *"file": "\(.*\)",\?$/\1/p' $commands | grep -v cmake_pch)
((${#precompiled[@]} && ${#units[@]})) || fail "$commands lists no sources or no precompiled header"
"$cmake" --build $build --target "${precompiled[@]#"$root/$build/"}" >/dev/null
say "checking ${#units[@]} units"
printf '%s\n' "${units[@]}" | xargs -d '\n' -P "$(nproc)" -I{} clang-tidy --quiet -p $build {}
