#!/usr/bin/env bash
# Builds, installs, uses and removes Glow in a root folder with nothing but Debian's base system, and says how long it
# takes, how many packages are downloaded and how much disk they need. The sources are those of the commit, not of the
# working tree. Needs root, the package debootstrap and a network.
#
#   scripts/clean_root.sh CHECK [--suite bookworm|trixie] [--roots FOLDER] [--steps N] [--ccache FOLDER]
#
#   CHECK      build     installs what scripts/setup.sh says, builds everything, runs the tests, and makes the Debian
#                        packages, which it copies to build/packages/SUITE. The other checks use them
#              readme    the README's two commands and the line below them
#              tools     `apt install ./glow-tools*.deb` and `glow-train --preset demo`; then removes everything again
#              library   `apt install ./libglow*.deb`, and a program with find_package; then removes everything again
#              all       all four
#              archive   build/packages/glow-tools-*.tar.gz of `scripts/package.sh --torch pypi`: unpacks it, installs
#                        what its glow-setup says, with the LibTorch in .deps/pypi, and moves it
#   --suite    Debian 12 (bookworm, the default) or Debian 13 (trixie)
#   --roots    where the roots are (default build/roots): 4 GB. SUITE-base there is used again
#   --steps    of the demo in the check tools (default 20)
#   --ccache   a folder of ccache, for the check build

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
name=${1:---help}
[[ $name == --help ]] || shift
[[ $name != --help ]] || set -- --help
suite=bookworm
roots=$root/build/roots
ccache=
parse_options "--suite --roots --steps --ccache" "$@" # its default of --steps is not this script's
[[ " $* " == *" --steps "* ]] || steps=20
case $name in
  all) checks=(build readme tools library) ;;
  build | readme | tools | library | archive) checks=("$name") ;;
  *) usage_error "$name: expected build, readme, tools, library, archive or all" ;;
esac
((EUID == 0)) || fail "needs root"
mkdir -p "$roots"
roots=$(cd "$roots" && pwd)
packages=$root/build/packages/$suite
base=$roots/$suite-base

# The base system, with the mirror, proxy and certificates of this machine.
make_base() {
  install_packages debootstrap util-linux
  rm -rf "$base.part"
  debootstrap --variant=minbase "$suite" "$base.part" http://deb.debian.org/debian
  printf 'deb http://deb.debian.org/debian %s main\n' "$suite" "$suite-updates" >"$base.part/etc/apt/sources.list"
  printf 'deb http://deb.debian.org/debian-security %s main\n' "$suite-security" >>"$base.part/etc/apt/sources.list"
  # The downloaded packages are counted at the end. Nothing in the root must survive a power failure.
  printf '%s "true";\n' APT::Keep-Downloaded-Packages Binary::apt::APT::Keep-Downloaded-Packages \
    >"$base.part/etc/apt/apt.conf.d/keep"
  echo force-unsafe-io >"$base.part/etc/dpkg/dpkg.cfg.d/unsafe-io"
  chroot "$base.part" apt-get clean
  apt-config dump | grep -i '^Acquire::https\?::proxy' >"$base.part/etc/apt/apt.conf.d/proxy" || true
  [[ ! -f /etc/pip.conf ]] || cp /etc/pip.conf "$base.part/etc"
  mkdir -p "$base.part/usr/local/share/ca-certificates"
  find /usr/local/share/ca-certificates -name '*.crt' -exec cp -t "$base.part/usr/local/share/ca-certificates" {} +
  mv "$base.part" "$base"
}

# in_root FOLDER COMMAND...: runs the command in the root. All mounts and processes are in namespaces of their own,
# which end with the command, however it ends.
in_root() {
  local folder=$1
  shift
  # shellcheck disable=SC2016 # expanded by the inner shell
  unshare --mount --pid --fork --kill-child --propagation private bash -euc '
    folder=$1 work=$2 ccache=$3 pypi=$4
    shift 4
    mount -t proc proc "$folder/proc"
    mount -t sysfs sysfs "$folder/sys"
    mkdir -p "$folder/dev/pts" "$folder/dev/shm" "$folder/mnt/work" "$folder/mnt/ccache" "$folder/mnt/pypi"
    mount -t devpts devpts "$folder/dev/pts"
    mount -t tmpfs shm "$folder/dev/shm"
    mount --bind "$work" "$folder/mnt/work"
    [[ ! $ccache ]] || mount --bind "$ccache" "$folder/mnt/ccache"
    [[ ! -d $pypi ]] || mount --bind -o ro "$pypi" "$folder/mnt/pypi"
    exec chroot "$folder" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
      LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} \
      ${https_proxy:+https_proxy="$https_proxy"} "$@"' in_root "$folder" "$work" "$ccache" "$root/.deps/pypi" "$@"
}

megabytes() { du -xsm "$1" | cut -f 1; }

# run_check NAME: runs tests/packages/NAME.sh in a new root with the sources in /mnt/work/glow, packages in
# /mnt/work/packages.
run_check() {
  local name=$1 folder=$roots/$suite-$1 work=$roots/$suite-$1.work begin before seconds archives count
  say "$name on $suite"
  rm -rf "$folder" "$work"
  cp -a "$base" "$folder"
  cp -L /etc/resolv.conf "$folder/etc/resolv.conf"
  mkdir -p "$work/packages"
  git clone -q . "$work/glow"
  case $name in
    tools | library) cp "$packages"/*.deb "$work/packages" ;;
    archive) cp build/packages/glow-tools-*.tar.gz "$work/packages" ;;
  esac
  before=$(megabytes "$folder")
  begin=$SECONDS
  in_root "$folder" env STEPS="$steps" CCACHE="$ccache" bash /mnt/work/glow/tests/packages/"$name".sh
  seconds=$((SECONDS - begin))
  archives=$(megabytes "$folder/var/cache/apt/archives")
  count=$(find "$folder/var/cache/apt/archives" -name '*.deb' | wc -l)
  say "$name on $suite: $seconds s, $count packages of $archives MB downloaded," \
    "disk: $before MB before, $(($(megabytes "$folder") - archives)) MB after"
  [[ $name != build ]] || install -D -m 644 -t "$packages" "$work"/packages/*.deb
  rm -rf "$folder" "$work"
}

[[ -d $base ]] || make_base
for name in "${checks[@]}"; do run_check "$name"; done
