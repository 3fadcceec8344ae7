# Sourced by the other scripts: their options, and the paths of the selected LibTorch and its tools.
# shellcheck shell=bash disable=SC2034 # most variables are for the scripts that source this file
set -euo pipefail
script=$(basename "$0")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

say() { printf '== %s\n' "$*"; }
fail() {
  printf '%s: %s\n' "$script" "$*" >&2
  exit 1
}
usage_error() {
  printf '%s: %s (see --help)\n' "$script" "$*" >&2
  exit 2
}

# Prints the comment at the top of the script.
print_help() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$root/scripts/$script"; }

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    fail "needs root, or sudo without a password; run as root: $*"
  fi
}

# install_packages PACKAGE...: installs the missing ones.
install_packages() {
  command -v dpkg-query >/dev/null ||
    fail "not a Debian system; install the equivalents of these packages, then call CMake: $*"
  local package missing=()
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) == *" installed" ]] || missing+=("$package")
  done
  if ((${#missing[@]})); then
    say "installing Debian packages: ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
  fi
}

# install_python FOLDER REQUIREMENT...: installs missing requirements into the virtual environment FOLDER.
install_python() {
  local folder=$1 base=/usr/bin/python3
  shift
  local pip=("$folder/bin/python" -m pip install --quiet --disable-pip-version-check)
  if [[ ! -x $folder/bin/python ]]; then
    [[ -x $base ]] || base=python3
    "$base" -m venv "$folder" || return
  fi
  "${pip[@]}" --no-index "$@" 2>/dev/null && return
  say "installing from PyPI into ${folder#"$root"/}: $*"
  "${pip[@]}" "$@"
}

nvcc_path() { PATH=$PATH:${CUDA_HOME:-/usr/local/cuda}/bin command -v nvcc; }

default_torch() {
  if nvidia-smi -L 2>/dev/null | grep -q '^GPU' && nvcc_path >/dev/null; then echo pypi; else echo debian; fi
}

# parse_options KNOWN ARGUMENT...: KNOWN lists the script's options. Sets a variable for each, and torch, preset,
# seconds, steps, target, screenshots, without_tests, with_tests, with_clang, with_fuzzers, with_photographs,
# with_valgrind, quick, check, dry_run, update_api, check_links and build_dir in any case.
parse_options() {
  local known=" $1 --help "
  shift
  torch=$(default_torch)
  preset=release
  seconds=60
  steps=1000
  target=
  skip=
  screenshots=
  without_tests=
  with_tests=
  with_clang=
  with_fuzzers=
  with_photographs=
  with_valgrind=
  quick=
  check=
  dry_run=
  update_api=
  check_links=
  while (($#)); do
    [[ $known == *" $1 "* ]] || usage_error "unknown option $1"
    case $1 in
      --help)
        print_help
        exit 0
        ;;
      --without-tests) without_tests=yes ;;
      --with-tests) with_tests=ON ;;
      --with-clang) with_clang=yes ;;
      --with-fuzzers) with_fuzzers=yes ;;
      --with-photographs) with_photographs=yes ;;
      --with-valgrind) with_valgrind=yes ;;
      --quick) quick=yes ;;
      --check) check=yes ;;
      --dry-run) dry_run=yes ;;
      --update-api) update_api=yes ;;
      --check-links) check_links=yes ;;
      *)
        (($# > 1)) || usage_error "$1 needs a value"
        local name=${1#--}
        printf -v "${name//-/_}" %s "$2"
        shift
        ;;
    esac
    shift
  done
  if [[ $torch != debian && $torch != pypi ]]; then
    [[ -f $torch/share/cmake/Torch/TorchConfig.cmake ]] ||
      usage_error "--torch $torch: expected debian, pypi or a folder with share/cmake/Torch/TorchConfig.cmake"
    torch=$(cd "$torch" && pwd)
  fi
  build_dir=$root/build/$(basename "$torch")-$preset
}

# Sets python, cmake, ctest and torch_dir (the folder of TorchConfig.cmake) to what scripts/setup.sh installed.
locate_tools() {
  python=$root/.deps/python/bin/python
  cmake=cmake
  ctest=ctest
  case $torch in
    debian) torch_dir=$(dirname "$(dpkg -L libtorch-dev | grep '/TorchConfig\.cmake$')") ;;
    pypi)
      local bin=$root/.deps/pypi/bin
      python=$bin/python
      cmake=$bin/cmake
      ctest=$bin/ctest
      torch_dir=$("$python" -c 'import importlib.util as u; print(u.find_spec("torch").submodule_search_locations[0])')
      torch_dir+=/share/cmake/Torch
      ;;
    *) torch_dir=$torch/share/cmake/Torch ;;
  esac
}
