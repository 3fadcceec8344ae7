"""The time of a training step in N processes, from the time of one process for its shard and the bandwidth of a link.

    t(N) = o + m + k h a + max(c + s C, f + C)        C = 2 (N - 1)/N * 4 P / w

    c  forward and backward pass of a process's shard       f  its forward pass
    o  the optimiser                                         P  parameters, 4 bytes each
    w  bytes a second of a process's slowest link            s  part of P whose gradients are complete last: the first level's
    m  time that the computing cores spend on messages; 0 where a GPU or another core sends them
    a  latency of a hop in seconds, h hops of a message: 2 (N - 1) in Gloo's ring, 2 log2 N in NCCL's trees
    k  messages of a step that no computation overlaps: the last slice, and loss and norm

On the CPU, and on GPUs with --no-cuda-graph, sums start when a level's gradients are complete: those of the deeper levels are sent while the first level, which has
most of the arithmetic, is still computed; s C remains when it is done. A ring sends each byte 2 (N - 1)/N times.

python bench/scaling_model.py RESULTS    compares the results of bench/scaling_links.sh with the prediction
"""

import json
import sys

MESSAGES = 2
UNITS = {"gbit": 1e9 / 8, "mbit": 1e6 / 8}


def ring(processes, parameters, bandwidth):
    return 2 * (processes - 1) / processes * 4 * parameters / bandwidth


def latency(hops, hop_seconds):
    return MESSAGES * hops * hop_seconds


def step_seconds(compute, forward, optimizer, last, communication, waiting):
    """waiting: time for messages that does not depend on their length."""
    return optimizer + waiting + max(compute + last * communication, forward + communication)


def bytes_per_second(rate):
    number = rate.rstrip("gmbit")
    return float(number) * UNITS[rate[len(number):]]


def compare(path):
    alone, *runs = [json.loads(line) for line in open(path)]
    optimizer, forward = alone["seconds_optimizer"], alone["seconds_forward"]
    compute = alone["seconds_a_step"] - optimizer
    last = alone["parameters_of_first_level"] / alone["parameters"]
    print(f"a process's share alone: step {alone['seconds_a_step']:.3f} s, of it forward {forward:.3f}, "
          f"optimiser {optimizer:.3f}; {4e-6 * alone['parameters']:.1f} MB of gradients, {last:.2f} of them last")
    unlimited, *limited = runs
    waiting = unlimited["seconds_a_step"] - alone["seconds_a_step"]
    hop = unlimited["seconds_small_sum"] / 2
    print(f"on a link without a limit {unlimited['seconds_a_step']:.3f} s: messages {waiting:.3f}, of it "
          f"{latency(2, hop):.4f} for their ways, {1e6 * hop:.0f} us each")
    print("link      step, s  predicted  measured/predicted  waiting")
    for run in limited:
        communication = ring(2, alone["parameters"], bytes_per_second(run["rate"]))
        expected = step_seconds(compute, forward, optimizer, last, communication, waiting)
        print(f"{run['rate']:8}  {run['seconds_a_step']:7.3f}  {expected:9.3f}  {run['seconds_a_step'] / expected:18.2f}"
              f"  {run['waiting']:7.1%}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    compare(sys.argv[1])
