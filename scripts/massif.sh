#!/usr/bin/env bash
# Installs missing packages (valgrind among them), builds, and measures the heap of two runs of train.steady_memory with
# valgrind's massif, one of 200 steps and one of more. The peak of the longer run may be at most 64 KiB higher.
#
#   scripts/massif.sh [--steps N]
#
#   --steps    additional steps of the longer run (default 1000)

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "--steps" "$@"
[[ $steps =~ ^[1-9][0-9]*$ ]] || usage_error "--steps $steps: expected a whole number from 1"

# Debian's LibTorch, because valgrind would have to follow a CUDA build's libraries.
torch=debian
build_dir=$root/build/debian-release
scripts/setup.sh --torch $torch --with-valgrind
scripts/build.sh --torch $torch
mkdir -p build/massif

# count_heap STEPS: writes build/massif/STEPS.out. The peak is exact to 0.02 %, a few kilobytes.
count_heap() {
  GLOW_TEST_STEPS=$1 OMP_NUM_THREADS=1 valgrind --quiet --tool=massif --depth=1 --peak-inaccuracy=0.02 \
    --max-snapshots=1000 "--massif-out-file=build/massif/$1.out" \
    "$build_dir/tests/test_train" --gtest_filter='*SteadyMemory*DoesNotGrow*/store' \
    >"build/massif/$1.log" || fail "the run with $1 more steps failed: build/massif/$1.log"
}

# peak STEPS: prints the peak in bytes.
peak() { sed -n 's/^mem_heap_B=//p' "build/massif/$1.out" | sort -n | tail -n 1; }

say "measuring the heap of runs of 200 steps and of $steps more"
count_heap 0 &
count_heap "$steps"
wait $!
growth=$(($(peak "$steps") - $(peak 0)))
say "peak of the longer run: $(peak "$steps") bytes, $growth more than the shorter one"
((growth <= 64 * 1024)) || fail "more than 64 KiB; for details: ms_print build/massif/$steps.out"
