#!/usr/bin/env python3
"""The accuracy table of docs/accuracy.md: trains every row from scratch and prints it as Markdown.

    bench/accuracy.py [--out runs/accuracy] [--jobs 2] [--threads 1] [--only NAME] [--list]

A finished run is not done again and a stopped one is resumed, so the table may be made in several sittings.
Figures are the best test accuracy over the epochs, in percent, as the papers report it, mean over the seeds;
bars are what lowbit is held to, the last column is the paper's figure after its longer training.
"""
import argparse
import json
import os
import statistics
import subprocess
from concurrent.futures import ThreadPoolExecutor

MNIST = "--data mnist --model lenet5 --epochs 10 --augment rotate=10,crop=2 --lr 3e-3"
CIFAR = "--data cifar10 --model resnet20 --epochs 10"
ROWS = [  # name, options, seeds, bar, RedBit's figure (tables 6 and 7: 100 and 200 epochs)
    ("ResNet-20 float", f"{CIFAR} --method float --optimizer sgd --lr 0.2 --weight-decay 5e-4 --schedule one-cycle", 1, 87.0,
     "90.40"),
    ("ResNet-20 DoReFa W1A2", f"{CIFAR} --method dorefa --wbits 1 --abits 2 --lr 6e-3 --batch 64 --augment flip", 1, 78.0,
     "87.11"),
    ("LeNet-5 DoReFa W1A2", f"{MNIST} --method dorefa --wbits 1 --abits 2", 2, 99.3, "99.61"),
    ("LeNet-5 XNOR-Net W1A1", f"{MNIST} --method xnor --augment crop=2 --epochs 15", 2, 99.0, "99.37"),
    ("LeNet-5 QNN W1A1", f"{MNIST} --method qnn --wbits 1 --abits 1 --augment crop=2 --lr 5e-3 --epochs 15", 2, 98.3,
     "98.90"),
    ("LeNet-5 QNN W4A4", f"{MNIST} --method qnn --wbits 4 --abits 4", 2, 99.2, "99.55"),
    ("LeNet-5 TTQ", f"{MNIST} --method ttq", 2, 99.3, "99.63-99.69"),
    ("LeNet-5 TWN", f"{MNIST} --method twn", 2, 99.3, "99.63-99.69"),
    ("LeNet-5 DoReFa W1A32", f"{MNIST} --method dorefa --wbits 1", 2, 99.3, "99.63-99.69"),
    ("LeNet-5 BWN W1A32", f"{MNIST} --method bwn", 2, 99.3, "99.63-99.69"),
    ("LeNet-5 float", f"{MNIST} --method float", 2, 99.4, "99.69"),
]


def train(arguments, name, options, seed):
    folder = os.path.join(arguments.out, f"{name.replace(' ', '-').lower()}-seed{seed}")
    command = [arguments.lowbit, "train", *options.split(), "--seed", str(seed), "--threads",
               str(arguments.threads), "--out", folder, "--resume", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lowbit", default="build/bin/lowbit")
    parser.add_argument("--out", default="runs/accuracy")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side")
    parser.add_argument("--threads", type=int, default=1, help="threads of a run")
    parser.add_argument("--only", metavar="NAME", help="rows whose name holds NAME")
    parser.add_argument("--list", action="store_true", help="print the commands' options and stop")
    arguments = parser.parse_args()
    rows = [row for row in ROWS if not arguments.only or arguments.only in row[0]]
    if arguments.list:
        for name, options, seeds, _, _ in rows:
            print(f"{name}: {options} (seeds 1 to {seeds})")
        return
    with ThreadPoolExecutor(arguments.jobs) as pool:
        jobs = [[pool.submit(train, arguments, name, options, seed + 1) for seed in range(seeds)]
                for name, options, seeds, _, _ in rows]
        print("| network and method | best top-1 by seed | mean | last | bar | RedBit |\n|---|---|---|---|---|---|")
        for (name, _, _, bar, paper), futures in zip(rows, jobs):
            results = [future.result() for future in futures]
            best = [r["best_top1"] for r in results]
            last = statistics.mean(r["last_top1"] for r in results)
            print(f"| {name} | {', '.join(f'{b:.2f}' for b in best)} | {statistics.mean(best):.2f} | {last:.2f} "
                  f"| {bar} | {paper} |", flush=True)


if __name__ == "__main__":
    main()
