# In a clean root: makes the Debian packages, runs the tests on what they contain, but those that take minutes or need a
# browser, and has lintian read them.
# shellcheck shell=bash
set -euo pipefail

cp -a /mnt/work/glow /root/glow
cd /root/glow
if [[ $CCACHE ]]; then
  apt-get update -qq && apt-get install -y -qq --no-install-recommends ccache
  export CCACHE_DIR=/mnt/ccache CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
fi
time scripts/setup.sh
apt-get install -y -qq --no-install-recommends git lintian
export GLOW_WERROR=1
time scripts/package.sh --torch debian --with-tests
time ctest --test-dir build/debian-package --output-on-failure --parallel "$(nproc)" \
  --label-exclude 'nightly|slow|consumer|report'
cp build/packages/*.deb /mnt/work/packages
lintian --fail-on error,warning --info build/packages/*.deb
