#!/usr/bin/env bash
# Installs missing packages (clang among them), builds the fuzzers of tests/fuzz in build/fuzz and runs them, two at a
# time. They start with the seeds in tests/fuzz/corpus and the inputs that earlier runs left in build/fuzz/corpus.
#
#   scripts/fuzz.sh [--seconds N] [--target NAME]
#
#   --seconds    time for each fuzzer (default 60)
#   --target     only this fuzzer: a folder of tests/fuzz/corpus
#
# A finding is an exception other than glow::Error, a sanitizer's report, a violated property, or too much time or
# memory. The script then fails and leaves the input in build/fuzz/findings.

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "--seconds --target" "$@"

seeds=tests/fuzz/corpus
[[ $seconds =~ ^[1-9][0-9]*$ ]] || usage_error "--seconds $seconds: expected a whole number from 1"
[[ ! $target || -d $seeds/$target ]] || usage_error "--target $target: expected one of" "$(ls -m "$seeds")"

torch=debian
scripts/setup.sh --torch $torch --without-tests --with-fuzzers
locate_tools
say "building build/fuzz"
"$cmake" --preset fuzz "-DGLOW_WERROR=${GLOW_WERROR:-0}" >/dev/null
"$cmake" --build --preset fuzz --parallel "$(nproc)"

if [[ -w /dev/shm ]]; then memory=/dev/shm; else memory=${TMPDIR:-/tmp}; fi
scratch=$(mktemp -d "$memory/glow_fuzz_XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir -p build/fuzz/{findings,logs}

# A small quarantine of freed memory, so that the limits apply to memory in use. (Seconds, MiB.)
export ASAN_OPTIONS=quarantine_size_mb=64
limits=(-max_len=16384 -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256)

# explain_finding NAME: prints the finding and the command that reproduces it.
explain_finding() {
  local name=$1 log=build/fuzz/logs/$1.log what input
  what=$(grep -m 1 -e '^does not hold' -e 'ERROR' "$log") || what=$(tail -n 1 "$log")
  input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
  printf '%-12s FINDING: %s\n' "$name" "$what"
  printf '    report: %s\n' "$log"
  [[ ! $input ]] || printf '    reproduce: ASAN_OPTIONS=%s build/fuzz/bin/fuzz_%s %s %s\n' \
    "$ASAN_OPTIONS" "$name" "${limits[*]}" "$input"
}

# fuzz NAME: runs a fuzzer and prints a line. Fails on a finding.
fuzz() {
  local name=$1 log=build/fuzz/logs/$1.log corpus=build/fuzz/corpus/$1 result
  mkdir -p "$corpus"
  if TMPDIR=$scratch "build/fuzz/bin/fuzz_$name" "${limits[@]}" "-max_total_time=$seconds" \
    "-artifact_prefix=build/fuzz/findings/$name-" "$corpus" "$seeds/$name" >"$log" 2>&1; then
    result=$(sed -n 's/^#\([0-9]*\)\tDONE *cov: \([0-9]*\) .*/\1 executions, \2 edges covered/p' "$log")
    printf '%-12s %s\n' "$name" "$result"
  else
    explain_finding "$name"
    return 1
  fi
}

say "running each fuzzer for $seconds seconds"
running=0
findings=0
for name in ${target:-$(ls "$seeds")}; do
  if ((running == 2)); then
    wait -n || ((++findings))
    ((running--))
  fi
  fuzz "$name" &
  ((++running))
done
for ((; running > 0; running--)); do wait -n || ((++findings)); done
((findings == 0)) || fail "$findings fuzzers have findings"
