#!/usr/bin/env bash
# Tiles of the photographs in Debian's mate-backgrounds (twelve of nature, GPL-2+) as a data set: DIR/train, DIR/valid
# and DIR/test, each from photographs of its own. Installs the package where it is missing; does nothing when DIR is
# there.
#
#   scripts/photographs.sh DIR
#
# GLOW_PYTHON in the environment is a Python with Pillow; without it scripts/setup.sh's is taken.

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
