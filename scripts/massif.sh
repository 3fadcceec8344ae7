#!/usr/bin/env bash
# Installs what is missing, valgrind too, builds, and lets valgrind's massif count the heap of two runs of
# train.steady_memory, with 200 steps and with more. The peak of the longer one may be 64 KiB higher, no more.
#
#   scripts/massif.sh [--steps N]
#
#   --steps    how many more (default 1000)

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "--steps" "$@"
[[ $steps =~ ^[1-9][0-9]*$ ]] || usage_error "--steps $steps: expected a whole number from 1"

# This LibTorch, which loads no CUDA for valgrind to follow.
torch=debian
build_dir=$root/build/debian-release
scripts/setup.sh --torch $torch --with-valgrind
scripts/build.sh --torch $torch
mkdir -p build/massif

# count_heap STEPS: into build/massif/STEPS.out. A peak is counted to 0.02 %, some kilobytes.
count_heap() {
  GLOW_TEST_STEPS=$1 OMP_NUM_THREADS=1 valgrind --quiet --tool=massif --depth=1 --peak-inaccuracy=0.02 \
    --max-snapshots=1000 "--massif-out-file=build/massif/$1.out" \
    "$build_dir/tests/test_train" --gtest_filter='*SteadyMemory*DoesNotGrow*/store' \
    >"build/massif/$1.log" || fail "the run with $1 more steps failed: build/massif/$1.log"
}

# peak STEPS: bytes.
peak() { sed -n 's/^mem_heap_B=//p' "build/massif/$1.out" | sort -n | tail -n 1; }

say "counting the heap of 200 steps, and of $steps more"
count_heap 0 &
count_heap "$steps"
wait $!
growth=$(($(peak "$steps") - $(peak 0)))
say "at its peak the longer run holds $(peak "$steps") bytes, $growth more than the shorter one"
((growth <= 64 * 1024)) || fail "that is more than 64 KiB; ms_print build/massif/$steps.out shows the course"
