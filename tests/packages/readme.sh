# In a clean root: the README's two commands in a clone, and the line below them.
# shellcheck shell=bash
set -euo pipefail

cp -a /mnt/work/glow /root/glow
cd /root/glow
time scripts/setup.sh --without-tests
time scripts/build.sh --without-tests
export PATH=$PWD/build/debian-release/bin:$PATH
time glow-sample examples/models/fashion-mnist.safetensors --temperature 0.7 -o samples.png
[[ $(head -c 4 samples.png) == $'\x89PNG' ]]
