#!/usr/bin/env bash
# Builds the documentation site in build/docs/html, which works from the disk: open its index.html. Warnings are errors:
# a link to nowhere, a page that docs/README.md does not list, a public symbol without a comment, a change of the API
# that tests/api/api.txt lacks. Then opens the site in Chromium and checks it. Installs what it needs.
#
#   scripts/docs.sh [--torch debian|pypi|PATH] [--without-tests] [--screenshots DIR] [--check-links] [--update-api]
#
#   --torch          the build that has the tools whose flags are shown, as in scripts/setup.sh
#   --without-tests  without the check in Chromium
#   --screenshots    where that check writes pictures of the pages
#   --check-links    also asks for every external link; needs the network, and is no part of CI
#   --update-api     only writes tests/api/api.txt

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "--torch --without-tests --screenshots --check-links --update-api" "$@"
[[ ! $screenshots ]] || screenshots=$(mkdir -p "$screenshots" && cd "$screenshots" && pwd)

out=$root/build/docs
xml=$out/xml
manual=$out/manual
python=$root/.deps/docs/bin/python
api=tests/api/api.txt
cd "$root"

# The XML of the public headers, one of which CMake generates.
read_headers() {
  local version
  version=$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
  mkdir -p "$out/include/glow"
  sed "s/@PROJECT_VERSION@/$version/" cmake/version.h.in >"$out/include/glow/version.h"
  doxygen docs/site/Doxyfile
}

compare_api() {
  diff -u "$api" "$out/api.txt" ||
    fail "the API differs from $api; if that is intended, scripts/docs.sh --update-api updates the file"
}

# The program that prints the flags of the tools is a target of the build.
write_manual() {
  local program=$build_dir/bin/glow-manual
  if [[ -f $build_dir/build.ninja ]]; then
    cmake --build "$build_dir" --target glow-manual
  elif [[ ! -x $program ]]; then
    scripts/build.sh --torch "$torch" --target glow-manual
  fi
  mkdir "$manual"
  "$program" markdown "$manual"
}

sphinx() { "$python" -m sphinx -q -n -W --keep-going -c docs/site -d "$out/doctrees" "$@"; }

packages=(doxygen python3 python3-venv ca-certificates)
[[ $without_tests ]] || packages+=(chromium chromium-driver)
install_packages "${packages[@]}"
install_python "$root/.deps/docs" -r docs/site/requirements.txt

rm -rf "$out"
say "reading the headers"
read_headers
"$python" docs/site/api.py "$xml" >"$out/api.txt"
if [[ $update_api ]]; then
  cp "$out/api.txt" "$api"
  exit
fi
compare_api
write_manual
say "building ${out#"$root"/}/html"
"$python" docs/site/pages.py "$xml" "$manual" "$out/source"
sphinx -j "$(nproc)" "$out/source" "$out/html"
[[ ! $check_links ]] || sphinx -b linkcheck "$out/source" "$out/linkcheck"
if [[ ! $without_tests ]]; then
  say "checking the site in Chromium"
  "$python" tests/docs/check_site.py "$out/html" ${screenshots:+--screenshots "$screenshots"}
fi
du -sh "$out/html"
