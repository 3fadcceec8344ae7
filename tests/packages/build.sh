# In a clean root: makes the Debian packages, runs the tests on what they contain, but those of the nightly script, of a
# browser and of programs that use an installed library, and has lintian read them.
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
export GLOW_WERROR=1 GLOW_REQUIRE_PYTHON=1 GLOW_REQUIRE_LAUNCHERS=1
# shellcheck source=/dev/null
[[ $(. /etc/os-release && echo "$VERSION_CODENAME") != trixie ]] || GLOW_REQUIRE_LAUNCHERS=0 # its torchrun does not work
time scripts/package.sh --torch debian --with-tests
time ctest --test-dir build/debian-package --output-on-failure --parallel "$(nproc)" \
  --label-exclude 'nightly|consumer|report'
cp build/packages/*.deb /mnt/work/packages
lintian --fail-on error,warning --info build/packages/*.deb
