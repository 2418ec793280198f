#!/usr/bin/env python3
"""The second table of docs/accuracy.md: procedures of several stages, each with what it is held to.

    bench/procedures.py [--out runs/procedures] [--jobs 2] [--threads 1] [--only NAME] [--list]

A stage starts from the runs that its command names in braces. A finished stage is not done again and a stopped one
is resumed, so the table may be made in several sittings. Accuracies are the best over the epochs, in percent.
"""
import argparse
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

LENET = "--data mnist --model lenet5 --augment rotate=10,crop=2"
MLP = "--data mnist --model mlp --augment crop=1 --lr 0.01 --method ternary --option eta=0.9 --prune-rounds 1"
SYQ = f"{LENET} --method syq --wbits 1 --abits 8 --lr 1e-3 --epochs 15 --init {{lenet5-float}}"
RESNET = "--recipe redbit-cifar10 --batch 128"
IMPQ_RESNET = "--epochs 1 --lr 0.01 --set batch=128 --iterations 3 --fraction 0.02"
STAGES = {  # name: lowbit's subcommand and options; {NAME} is the folder of another stage
    "lenet5-float": f"train {LENET} --method float --lr 3e-3 --epochs 10",
    "lenet5-syq-pixel": f"train {SYQ} --granularity pixel",
    "lenet5-syq-row": f"train {SYQ} --granularity row",
    "lenet5-syq-layer": f"train {SYQ} --granularity layer",
    "lenet5-rpr-ternary": f"train {LENET} --method rpr --levels ternary --init {{lenet5-float}} --epochs 15",
    "lenet5-rpr-binary": f"train {LENET} --method rpr --levels binary --init {{lenet5-float}} --epochs 15",
    "lenet5-uniform": f"train {LENET} --method uniform --wbits 4 --abits 8 --lr 1e-3 --epochs 5"
                      " --init {lenet5-float}",
    "lenet5-impq": "impq {lenet5-uniform} --groups 290@1 --iterations 8 --epochs 3 --lr 0.01 --stop weight_bits<=1.5",
    "mlp1024-float": f"train {MLP} --widths 1024,1024,1024 --abits 32 --quantized-decay 1e-6 --epochs 8",
    "mlp4096-binary": f"train {MLP} --widths 4096,4096,4096 --abits 1 --quantized-decay 5e-7 --epochs 10"
                      " --act-gradient approx-sign --last-layer float",
    "resnet20-float": f"train {RESNET} --method qnn --wbits 32 --abits 32 --weight-decay 5e-4 --epochs 10 --lr 0.2"
                      " --schedule one-cycle",
    "resnet20-lsq-w2a2": f"train {RESNET} --method lsq --wbits 2 --abits 2 --weight-decay 1e-4 --epochs 10 --lr 0.05"
                         " --schedule cosine --init {resnet20-float}",
    "resnet20-uniform": f"train {RESNET} --method uniform --wbits 4 --abits 6 --weight-decay 5e-4 --epochs 2 --lr 0.02"
                        " --schedule cosine --init {resnet20-float}",
    "resnet20-impq-kernel": f"impq {{resnet20-uniform}} --granularity kernel --groups 530@1 {IMPQ_RESNET}",
    "resnet20-impq-layer": f"impq {{resnet20-uniform}} --granularity layer --groups 15@1 {IMPQ_RESNET}",
}


def command_of(arguments, name):
    text = re.sub(r"{([\w-]+)}", lambda match: os.path.join(arguments.out, match[1]), STAGES[name])
    subcommand, *options = text.split()
    return [arguments.lowbit, subcommand, *options, "--out", os.path.join(arguments.out, name),
            "--threads", str(arguments.threads), "--resume", "--json"]


def run(command, expected=(0,)):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in expected:
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


def figures_of_impq(folder):
    """Accuracy and effective bits of every iteration."""
    with open(os.path.join(folder, "impq.json")) as file:
        rows = json.load(file)["iterations"]
    return "; ".join(f"{row['top1']:.2f} at {row['weight_bits']:.2f}/{row['act_bits']:.2f} bits" for row in rows)


def figures_of_sparse(arguments, folder):
    """Zeros, and the sizes of all weights in MB: two bits each, gaps by run length, gaps by Huffman."""
    packed = folder + ".lbm"
    if os.path.exists(packed):
        os.remove(packed)
    lines = run([arguments.lowbit, "pack", folder, "-o", packed, "--encode", "huffman", "--json"]).splitlines()
    size = json.loads(lines[-1])["ternary"]
    dense, run_length, huffman = (size[key] / 1e6 for key in ("planes_bytes", "run_length_bytes", "huffman_bytes"))
    return (f"{100 * size['zeros'] / size['weights']:.1f} % zeros; "
            f"MB dense {dense:.3f}, run length {run_length:.3f}, Huffman {huffman:.3f}; "
            f"bits a gap {size['huffman_bits']:.3f}, their entropy {size['gap_entropy']:.3f}")


def stage(arguments, name, futures):
    for needed in re.findall(r"{([\w-]+)}", STAGES[name]):
        futures[needed].result()
    command = command_of(arguments, name)
    lines = run(command, expected=(0, 2)).strip().splitlines()  # 2: impq ended short of its rule
    result = json.loads(lines[-1])
    folder = os.path.join(arguments.out, name)
    if command[1] == "impq":
        return f"{result['top1']:.2f}", figures_of_impq(folder)
    pruned = "--prune-rounds" in command
    return f"{result['best_top1']:.2f}", figures_of_sparse(arguments, folder) if pruned else ""


def needs(name):
    """The stage and all that it starts from, in their order."""
    return [n for before in re.findall(r"{([\w-]+)}", STAGES[name]) for n in needs(before)] + [name]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lowbit", default="build/bin/lowbit")
    parser.add_argument("--out", default="runs/procedures")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side")
    parser.add_argument("--threads", type=int, default=1, help="threads of a run")
    parser.add_argument("--only", metavar="NAME", help="stages whose name holds NAME, and what they start from")
    parser.add_argument("--list", action="store_true", help="print the commands and stop")
    arguments = parser.parse_args()
    wanted = [name for name in STAGES if not arguments.only or arguments.only in name]
    names = list(dict.fromkeys(n for name in wanted for n in needs(name)))
    if arguments.list:
        for name in names:
            print(" ".join(command_of(arguments, name)))
        return
    os.makedirs(arguments.out, exist_ok=True)
    futures = {}
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for name in names:  # a stage comes after those it needs, so that none waits for one without a worker
            futures[name] = pool.submit(stage, arguments, name, futures)
        print("| stage | best top-1 | |\n|---|---|---|")
        for name in names:
            accuracy, figures = futures[name].result()
            print(f"| {name} | {accuracy} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
