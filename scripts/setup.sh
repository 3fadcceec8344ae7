#!/usr/bin/env bash
# Installs what Glow is built from, on Debian 12. Does nothing when all of it is there; only else it needs root.
#
#   scripts/setup.sh [--torch debian|pypi|PATH] [--without-tests] [--with-fuzzers] [--with-photographs]
#                    [--with-valgrind]
#
#   --torch debian     Debian's LibTorch, for the CPU; the default
#           pypi       PyPI's LibTorch in .deps/pypi, a CUDA build that needs the CUDA toolkit; the default where there
#                      are a GPU and nvcc
#           PATH       an unpacked LibTorch
#   --without-tests    leave out what only the tests and benchmarks need
#   --with-fuzzers     clang and what scripts/fuzz.sh needs of it too
#   --with-photographs mate-backgrounds, for scripts/photographs.sh
#   --with-valgrind    valgrind, for scripts/massif.sh

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "--torch --without-tests --with-fuzzers --with-photographs --with-valgrind" "$@"

packages=(g++ cmake ninja-build
  libcxxopts-dev nlohmann-json3-dev libpng-dev libturbojpeg0-dev zlib1g-dev libssl-dev libgloo-dev
  dataset-fashion-mnist)
libtorch_packages=(libtorch-dev libopenblas0-pthread)
test_packages=(libgtest-dev libbenchmark-dev chromium chromium-driver openmpi-bin iproute2 procps)
libtorch_test_packages=(python3-torch) # has torchrun
fuzzer_packages=(clang libclang-rt-dev llvm) # libFuzzer is in libclang-rt-dev, llvm names the lines in its reports
python_packages=(python3 python3-venv ca-certificates)

# PyPI's LibTorch wants this CUDA toolkit or a newer one, and a newer CMake than Debian's.
pypi_libtorch=("torch==2.11.0" "cmake>=3.26,<4")
pypi_cuda=13.0
pypi_checks=("numpy>=1.24" "safetensors>=0.4" "selenium>=4.10" "matplotlib>=3.6")

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    fail "not root, and no sudo without a password; please run as root: $*"
  fi
}

# install_packages PACKAGE...: those of them that are missing.
install_packages() {
  command -v dpkg-query >/dev/null ||
    fail "this is not Debian; install the like of these with your own package manager, then call CMake: $*"
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

# install_python FOLDER REQUIREMENT...: a virtual environment that has them, unless it does already.
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

check_cuda_toolkit() {
  local nvcc version
  nvcc=$(nvcc_path) ||
    fail "--torch pypi needs the CUDA toolkit $pypi_cuda or newer; there is no nvcc on PATH, in CUDA_HOME or /usr/local/cuda"
  version=$("$nvcc" --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p')
  [[ $(printf '%s\n' "$pypi_cuda" "$version" | sort -V | head -n 1) == "$pypi_cuda" ]] ||
    fail "--torch pypi needs the CUDA toolkit $pypi_cuda or newer; $nvcc is of $version"
}

[[ $without_tests ]] || packages+=("${test_packages[@]}" "${python_packages[@]}")
[[ ! $with_fuzzers ]] || packages+=("${fuzzer_packages[@]}")
[[ ! $with_photographs ]] || packages+=(mate-backgrounds)
[[ ! $with_valgrind ]] || packages+=(valgrind)
case $torch in
  debian)
    packages+=("${libtorch_packages[@]}")
    [[ $without_tests ]] || packages+=("${libtorch_test_packages[@]}")
    ;;
  pypi)
    check_cuda_toolkit
    packages+=("${python_packages[@]}")
    ;;
esac
install_packages "${packages[@]}"

if [[ $torch == pypi ]]; then
  install_python "$root/.deps/pypi" "${pypi_libtorch[@]}" "${pypi_checks[@]}"
elif [[ ! $without_tests ]]; then
  install_python "$root/.deps/python" "${pypi_checks[@]}" ||
    say "without numpy, safetensors, selenium and matplotlib the tests that run Python will be left out"
fi

locate_tools
say "everything is there; LibTorch is ${torch_dir%/share/cmake/Torch}"
