# Sourced by the scripts beside it: runs their stages, and prints at the end how long each took and what ctest counted.
# shellcheck shell=bash
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GLOW_WERROR=1 GLOW_REQUIRE_PYTHON=1 GLOW_REQUIRE_BROWSER=1 GLOW_REQUIRE_LAUNCHERS=1

stage_log=$(mktemp)
stage_lines=()
passed=0
trap 'rm -f "$stage_log"' EXIT

# minutes SECONDS: "4:07"
minutes() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# stage NAME COMMAND...: runs the command and notes its time. Its failure ends the script, with the list so far.
stage() {
  local name=$1 begin=$SECONDS tests
  shift
  printf '==== %s: %s\n' "$name" "$*"
  if ! "$@" 2>&1 | tee "$stage_log"; then
    stage_lines+=("$(printf '%-10s %6s  FAILED' "$name" "$(minutes $((SECONDS - begin)))")")
    printf '%s\n' "${stage_lines[@]}"
    exit 1
  fi
  # ctest: "100% tests passed, 0 tests failed out of 143"
  tests=$(sed -n 's/^100% tests passed, 0 tests failed out of \([0-9]*\)$/\1/p' "$stage_log" | tail -n 1)
  passed=$((passed + ${tests:-0}))
  stage_lines+=("$(printf '%-10s %6s  %s' "$name" "$(minutes $((SECONDS - begin)))" "${tests:+$tests tests}")")
}

# summarize: the list of stages, then the sum in the words of ctest.
summarize() {
  printf '==== stages (minutes:seconds)\n'
  printf '%s\n' "${stage_lines[@]}"
  printf '%-10s %6s\n' "all" "$(minutes $SECONDS)"
  printf '100%% tests passed, 0 tests failed out of %d\n' "$passed"
}
