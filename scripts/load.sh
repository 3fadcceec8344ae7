#!/usr/bin/env bash
# Measures glow-serve under load with ApacheBench, which it installs: 1, 16 and 64 clients that sample one image, sample
# 32 images, or score one image. The machine must be quiet. Prints a table in Markdown.
#
#   scripts/load.sh [--torch debian|pypi|PATH] [--tools DIR] [--seconds N] [--model FILE]
#
#   --torch    as in scripts/setup.sh
#   --tools    a folder with glow-serve and glow-sample; nothing is built then
#   --seconds  for each row (default 60)
#   --model    default: examples/models/fashion-mnist.safetensors

# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
tools=
model=examples/models/fashion-mnist.safetensors
parse_options "--torch --tools --seconds --model" "$@"
if [[ ! $tools ]]; then
  scripts/setup.sh --torch "$torch" --without-tests
  scripts/build.sh --torch "$torch" --without-tests
  tools=$build_dir/bin
fi
tools=$(cd "$tools" && pwd)
install_packages apache2-utils

scratch=$(mktemp -d)
"$tools/glow-serve" "$model" --port 0 >"$scratch/out" &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$scratch"' EXIT
for ((try = 0; try < 600; ++try)); do
  address=$(sed -n 's/.* at \(http[^ ]*\) .*/\1/p' "$scratch/out")
  [[ $address ]] && break
  kill -0 $server || fail "glow-serve has ended"
  sleep 0.1
done

[[ $address ]] || fail "glow-serve has not started: $(<"$scratch/out")"

echo '{"count": 1, "temperature": 0.7, "seed": 3}' >"$scratch/one.json"
echo '{"count": 32, "temperature": 0.7, "seed": 3}' >"$scratch/many.json"
"$tools/glow-sample" "$model" --count 1 --out "$scratch/image.png" >/dev/null

# measure NAME PATH FILE TYPE IMAGES: a row for each number of clients.
measure() {
  local clients
  for clients in 1 16 64; do
    sleep 1  # until the requests of the clients before are dropped
    ab -q -k -c $clients -t "$seconds" -n 10000000 -p "$3" -T "$4" "${address}api/$2" >"$scratch/ab" 2>&1 ||
      fail "ab: $(tail -n 1 "$scratch/ab")"
    awk -v name="$1" -v clients=$clients -v images="$5" \
      -v memory="$(awk '/VmRSS/ { print int($2 / 1024) }' /proc/$server/status)" '
      /^Non-2xx/ { wrong = $3 }
      /^Requests per second/ { rate = $4 }
      $1 == "50%" { median = $2 }
      $1 == "99%" { late = $2 }
      END {
        printf "| %s | %d | %.0f | %.0f | %d | %d | %d | %d |\n", name, clients, rate, rate * images, median, late,
          wrong, memory
      }' "$scratch/ab"
  done
}

echo '| request | clients | requests/s | images/s | median, ms | 99 %, ms | errors | memory, MB |'
echo '|---|---|---|---|---|---|---|---|'
measure 'sample 1' sample "$scratch/one.json" application/json 1
measure 'sample 32' sample "$scratch/many.json" application/json 32
measure 'score 1' score "$scratch/image.png" image/png 1
