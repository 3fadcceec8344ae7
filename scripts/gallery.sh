#!/usr/bin/env bash
# Draws the pictures of README.md and docs/gallery.md with the models in examples/models. The same build on the same
# machine writes the same bytes.
#
#   scripts/gallery.sh [--torch debian|pypi|PATH] [--tools DIR]
#
#   --torch    as in scripts/setup.sh
#   --tools    a folder with glow-sample, glow-eval and glow-edit; nothing is installed or built then

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
tools=
parse_options "--torch --tools" "$@"
if [[ ! $tools ]]; then
  scripts/setup.sh --torch "$torch" --without-tests
  scripts/build.sh --torch "$torch" --without-tests
  tools=$build_dir/bin
fi
tools=$(cd "$tools" && pwd)

model=examples/models/fashion-mnist.safetensors
pictures=docs/images
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
directions=$scratch/classes.safetensors

sample() {
  "$tools/glow-sample" --model $model --threads 1 --seed 1 --overwrite "$@"
}
edit() {
  local what=$1
  shift
  "$tools/glow-edit" "$what" --model $model --threads 1 --overwrite "$@"
}
garments() { edit "$1" --images fashion-mnist --scale 2 "${@:2}"; }

sample --count 2000 --temperature 0.7 --out "$scratch/samples.npy"
# In that folder, so that the legend says samples.npy without a path.
(cd "$scratch" && "$tools/glow-eval" --model "$root/$model" --data fashion-mnist --ood npy:samples.npy --threads 1 \
  --histogram "$root/$pictures/histogram.svg" --overwrite)
sample --count 64 --columns 16 --temperature 0.7 --out $pictures/samples.png
garments reconstruct --pick 0,1,2,11 --temperature 0.7 --out $pictures/levels.png
garments interpolate --pick 0,2,11 --out $pictures/ways.png
edit interpolate --images fashion-mnist --pick 0,2,11 --frames 12 --loop --frame-milliseconds 120 \
  --out $pictures/morph.apng
edit directions --data fashion-mnist --count 5000 --out "$directions"
garments apply --directions "$directions" --direction Dress,Bag --pick 1 --out $pictures/strip.png
garments vary --pick 1 --amounts 0.1,0.3,0.5 --out $pictures/around.png
garments vary --pick 1 --factors 0,0.25,0.5,0.75,1,1.25 --per-level --out $pictures/temperatures.png

faces=examples/models/emoji
emoji() { "$tools/glow-$1" "${@:2}" --model $faces.safetensors --threads 1 --overwrite; }
emoji sample --count 64 --columns 16 --temperature 0.7 --seed 1 --out $pictures/emoji_samples.png
emoji edit apply --images $faces/grinning-green.png,$faces/tongue-yellow.png --directions $faces.directions.safetensors \
  --direction sunglasses,heart-eyes,worried,purple --strengths 0,0.5,1,1.5,2 --scale 2 --out $pictures/emoji_strip.png
emoji edit interpolate --images $faces/sunglasses-pink.png,$faces/tear-blue.png,$faces/grinning-green.png --scale 2 \
  --out $pictures/emoji_ways.png
