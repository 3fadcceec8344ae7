#!/usr/bin/env bash
# Repeats the comparisons of the Glow paper on one data set: reversed, shuffled and learned permutations with additive
# and affine couplings, the baselines NICE and RealNVP, and the number of levels L and of steps K. Prints a line for
# each run. An interrupted call continues where it stopped, within a run too; finished runs are not repeated. A run that
# fails, or whose model has no finite density for some image, is reported as failed.
#
#   scripts/compare.sh [--scale tiny|laptop|gpu|paper] [--data fashion-mnist|photographs|SOURCE] [--seeds N]
#                      [--image-size S|HxW] [--out DIR] [--torch debian|pypi|PATH] [--tools DIR]
#
#   --scale    size of the models and length of the runs, below (default laptop)
#   --data     photographs: 32x32 patches of those in Debian's mate-backgrounds (GPL-2+), which it installs;
#              SOURCE: --data of glow-train (default fashion-mnist)
#   --seeds    runs of each setting of the grid and of NICE and RealNVP (default: from the scale)
#   --image-size  as for glow-train; a folder needs it
#   --out      directory for all results (default runs/compare-DATA-SCALE)
#   --torch    as in scripts/setup.sh
#   --tools    a folder with glow-train and glow-sample; nothing is installed or built then
#
# Relative paths start at the root of the repository. Results in DIR: results.csv, a line for each run; curves.csv,
# validation bits/dim by step; curves.png and curves.svg; table.md; temperature.png, the same latents at temperatures 0
# to 1; shallow.png and deep.png, samples of one level and of all levels; runs/SETTING-SEED, each run.
#
#   scale    seeds  steps    batch  K    width  the depth study's K
#   tiny     1      4        4      1    4      2 3
#   laptop   3      1500     16     4    32     1 2 8
#   gpu      3      20000    64     16   256    4 8 32
#   paper    3      250000   64     32   512    8 16 48

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
scale=laptop
data=fashion-mnist
seeds=
image_size=
out=
tools=
parse_options "--scale --data --seeds --image-size --out --torch --tools" "$@"
[[ $seeds =~ ^([1-9][0-9]*)?$ ]] || usage_error "--seeds $seeds: expected a whole number from 1"

case $scale in
  tiny) seeds=${seeds:-1} steps=4 batch=4 depth=1 width=4 depths="2 3" blocks=1 realnvp_width=2 evaluations=2 ;;
  laptop) seeds=${seeds:-3} steps=1500 batch=16 depth=4 width=32 depths="1 2 8" blocks=1 realnvp_width=16 evaluations=10 ;;
  gpu) seeds=${seeds:-3} steps=20000 batch=64 depth=16 width=256 depths="4 8 32" blocks=4 realnvp_width=64 evaluations=20 ;;
  paper) seeds=${seeds:-3} steps=250000 batch=64 depth=32 width=512 depths="8 16 48" blocks=8 realnvp_width=64 evaluations=50 ;;
  *) usage_error "--scale $scale: expected tiny, laptop, gpu or paper" ;;
esac
out=${out:-runs/compare-${data//[^a-zA-Z0-9]/-}-$scale}
mkdir -p "$out/runs"

if [[ $tools ]]; then
  python=${GLOW_PYTHON:-$root/.deps/python/bin/python}
else
  scripts/setup.sh --torch "$torch"
  scripts/build.sh --torch "$torch" --without-tests
  tools=$build_dir/bin
  locate_tools
fi
export GLOW_PYTHON=$python

levels=2
source_flags=(--data "$data")
[[ ! $image_size ]] || source_flags+=(--image-size "$image_size")
case $data in
  fashion-mnist) source_flags+=(--valid-images 1000) ;;
  photographs)
    scripts/photographs.sh "$out/photographs"
    levels=3
    source_flags=(--data "folder:$out/photographs" --image-size 32 --random-crop)
    ;;
esac

every=$((steps / evaluations))
common=("${source_flags[@]}" --steps "$steps" --batch "$batch" --eval-every "$every" --checkpoint-every "$every"
  --keep 1 --quiet)
# Scales other than the paper's have a short schedule: a warm-up of a few steps, and averages over about 100 steps.
[[ $scale == paper ]] ||
  common+=(--lr 0.002 --warmup-epochs 0.02 --beta2 0.99 --ema-decay 0.99 --clip-norm 50 --sample-every 0
    --log-every "$every")

# Setting, seed and flags of every run.
settings=() run_seeds=() run_flags=()
add() {
  settings+=("$1")
  run_seeds+=("$2")
  run_flags+=("${*:3}")
}
for ((seed = 1; seed <= seeds; ++seed)); do
  glow="--levels $levels --depth $depth --width $width"
  for permutation in reverse shuffle conv1x1; do
    for coupling in additive affine; do
      add "glow-$permutation-$coupling" "$seed" "$glow --permutation $permutation --coupling $coupling"
    done
  done
  # As many couplings as in Glow.
  add nice-convolutional "$seed" "--family nice --depth $((levels * depth)) --width $width"
  add nice-dense-logistic "$seed" "--family nice --network dense --depth 4 --width $((4 * width)) --prior logistic"
  add realnvp "$seed" "--family realnvp --levels $levels --residual-blocks $blocks --width $realnvp_width"
done
# The grid's glow-conv1x1-affine is the same with its own L and K.
for k in $depths; do add "depth-L$levels-K$k" 1 "--levels $levels --depth $k --width $width"; done
for ((l = 1; l < levels; ++l)); do
  # About the same total number of steps for every number of levels.
  add "levels-L$l" 1 "--levels $l --depth $(((levels * depth + l - 1) / l)) --width $width"
done

# Record the settings: runs with other settings must not be mixed with these.
{
  printf '%s\n' "${common[*]}"
  for i in "${!settings[@]}"; do printf '%s %s %s\n' "${settings[i]}" "${run_seeds[i]}" "${run_flags[i]}"; done
} >"$out/settings.new"
if [[ -f $out/settings ]] && ! cmp -s "$out/settings" "$out/settings.new"; then
  fail "$out holds runs of other settings ($out/settings); choose another --out"
fi
mv "$out/settings.new" "$out/settings"

# result RUN: prints "1.2345 bits/dim" or the reason of a failure; nothing if the run has not ended.
result() { "$python" scripts/compare.py result "$1"; }

# train RUN SEED FLAG...: starts or continues a run. A run that fails gets a file `failed`.
train() {
  local run=$1 seed=$2 start=--overwrite status=0
  shift 2
  [[ ! -f $run/config.json ]] || start=--resume
  mkdir -p "$run.log"
  "$tools/glow-train" "${common[@]}" "$@" --seed "$seed" --out "$run" $start >"$run.log/out" 2>"$run.log/err" || status=$?
  ((status == 0)) && return
  ((status != 2)) || fail "$(tail -n 1 "$run.log/err")"
  ((status < 128)) || fail "interrupted in $run; the same command continues it"
  tail -n 1 "$run.log/err" >"$run.log/failed"
}

for i in "${!settings[@]}"; do
  run=$out/runs/${settings[i]}-${run_seeds[i]}
  before=$SECONDS
  how=$(result "$run")
  if [[ ! $how ]]; then
    read -ra flags <<<"${run_flags[i]}"
    train "$run" "${run_seeds[i]}" "${flags[@]}"
    how=$(result "$run")
  fi
  printf '%d/%d %s, seed %s: %s, %d s\n' $((i + 1)) ${#settings[@]} "${settings[i]}" "${run_seeds[i]}" \
    "${how:-not finished}" $((SECONDS - before))
done

sample() {
  [[ ! -f $out/runs/$1/model.safetensors ]] || "$tools/glow-sample" --model "$out/runs/$1/model.safetensors" \
    --count 64 --columns 16 --temperature 0.7 --seed 1 --out "$out/$2.png" --overwrite >/dev/null || say "no samples of $1; see the error above"
}
sample levels-L1-1 shallow
sample glow-conv1x1-affine-1 deep
cp "$out/runs/glow-conv1x1-affine-1/samples/temperatures.png" "$out/temperature.png" || say "no temperature.png"
"$python" scripts/compare.py report "$out"
say "$out: results.csv, curves.csv, curves.png, curves.svg, table.md, temperature.png, shallow.png, deep.png"
