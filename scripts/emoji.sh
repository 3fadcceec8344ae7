#!/usr/bin/env bash
# Makes the data set of examples/models/emoji.safetensors, pictures of 32x32: DIR/train, DIR/valid, DIR/test and
# DIR/attributes.csv. Installs Debian's fonts-noto-color-emoji and unicode-data if they are missing; does nothing if DIR
# exists. scripts/emoji.py says what the pictures are.
#
#   scripts/emoji.sh DIR
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
install_packages fonts-noto-color-emoji unicode-data
say "drawing faces into $1"
"${GLOW_PYTHON:-$root/.deps/python/bin/python}" scripts/emoji.py "$1"
