#!/usr/bin/env bash
# Installs missing packages, builds the tools, trains a small Glow on Fashion-MNIST for about three minutes and draws
# samples from it. Each call has its own folder and seed: runs/demo-1, runs/demo-2, ...
#
#   scripts/demo.sh [--torch debian|pypi|PATH]
#
#   --torch     as in scripts/setup.sh

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
parse_options "--torch" "$@"

scripts/setup.sh --torch "$torch" --without-tests
scripts/build.sh --torch "$torch" --without-tests

number=1
while [[ -e runs/demo-$number ]]; do ((++number)); done
run=runs/demo-$number
say "training a Glow on Fashion-MNIST into $run"
"$build_dir/bin/glow-train" --preset demo --data fashion-mnist --seed "$number" --out "$run"
"$build_dir/bin/glow-sample" --model "$run/model.safetensors" --out "$run/samples.png" \
  --count 64 --columns 8 --temperature 0.7 --seed "$number"
say "samples: $root/$run/samples.png, model: $root/$run/model.safetensors"
say "report of the run, for a browser: $root/$run/report.html"
