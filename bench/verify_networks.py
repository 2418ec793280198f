#!/usr/bin/env python3
"""Twelve trained networks against their packed files: every layer, every test image, every instruction set.

    bench/verify_networks.py [--out runs/verify] [--images N] [--isa scalar,avx2] [--only NAME] [--list]

Trains each network for a short while on MNIST or CIFAR-10 (LOWBIT_DATA names their folder), packs it, runs
`lowbit verify` on all test images and compares what `lowbit eval` says of run and packed file. Prints a
Markdown table; exit status 1 where anything differs. A finished run is kept and used again, a stopped one
is resumed. VGG-7 and SqueezeNet have a quarter of their width, so that all of it takes less than an hour on
two cores: the scalar kernels need most of that.
"""
import argparse
import json
import os
import subprocess
import sys
import time

MNIST = "--data mnist --model lenet5 --epochs 2"
VGG = "--data cifar10 --model vgg7 --width-multiplier 0.25 --epochs 2 --augment flip"
RESNET = "--data cifar10 --model resnet20 --epochs 1 --augment flip"
SQUEEZE = "--data cifar10 --width-multiplier 0.25 --epochs 1 --augment flip"
NETWORKS = [  # name, options of `lowbit train`
    ("LeNet-5 XNOR-Net W1A1", f"{MNIST} --method xnor"),
    ("LeNet-5 DoReFa W1A2, 8-bit ends", f"{MNIST} --method dorefa --wbits 1 --abits 2 --first-last 8bit"),
    ("LeNet-5 TWN, float activations", f"{MNIST} --method twn --abits 32"),
    ("LeNet-5 QNN W4A4, squared hinge", f"{MNIST} --method qnn --wbits 4 --abits 4 --loss squared-hinge"),
    ("VGG-7 BNN W1A1", f"{VGG} --method bnn"),
    ("VGG-7 DoReFa W1A2, 8-bit ends", f"{VGG} --method dorefa --wbits 1 --abits 2 --first-last 8bit"),
    ("ResNet-20 A, DoReFa W1A2, 8-bit ends",
     f"{RESNET} --shortcut a --method dorefa --wbits 1 --abits 2 --first-last 8bit"),
    ("ResNet-20 B, DoReFa W2A2", f"{RESNET} --shortcut b --method dorefa --wbits 2 --abits 2"),
    ("ResNet-20 B, TTQ A4, conv-bn-act", f"{RESNET} --shortcut b --method ttq --abits 4 --block-order conv-bn-act"),
    ("ResNet-20 A, QNN W8A8", f"{RESNET} --shortcut a --method qnn --wbits 8 --abits 8"),
    ("SqueezeNet DoReFa W1A2", f"{SQUEEZE} --model squeezenet --method dorefa --wbits 1 --abits 2"),
    ("SqueezeNet bypass, TWN A8, 8-bit ends",
     f"{SQUEEZE} --model squeezenet-bypass --method twn --abits 8 --first-last 8bit"),
]


def run(command, accepted=(0,)):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode not in accepted:
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def instruction_sets(lowbit):
    """Those of the kernels that can be used here, scalar first."""
    here = {kernel["isa"].split()[0] for kernel in run([lowbit, "kernels", "--json"]) if kernel["usable"]}
    return ["scalar"] + [isa for isa in ("avx2", "avx512", "neon") if isa in here]


def check(arguments, isas, name, options):
    """One network: its row of the table, and whether it is the same packed."""
    lowbit, threads = arguments.lowbit, ["--threads", str(arguments.threads)]
    folder = os.path.join(arguments.out, name.lower().replace(",", "").replace(" ", "-"))
    packed = f"{folder}.lbm"
    run([lowbit, "train", *options.split(), "--seed", "1", *threads, "--out", folder, "--resume", "--json"])
    run([lowbit, "pack", folder, "-o", packed, "--json"])
    start = time.monotonic()
    images = ["--images", str(arguments.images)] if arguments.images else []
    (result,) = run([lowbit, "verify", folder, "--packed", packed, "--isa", ",".join(isas), *threads, *images,
                     "--json"], accepted=(0, 1))
    seconds = time.monotonic() - start
    (trained,), (frozen,) = (run([lowbit, "eval", path, *threads, "--json"]) for path in (folder, packed))
    same = result["mismatches"] == 0 and trained == frozen
    print(f"| {name} | {trained['top1']:.2f} | {frozen['top1']:.2f} | {result['images']} | {result['layers']} "
          f"| {result['compared']} | {result['mismatches']} | {seconds:.0f} |", flush=True)
    if not same:
        print(f"{name}: {result['first']}; eval of the run {trained}, packed {frozen}", file=sys.stderr)
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lowbit", default="build/bin/lowbit")
    parser.add_argument("--out", default="runs/verify")
    parser.add_argument("--images", type=int, default=0, help="the first N test images (default: all)")
    parser.add_argument("--isa", help="instruction sets, with commas between (default: scalar and all that are here)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", metavar="NAME", help="networks whose name holds NAME")
    parser.add_argument("--list", action="store_true", help="print how the networks are trained, and stop")
    arguments = parser.parse_args()
    chosen = [(name, options) for name, options in NETWORKS if not arguments.only or arguments.only in name]
    if arguments.list:
        for name, options in chosen:
            print(f"{name}: {options}")
        return
    os.makedirs(arguments.out, exist_ok=True)
    isas = arguments.isa.split(",") if arguments.isa else instruction_sets(arguments.lowbit)
    print(f"Instruction sets: {', '.join(isas)}\n", flush=True)
    print("| network | top-1 trained | top-1 packed | images | layers | values compared | mismatches | seconds |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    same = [check(arguments, isas, name, options) for name, options in chosen]
    sys.exit(0 if all(same) else 1)


main()
