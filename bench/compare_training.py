#!/usr/bin/env python3
"""Training speed beside PyTorch's: both in turn, round after round, on the same threads.

For every network and method one round runs `lowbit train` (synthetic images, augmentation and loading
included) and then bench/pytorch/train_peer.py (random images held in memory), each for a few seconds;
the figure of a round is images per second of training alone. Prints a Markdown table of medians over
the rounds and the median of the rounds' ratios. The peer runs in each of its layouts; the better one
counts.

    bench/compare_training.py --peer VENV/bin/python [--rounds 3] [--seconds 10] [--only lenet5]
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile

CASES = {  # network: data of ours, steps of one timing of the peer, the bars for dorefa and float
    "lenet5": ("synth-digits", 40, {"dorefa": 2.5, "float": 1.5}),
    "resnet20": ("synth-color", 8, {"dorefa": 1.4, "float": 1.0}),
    "vgg7": ("synth-color", 1, {"dorefa": 1.25, "float": 1.0}),
}
METHODS = {
    "dorefa": ["--method", "dorefa", "--wbits", "1", "--abits", "2", "--block-order", "conv-bn-act"],
    "float": ["--method", "float"],
}
PEER_ENVIRONMENT = {"OMP_NUM_THREADS": "2", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184"}


def last_json(command, environment):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(arguments, net, method):
    with tempfile.TemporaryDirectory() as folder:
        data, _, _ = CASES[net]
        command = [arguments.lowbit, "train", "--data", data, "--model", net, *METHODS[method],
                   "--epochs", "1000", "--batch", "128", "--threads", "2", "--max-seconds",
                   str(arguments.seconds), "--json", "--out", folder + "/run"]
        return last_json(command, {})["images_per_second"]


def peer(arguments, net, method, layout):
    steps = CASES[net][1]
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pytorch", "train_peer.py")
    command = [arguments.peer, script, "--net", net, "--method", method, "--layout", layout,
               "--steps", str(steps), "--repeats", "3", "--warmup", str(max(2, steps // 2)), "--pool", "avg"]
    return last_json(command, PEER_ENVIRONMENT)["images_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lowbit", default="build/bin/lowbit")
    parser.add_argument("--peer", required=True, help="python with PyTorch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--only", choices=CASES)
    arguments = parser.parse_args()
    print("| network | method | lowbit images/s | PyTorch images/s (layout) | ratio (min-max) | bar |")
    print("|---|---|---|---|---|---|")
    for net in [arguments.only] if arguments.only else CASES:
        for method in METHODS:
            mine, theirs = [], {"nchw": [], "nhwc": []}
            for _ in range(arguments.rounds):
                mine.append(ours(arguments, net, method))
                for layout in theirs:
                    theirs[layout].append(peer(arguments, net, method, layout))
            best = max(theirs, key=lambda layout: statistics.median(theirs[layout]))
            ratios = [a / b for a, b in zip(mine, theirs[best])]
            print(f"| {net} | {method} | {statistics.median(mine):.0f} | {statistics.median(theirs[best]):.0f} "
                  f"({best}) | {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) | "
                  f"{CASES[net][2][method]} |", flush=True)


if __name__ == "__main__":
    main()
