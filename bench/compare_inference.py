#!/usr/bin/env python3
"""Inference speed of whole networks beside PyTorch's: both in turn, round after round, on the same threads.

Packs a binary-weight network (trained for a moment: speed does not depend on the weights' values), then a
round runs `lowbit bench` and bench/pytorch/inference_peer.py (float32 and static int8, every engine and
layout; the fastest counts), batch 1. With --isa avx2 both sides are held to AVX2; PyTorch's x86 int8 engine
cannot be held and is left out there. Prints a Markdown table of medians over the rounds and of ratios.

    bench/compare_inference.py --peer VENV/bin/python [--rounds 3] [--isa avx2] [--threads 1 2]
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile

NETWORKS = {  # how we train, the peer's name of the network, bars against float32 and int8
    "resnet20": (["--data", "synth-color:128", "--model", "resnet20", "--shortcut", "a"], (3.0, 1.5)),
    "vgg7": (["--data", "synth-color:128", "--model", "vgg7"], (5.0, 2.5)),
}
WIDTHS = ("1,1", "1,2")
KINDS = {"float32": ["float-graph", "float-ofi"], "int8": ["int8-onednn", "int8-x86"]}


def command_output(command, environment):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def packed(lowbit, folder, net, widths):
    """The packed file of a network that was trained for one epoch of a few images."""
    w_bits, a_bits = widths.split(",")
    run, path = f"{folder}/{net}-w{w_bits}a{a_bits}", f"{folder}/{net}-w{w_bits}a{a_bits}.lbm"
    train = [lowbit, "train", *NETWORKS[net][0], "--method", "dorefa", "--wbits", w_bits, "--abits", a_bits,
             "--epochs", "1", "--batch", "32", "--out", run]
    for command in (train, [lowbit, "pack", run, "-o", path]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return path


def peer_ms(arguments, net, kind, threads, environment):
    kinds = [k for k in KINDS[kind] if not (arguments.isa and k == "int8-x86")]
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pytorch", "inference_peer.py")
    rows = command_output([arguments.peer, script, "--net", net, "--kind", *kinds, "--threads", str(threads),
                           "--batch", "1", "--seconds", str(arguments.seconds)],
                          {**environment, "OMP_NUM_THREADS": str(threads)})
    return min(row["median_ms"] for row in rows)


def ours_ms(arguments, path, threads, environment):
    return command_output([arguments.lowbit, "bench", path, "--threads", str(threads), "--json"],
                          environment)[-1]["median_ms"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lowbit", default="build/bin/lowbit")
    parser.add_argument("--peer", required=True, help="python with PyTorch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1, help="timing of one setting of the peer")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--isa", choices=["avx2"], help="hold both sides to this instruction set")
    parser.add_argument("--only", choices=NETWORKS, nargs="+", default=list(NETWORKS))
    arguments = parser.parse_args()
    environment = {"LOWBIT_ISA": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"} \
        if arguments.isa else {}
    print("| network | threads | float32 ms | int8 ms | W/A | ours ms | x float32 | bar | x int8 | bar |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for net in arguments.only:
            files = {widths: packed(arguments.lowbit, folder, net, widths) for widths in WIDTHS}
            for threads in arguments.threads:
                rounds = []
                for _ in range(arguments.rounds):
                    peers = {kind: peer_ms(arguments, net, kind, threads, environment) for kind in KINDS}
                    rounds.append((peers, {w: ours_ms(arguments, files[w], threads, environment) for w in WIDTHS}))
                for widths in WIDTHS:
                    row = [statistics.median(peers[kind] for peers, _ in rounds) for kind in KINDS]
                    ours = statistics.median(own[widths] for _, own in rounds)
                    ratio = [statistics.median(peers[kind] / own[widths] for peers, own in rounds) for kind in KINDS]
                    bars = NETWORKS[net][1]
                    print(f"| {net} | {threads} | {row[0]:.3f} | {row[1]:.3f} | {widths} | {ours:.3f} | {ratio[0]:.2f} "
                          f"| {bars[0]} | {ratio[1]:.2f} | {bars[1]} |", flush=True)


main()
