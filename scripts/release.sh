#!/usr/bin/env bash
# Makes the files of a release in build/releases/glow-VERSION, from the commit that is checked out: the sources, the
# Debian packages, an archive of the tools, the documentation, and SHA256SUMS. Run scripts/setup.sh before.
#
#   scripts/release.sh [--archive pypi|PATH|none] [--check] [--dry-run]
#
#   --archive    the LibTorch of the archive of the tools, as --torch of scripts/package.sh (default pypi); none leaves
#                the archive out
#   --check      makes the files twice, in folders of other names and without ccache, compares their bytes, and keeps
#                none. CHANGELOG.md may be without a date
#   --dry-run    checks the tree and the version numbers, then stops
#
# The tree must be clean; the commit must have the tag vVERSION (for --check and --dry-run no tag, or that one); and
# CMakeLists.txt, CITATION.cff, CHANGELOG.md, README.md, SECURITY.md, docs, examples and the consumers in tests must have
# the same version. Existing files are never overwritten.

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
archive=pypi
parse_options "--archive --check --dry-run" "$@"
[[ ! -d $archive ]] || archive=$(cd "$archive" && pwd)

version=$(sed -n 's/^project(.* VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)

check_tree() {
  [[ $(git rev-parse --show-toplevel) == "$(pwd -P)" ]] || fail "needs a clone of the repository"
  [[ ! $(git status --porcelain) ]] || fail "the working tree has changes: $(git status --porcelain | head -n 1)"
  local tags
  tags=$(git tag --points-at HEAD | tr '\n' ' ')
  [[ ! $tags || " $tags" == *" v$version "* ]] || fail "the commit has the tag ${tags% }, expected v$version"
  [[ $tags || $check || $dry_run ]] || fail "the commit has no tag: git tag -a v$version -m \"Glow $version\""
}

# expect FILE FOUND EXPECTED: fails unless they are the same.
expect() { [[ $2 == "$3" ]] || fail "$1 has '$2', expected '$3'"; }

check_versions() {
  local first words places file line found
  first=$(sed -n 's/^## //p' CHANGELOG.md | head -n 1)
  expect CHANGELOG.md "${first%% *}" "$version"
  expect CITATION.cff "$(sed -n 's/^version: //p' CITATION.cff)" "$version"
  if [[ ! $check || $first != *" - unreleased" ]]; then
    [[ $first =~ \ -\ [0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] || fail "CHANGELOG.md has '$first', expected '$version - DATE'"
    expect CITATION.cff "$(sed -n 's/^date-released: "\?\([0-9-]*\)"\?$/\1/p' CITATION.cff)" "${first##* }"
  fi
  # Texts have the version after these words.
  local -A mentions=(["find_package(Glow "]=${version%.*} ["libglow.so."]=${version%.*} ["libglow"]=${version%.*}
    ["minor version gets fixes: "]=${version%.*} ["\` accepts "]=${version%.*} ["All "]=${version%.*}
    ["GIT_TAG v"]=$version ["Version "]=$version ["glow-train "]=$version)
  for words in "${!mentions[@]}"; do
    places=$(git grep -noP "\\Q$words\\E\\K[0-9][0-9.]*[0-9]" -- README.md SECURITY.md docs examples \
      scripts/package.sh tests/consumer) ||
      fail "no text has a version after '$words'"
    while IFS=: read -r file line found; do
      expect "$file:$line" "$words$found" "$words${mentions[$words]}"
    done <<<"$places"
  done
}

# make_files FOLDER OUT: makes the files in OUT, from a clone of the commit in FOLDER.
make_files() {
  local folder=$1 out=$2 name=glow-$version
  git clone -q "$root" "$folder"
  # The LibTorch and the Python that scripts/setup.sh installed.
  [[ ! -d .deps ]] || ln -s "$root/.deps" "$folder/.deps"
  git archive --format=tar --prefix="$name/" HEAD | gzip -9n >"$out/$name.tar.gz"
  "$folder/scripts/package.sh" --torch debian
  [[ $archive == none ]] || "$folder/scripts/package.sh" --torch "$archive"
  cp "$folder"/build/packages/* "$out"
  # The site shows the flags of the tools, which this program prints.
  install -D -t "$folder/build/debian-release/bin" "$folder/build/debian-package/bin/glow-manual"
  "$folder/scripts/docs.sh" --torch debian --without-tests
  tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu \
    --transform "s|^html|$name-docs|" --directory "$folder/build/docs" html | gzip -9n >"$out/$name-docs.tar.gz"
  (cd "$out" && sha256sum -- * >SHA256SUMS)
}

# compare FOLDER OTHER: fails unless both have the same files.
compare() {
  diff "$1/SHA256SUMS" "$2/SHA256SUMS" && return
  local file
  command -v diffoscope >/dev/null || fail "two builds differ; the Debian package diffoscope-minimal shows where"
  for file in "$1"/*; do
    cmp -s "$file" "$2/${file##*/}" || diffoscope --max-report-size 20000 "$file" "$2/${file##*/}" || true
  done
  fail "two builds differ"
}

check_tree
check_versions
say "glow $version: the tree is clean, and all version numbers agree"
[[ ! $dry_run ]] || exit 0
out=$root/build/releases/glow-$version
[[ $check || ! -e $out ]] || fail "$out exists; remove it first"
umask 022
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
mkdir -p build
work=$(mktemp -d "$root/build/release-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/first" "$work/second"
if [[ $check ]]; then
  export CCACHE_DISABLE=1
  make_files "$work/glow" "$work/first"
  make_files "$work/another-folder/of/glow" "$work/second"
  compare "$work/first" "$work/second"
  say "two builds in different folders gave the same bytes:"
  cat "$work/first/SHA256SUMS"
  exit 0
fi
make_files "$work/glow" "$work/first"
mkdir -p "${out%/*}"
mv -T "$work/first" "$out"
say "release: $out"
cat "$out/SHA256SUMS"
