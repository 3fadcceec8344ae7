#!/usr/bin/env bash
# Builds what the stages below need, tests and measures Glow on this machine's GPU, and writes one report in Markdown,
# with the GPU, the versions and every command. Run scripts/setup.sh --torch pypi before. A stage that fails, is stopped
# at its time limit or has no time left makes the script fail at the end; the others run all the same. The report is
# written again after every command, so that a call that is cut off leaves what it has measured.
#
#   scripts/gpu.sh [--quick] [--minutes N] [--stages NAME,NAME] [--report FILE] [--dry-run]
#                  [--torch pypi|PATH] [--prefix DIR] [--built DIR]
#
#   --quick      fewer stages with shorter limits
#   --minutes    of all stages together (default 10, with --quick 3)
#   --stages     only these; `build` alone needs no GPU. All others need the programs and begin with `machine`
#   --report     a new file (default runs/gpu-report.md); the output of all commands goes to the same name with .log
#   --dry-run    print the commands instead
#   --torch      pypi or an unpacked LibTorch with CUDA, as in scripts/setup.sh (default: pypi, or that of python3's
#                torch package)
#   --prefix     a folder with include and lib of the other libraries, for a machine on which they are not installed
#   --built      the folder of an earlier build; nothing is built then
#
# Stages, with their limits in seconds, complete and with --quick (0: not run):
#
#   build         240 110  builds the programs
#   machine        15  10  GPU, driver and versions
#   tests          75  40  compares the GPU with the CPU, and sums over NCCL
#   resume         70  40  compares the files of two runs and of one that was stopped and resumed
#   memcheck       45   0  invalid accesses of Glow's kernels
#   racecheck      45   0  races of Glow's kernels
#   initcheck      45   0  uninitialised memory that kernels read
#   step          180  45  training, log_prob and sampling of the CIFAR-10 model, and launches of a training step
#   celeba         80   0  the CelebA-HQ model at the largest batch that fits
#   products       30  15  products of the coupling networks, with rows as they are and filled up
#   determinants   15   0  log-determinants of 32 channel maps

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/gpu_report.sh
source scripts/gpu_report.sh
# What setup.sh has installed, or the LibTorch inside the torch package of python3.
default_torch() {
  local find='import importlib.util as util; print(util.find_spec("torch").submodule_search_locations[0])'
  if [[ ! -e .deps/pypi ]] && nvidia-smi -L &>/dev/null; then
    python3 -c "$find" 2>/dev/null && return
  fi
  echo pypi
}
minutes=
stages=
report=runs/gpu-report.md
prefix=
built=
parse_options "--quick --minutes --stages --report --dry-run --torch --prefix --built" "$@"

# The lines of the table above: name, limit, limit of a quick run, title.
table=$(print_help | awk '$2 ~ /^[0-9]+$/ && $3 ~ /^[0-9]+$/ { $1 = $1; print }')
names=$(cut -d ' ' -f 1 <<<"$table")

[[ $torch != debian ]] || usage_error "--torch debian: expected pypi or a folder, because Debian's LibTorch has no CUDA"
minutes=${minutes:-$([[ $quick ]] && echo 3 || echo 10)}
[[ $minutes =~ ^[1-9][0-9]*$ ]] || usage_error "--minutes $minutes: expected a whole number from 1"
for name in ${stages//,/ }; do
  grep -qx "$name" <<<"$names" || usage_error "--stages $name: expected some of" "$(paste -sd ' ' <<<"$names")"
done
if [[ $built ]]; then
  [[ -d $built ]] || usage_error "--built $built: there is no such folder"
  build_dir=$(cd "$built" && pwd)
fi
log=${report%.md}.log
if [[ ! $dry_run ]]; then
  for file in "$report" "$log"; do [[ ! -e $file ]] || usage_error "$file exists; choose another --report"; done
fi
if [[ $prefix ]]; then
  [[ -d $prefix ]] || usage_error "--prefix $prefix: there is no such folder"
  prefix=$(cd "$prefix" && pwd)
  export CMAKE_PREFIX_PATH=$prefix${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}
  LD_LIBRARY_PATH=$prefix/lib:$prefix/lib/$(uname -m)-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export LD_LIBRARY_PATH
fi
# For nvcc and compute-sanitizer.
export PATH=$PATH:${CUDA_HOME:-/usr/local/cuda}/bin
# Images of containers set this; then LibTorch rounds the factors of float32 products.
unset TORCH_ALLOW_TF32_CUBLAS_OVERRIDE

build_dir=${build_dir#"$root"/}
bin=$build_dir/bin
tests=$build_dir/tests
scratch=build/gpu

# The commands of each stage.

stage_build() {
  run show_nothing scripts/build.sh --torch "$torch" \
    --target "test_train test_distributed bench_step bench_kernels glow-train"
}

stage_machine() {
  run show_lines nvidia-smi --query-gpu=name,memory.total,driver_version,power.limit --format=csv
  run show_lines nvcc --version
  run show_lines "$bin/bench_step" --version
  run show_lines grep --max-count=1 'model name' /proc/cpuinfo
}

stage_tests() {
  run show_tests "$tests/test_train" --gtest_filter='*Cuda*.*'
  if [[ $dry_run || $("$tests/test_distributed" --gtest_list_tests) == *SumsOnADevice* ]]; then
    run show_tests "$tests/test_distributed" --gtest_filter=Connect.SumsOnADevice
  else
    note "NCCL was not tested, because this build cannot train in several processes (Gloo's headers are missing)."
  fi
}

# Runs of 100 steps of a small model on noise, one after the other in the same folder, because a run records its command.
# The third is stopped by a signal after 5 steps or a few more. Only the files with times may differ.
stage_resume() {
  local header="{'descr': '|u1', 'fortran_order': False, 'shape': (640, 32, 32, 3), }"
  # shellcheck disable=SC2016 # for another shell
  local images='{ printf "\x93NUMPY\1\0v\0%-117s\n" "$0" && head --bytes=1966080 /dev/urandom; } >"$1"'
  # shellcheck disable=SC2016
  local stop='"$@" & until grep -qs "step\":5," "$0" || ! kill -0 $!; do sleep 0.02; done; '
  # shellcheck disable=SC2016
  stop+='kill $! && wait $!; (($? == 143))'
  local out=$scratch/run way flags
  local train=("$bin/glow-train" --device cuda --precision bf16 --data "npy:$scratch/images.npy" --out "$out" --levels 3
    --depth 2 --batch 64 --steps 100 --warmup-epochs none --beta2 0.99 --ema-decay 0.9 --log-every 1 --eval-every 50
    --sample-every 50 --checkpoint-every 50 --keep 1 --quiet)
  local compare=(diff --recursive --brief --exclude=timing.jsonl --exclude=report.html "$out")
  run show_nothing rm --recursive --force "$scratch"
  run show_nothing mkdir --parents "$scratch"
  run show_nothing bash -c "$images" "$header" "$scratch/images.npy"
  for way in graph eager; do
    [[ $way == graph || ! $quick ]] || continue
    flags=()
    [[ $way == graph ]] || flags=(--no-cuda-graph)
    run show_nothing "${train[@]}" "${flags[@]}" --overwrite
    run show_nothing mv "$out" "$scratch/$way"
    run show_nothing "${train[@]}" "${flags[@]}" --overwrite
    run show_lines "${compare[@]}" "$scratch/$way"
    run show_nothing rm --recursive "$out"
    run show_nothing bash -c "$stop" "$out/metrics.jsonl" "${train[@]}" "${flags[@]}" --overwrite
    run show_nothing "${train[@]}" "${flags[@]}" --resume
    run show_lines "${compare[@]}" "$scratch/$way"
  done
  # A graph contains the same kernels, so that they are expected to compute the same bytes.
  [[ $quick ]] || run show_lines diff --recursive --brief --exclude=config.json --exclude=timing.jsonl \
    --exclude=report.html "$scratch/graph" "$scratch/eager"
}

# sanitize TOOL TESTS [FLAG...]: without LibTorch's cache of memory, in which an access beyond the end of a tensor is one
# to another tensor. A CUDA graph needs that cache.
sanitize() {
  if [[ ! $dry_run ]] && ! command -v compute-sanitizer >/dev/null; then
    skip "There is no compute-sanitizer on PATH or in the CUDA toolkit."
    return
  fi
  run show_tests env PYTORCH_NO_CUDA_MEMORY_CACHING=1 compute-sanitizer --tool "$1" --error-exitcode 1 \
    --report-api-errors no "${@:3}" "$tests/test_train" --gtest_filter="$2"
}
# Glow's own kernels only, as those of NVIDIA's libraries take long and are not ours to test.
own=(--kernel-regex kns=4glow)
own_tests='CudaRandom.*:CudaChannelMap.*:Types/CudaKernels.*'
models='Models/CudaTest.*/conv1x1_affine_edge_3x8x16_*:-*TwelveTrainingSteps*'
stage_memcheck() { sanitize memcheck "$own_tests:$models" "${own[@]}"; }
stage_racecheck() { sanitize racecheck "$own_tests:$models" "${own[@]}"; }
# All kernels: memory that another one has written counts as uninitialised if that one is not watched.
stage_initcheck() { sanitize initcheck "$own_tests"; }

step_columns() {
  columns batch precision memory graph 'training, images/s' 'of convolutions' 'log_prob, images/s' 'of convolutions' \
    'sampling, images/s' 'of convolutions' 'between steps' 'a step beyond' launches 'of a flow step'
}
bench_step() { run show_step "$bin/bench_step" --device cuda --rounds 3 "$@"; }

stage_step() {
  step_columns
  local batch precision
  for batch in 64 512; do
    bench_step --batch "$batch" --precision bf16 --memory store
    bench_step --batch "$batch" --precision bf16 --memory store --no-cuda-graph
  done
  [[ ! $quick ]] || return 0
  for batch in 64 512; do
    bench_step --batch "$batch" --precision bf16 --memory recompute
    bench_step --batch "$batch" --precision bf16 --memory recompute --no-cuda-graph
    bench_step --batch "$batch" --precision bf16 --memory reversible
  done
  for precision in tf32 fp32; do
    for batch in 64 512; do
      bench_step --batch "$batch" --precision "$precision" --memory store
      bench_step --batch "$batch" --precision "$precision" --memory store --no-cuda-graph
    done
  done
}

stage_celeba() {
  step_columns
  local batch
  for batch in 64 48 32 24 16 12 8 4 2 1; do
    bench_step --preset celeba-hq-256 --batch "$batch" --precision bf16 --memory store
    [[ $dry_run || $result == 'does not fit' ]] || break
  done
}

stage_products() {
  columns product precision batch inputs outputs 'height and width' time FLOP/s
  local batch precision
  for batch in 64 512; do
    for precision in bf16 tf32 fp32; do
      [[ $precision == bf16 || ! $quick ]] || continue
      run show_kernels "$bin/bench_kernels" --device cuda --precision "$precision" --batch "$batch" \
        --benchmark_filter='^(product|input_gradient|weight_gradient)/' --benchmark_min_time=0.01
    done
  done
}

stage_determinants() {
  columns operation precision batch channels time
  run show_kernels "$bin/bench_kernels" --device cuda --precision fp32 --batch 1 --benchmark_filter='^log_abs_det/' \
    --benchmark_min_time=0.05
}

# is_wanted NAME LIMIT
is_wanted() {
  [[ $1 != build || ! $built ]] || return 1
  if [[ $stages ]]; then
    [[ ,$stages, == *,$1,* || ($1 == machine && $stages != build) ]]
  else
    (($2 > 0))
  fi
}

call=$(in_shell "scripts/$script" "$@")
[[ $dry_run ]] || begin_report
while read -r name full short title; do
  limit=$full
  [[ ! $quick ]] || limit=$short
  is_wanted "$name" "$limit" || continue
  run_stage "$name" $((limit > 0 ? limit : full)) "$title"
  # Without them nothing else can run.
  [[ $name != build && $name != machine ]] || ((${#failures[@]} == 0)) || break
done <<<"$table"

[[ ! $dry_run ]] || exit 0
say "the report: $report"
((${#failures[@]} == 0)) || fail "not passed: ${failures[*]}"
