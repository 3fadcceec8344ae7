#!/usr/bin/env bash
# Installs the packages that Glow needs, on Debian 12 or 13. Needs root or sudo only if packages are missing.
#
#   scripts/setup.sh [--torch debian|pypi|PATH] [--without-tests] [--with-clang] [--with-fuzzers]
#                    [--with-photographs] [--with-valgrind]
#
#   --torch debian     Debian's LibTorch, for the CPU; the default
#           pypi       PyPI's LibTorch in .deps/pypi, a CUDA build that needs the CUDA toolkit; the default if there are
#                      a GPU and nvcc
#           PATH       an unpacked LibTorch
#   --without-tests    without the packages of tests and benchmarks
#   --with-clang       also clang, for the preset clang and scripts/tidy.sh
#   --with-fuzzers     also clang, for scripts/fuzz.sh
#   --with-photographs also mate-backgrounds, for scripts/photographs.sh
#   --with-valgrind    also valgrind, for scripts/massif.sh

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "--torch --without-tests --with-clang --with-fuzzers --with-photographs --with-valgrind" "$@"

packages=(g++ cmake ninja-build
  libcxxopts-dev nlohmann-json3-dev libpng-dev libjpeg62-turbo-dev libwebp-dev libarchive-dev liblmdb-dev zlib1g-dev
  libssl-dev libgloo-dev libmicrohttpd-dev pkgconf
  dataset-fashion-mnist)
libtorch_packages=(libtorch-dev libopenblas0-pthread)
test_packages=(libgtest-dev libbenchmark-dev libjpeg-turbo-progs chromium chromium-driver openmpi-bin iproute2 procps
  curl fish zsh groff-base)
libtorch_test_packages=(python3-torch) # has torchrun
clang_packages=(clang clang-tidy libomp-dev)
fuzzer_packages=(clang libclang-rt-dev llvm) # libFuzzer is in libclang-rt-dev, llvm names the lines in its reports
python_packages=(python3 python3-venv ca-certificates)

# PyPI's LibTorch needs this CUDA toolkit or a newer one, and a newer CMake than Debian's.
pypi_libtorch=("torch==2.11.0" "cmake>=3.26,<4")
pypi_cuda=13.0
pypi_checks=("numpy>=1.24" "pillow>=10" "lmdb>=1.4" "safetensors>=0.4" "selenium>=4.10" "matplotlib>=3.6")

check_cuda_toolkit() {
  local nvcc version
  nvcc=$(nvcc_path) ||
    fail "--torch pypi needs the CUDA toolkit $pypi_cuda or newer; no nvcc on PATH, in CUDA_HOME or /usr/local/cuda"
  version=$("$nvcc" --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p')
  [[ $(printf '%s\n' "$pypi_cuda" "$version" | sort -V | head -n 1) == "$pypi_cuda" ]] ||
    fail "--torch pypi needs the CUDA toolkit $pypi_cuda or newer; $nvcc is version $version"
}

[[ $without_tests ]] || packages+=("${test_packages[@]}" "${python_packages[@]}")
[[ ! $with_clang ]] || packages+=("${clang_packages[@]}")
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
    say "numpy, pillow, lmdb, safetensors, selenium or matplotlib is missing: the tests that run Python will be skipped"
fi

locate_tools
say "all packages are installed; LibTorch: ${torch_dir%/share/cmake/Torch}"
