#!/usr/bin/env bash
# Runs two processes of one thread each in two network namespaces, with a link that tc's token bucket limits, and compares
# the time of a step with the prediction of bench/scaling_model.py. Run it as root, on a machine without other load.
#
#   bench/scaling_links.sh BENCH_SCALING BATCH [OTHER FLAGS OF BENCH_SCALING...]
#   bench/scaling_links.sh build/debian-release/bin/bench_scaling 32 --preset cifar10 --depth 16 --width 256
set -euo pipefail
here=$(dirname "$0")
bench=$(realpath "$1")
batch=$2
shift 2
flags=("$@" --batch "$batch")

hosts=(glow-a-$$ glow-b-$$)
clean_up() {
  for host in "${hosts[@]}"; do ip netns delete "$host" 2>/dev/null || true; done
}
trap clean_up EXIT
for host in "${hosts[@]}"; do ip netns add "$host"; done
ip link add v0 netns "${hosts[0]}" type veth peer name v1 netns "${hosts[1]}"
for i in 0 1; do
  ip -n "${hosts[i]}" link set lo up
  ip -n "${hosts[i]}" address add 10.213.8.$((i + 1))/24 dev v$i
  ip -n "${hosts[i]}" link set v$i up
done

# limit RATE: limits both directions of the link; an empty RATE removes the limit.
limit() {
  for i in 0 1; do
    ip netns exec "${hosts[i]}" tc qdisc delete dev v$i root 2>/dev/null || true
    [[ ! $1 ]] || ip netns exec "${hosts[i]}" tc qdisc add dev v$i root tbf rate "$1" burst 1mb limit 100mb
  done
}

# both: runs the steps in two processes, and prints the JSON of rank 0.
port=21000
both() {
  ((++port))
  local i pids=()
  for i in 1 0; do
    ip netns exec "${hosts[i]}" env RANK=$i WORLD_SIZE=2 LOCAL_RANK=0 LOCAL_WORLD_SIZE=1 MASTER_ADDR=10.213.8.1 \
      MASTER_PORT=$port GLOW_BENCH_THREADS=1 "$bench" "${flags[@]}" &
    pids+=($!)
  done
  wait "${pids[@]}"
}

results=$(mktemp)
GLOW_BENCH_THREADS=1 "$bench" "${flags[@]}" --batch $((batch / 2)) >>"$results"
for rate in "" 4gbit 2gbit 1gbit 500mbit 250mbit; do
  limit "$rate"
  both | sed "s/^{/{\"rate\":\"$rate\",/" >>"$results"
done
"${GLOW_PYTHON:-python3}" "$here/scaling_model.py" "$results"
rm "$results"
