#!/usr/bin/env python3
"""What random partition relaxation costs beside plain quantized training: epochs of `rpr` and of `twn`, both ternary,
in turn, on real images.

    bench/rpr_epoch.py [--lowbit build/bin/lowbit] [--rounds 3] [--threads 2] [--only lenet5]

Seconds are of whole epochs, training and the evaluation after it. While weights are relaxed `rpr` evaluates two
networks, the mixed one and the quantized one; once all are frozen there is one, and no gradient of weights. Prints a
Markdown table of medians over the rounds, and of ratios to `twn` with their least and greatest; the mean is of the
default schedule, 82 epochs of the first kind and 30 of the second.
"""
import argparse
import json
import statistics
import subprocess
import tempfile

CASES = {"lenet5": ["--data", "mnist", "--model", "lenet5"], "resnet20": ["--data", "cifar10", "--model", "resnet20"]}
RELAXED, FROZEN = 82, 30  # epochs of the default --freezing


def epoch_seconds(arguments, net, *method):
    with tempfile.TemporaryDirectory() as folder:
        command = [arguments.lowbit, "train", *CASES[net], *method, "--threads", str(arguments.threads), "--json",
                   "--out", folder + "/run"]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    events = map(json.loads, done.stdout.splitlines())
    return [event["seconds"] for event in events if event["event"] == "epoch"]


def one_round(arguments, net):
    """Seconds: relaxed, frozen, plain."""
    rpr = epoch_seconds(arguments, net, "--method", "rpr", "--levels", "ternary", "--freezing", "0.9:1,1:1")
    return *rpr, *epoch_seconds(arguments, net, "--method", "twn", "--epochs", "1")


def spread(ratios):
    return f"{statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lowbit", default="build/bin/lowbit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=CASES)
    arguments = parser.parse_args()
    print("| network | twn s/epoch | relaxed | ratio | all frozen | ratio | mean ratio |")
    print("|---|---|---|---|---|---|---|")
    for net in [arguments.only] if arguments.only else CASES:
        rounds = [one_round(arguments, net) for _ in range(arguments.rounds)]
        relaxed, frozen, plain = (statistics.median(seconds) for seconds in zip(*rounds))
        first, second = [r / p for r, _, p in rounds], [f / p for _, f, p in rounds]
        mean = [(RELAXED * r + FROZEN * f) / (RELAXED + FROZEN) for r, f in zip(first, second)]
        print(f"| {net} | {plain:.1f} | {relaxed:.1f} | {spread(first)} | {frozen:.1f} | {spread(second)} | "
              f"{spread(mean)} |", flush=True)


if __name__ == "__main__":
    main()
