#!/usr/bin/env bash
# Makes a data set of tiles of the photographs in Debian's mate-backgrounds (twelve of nature, GPL-2+): DIR/train,
# DIR/valid and DIR/test, from different photographs. Installs the package if it is missing; does nothing if DIR exists.
#
#   scripts/photographs.sh DIR
#
# The environment variable GLOW_PYTHON is a Python with Pillow (default: the one that scripts/setup.sh installs).

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
[[ ${1:-} != --help ]] || {
  print_help
  exit 0
}
(($# == 1)) || usage_error "expected one folder"
[[ ! -d $1 ]] || exit 0
photographs=/usr/share/backgrounds/mate/nature
[[ -d $photographs ]] || scripts/setup.sh --torch "$(default_torch)" --with-photographs
say "cutting photographs into $1"
"${GLOW_PYTHON:-$root/.deps/python/bin/python}" scripts/photographs.py $photographs "$1"
