# Sourced by the checks beside it, which run in a clean root (scripts/clean_root.sh).
# shellcheck shell=bash
set -euo pipefail
export OMP_WAIT_POLICY=PASSIVE # threads that wait do not slow down the machine's other programs

# files: every file of the root but those that list or log what apt and dpkg did.
files() {
  find / \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /mnt \
    -o -path /var/cache/apt -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/log \) -prune -o -print | sort
}

# packages: the names of the installed ones.
packages() { dpkg-query -W -f='${db:Status-Status} ${binary:Package}\n' | sort; }

# note_clean, note_installed: call them before and directly after the installation.
note_clean() {
  files >/tmp/clean.files
  packages >/tmp/clean.packages
}
note_installed() {
  files >/tmp/installed.files
  echo "installed: $(du -sm --exclude=/proc --exclude=/sys --exclude=/mnt --exclude=/var/cache/apt / | cut -f 1) MB"
}

# expect_same_packages: fails unless the packages are those of the clean root. apt keeps another one that a package of the
# clean root names as an alternative: Debian 13's apt names adduser.
expect_same_packages() {
  local package
  packages >/tmp/removed.packages
  comm -23 /tmp/clean.packages /tmp/removed.packages | sed 's/^/lost: the package /' | tee /tmp/lost
  [[ ! -s /tmp/lost ]]
  comm -13 /tmp/clean.packages /tmp/removed.packages | while read -r _ package; do
    apt-cache rdepends --installed "$package" | tail -n +3 | tr -d ' |' |
      grep -Fxf <(sed 's/.* //; s/:.*//' /tmp/clean.packages) >/tmp/users || {
      echo "left: the package $package"
      exit 1
    }
    echo "kept by apt for $(tr '\n' ' ' </tmp/users): $package"
  done
}

# expect_no_trace PACKAGE...: removes the packages, which must take all their files and no others, and leave nothing
# that they made. Then removes the packages that apt installed for them.
expect_no_trace() {
  local file
  dpkg -L "$@" | sort -u >/tmp/owned
  apt-get purge -y -q "$@"
  files >/tmp/removed.files
  {
    comm -13 /tmp/installed.files /tmp/removed.files | sed 's/^/left: /'
    comm -23 /tmp/installed.files /tmp/removed.files | comm -23 - /tmp/owned | sed 's/^/lost: /'
    while read -r file; do [[ -d $file || ! -e $file ]] || echo "left: $file"; done </tmp/owned
  } >/tmp/traces
  cat /tmp/traces
  [[ ! -s /tmp/traces ]]
  echo "removed without a trace: $*"
  # apt would keep a package that another one only recommends or suggests.
  apt-get autoremove -y -q --purge -o APT::AutoRemove::RecommendsImportant=0 -o APT::AutoRemove::SuggestsImportant=0
  expect_same_packages
  echo "the same packages as before; files that Debian's packages left:"
  files | comm -13 /tmp/clean.files -
}
