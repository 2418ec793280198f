#!/usr/bin/env python3
"""Fill a result store with made-up runs: fill_store.py STORE RUNS [--hostile].

The store is there already, made by lowbit. Accuracies follow a smooth rule, so that curves look like curves;
the same arguments give the same store. --hostile: texts that would be marks or commands if they were not quoted.
"""
import json
import math
import random
import sqlite3
import struct
import sys

HOSTILE = "<script>alert('x')</script>\"&|`touch owned`$(touch owned);'@m\n\t\\"
BITS = [1, 2, 3, 4, 5, 6, 8, 32]
GROUPS = [("mnist", "lenet5", 99.6, 61706, 416520), ("cifar10", "resnet20", 91.5, 269722, 40551808),
          ("cifar10", "vgg7", 93.1, 12974000, 616000000), ("imagenet:cache", "alexnet", 58.0, 61000000, 714000000)]
METHODS = [("float", 32, 32, 0.0), ("qnn", None, None, 2.2), ("dorefa", None, None, 1.2), ("xnor", 1, None, 1.6),
           ("twn", 2, 32, 0.4), ("ttq", 2, 32, 0.6), ("rpr", 2, 32, 0.9)]


def cells():
    """(data, model, top-1 of float, parameters, macs, method, weight bits, activation bits, loss of the method)"""
    for group in GROUPS:
        for method, w_only, a_only, loss in METHODS:
            for w in [w_only] if w_only else BITS:
                for a in [a_only] if a_only else BITS:
                    yield *group, method, w, a, loss


def histogram(rng, w_bits):
    """Shares of a bell of weights over 64 bins, and of its codes."""
    masters = [math.exp(-((i - 31.5) / 12) ** 2) for i in range(64)]
    masters = [m / sum(masters) for m in masters]
    codes = [0.0] * 64
    levels = 2 if w_bits == 1 else min(2 ** w_bits - 1, 15)
    for i, m in enumerate(masters):
        k = round(i / 63 * (levels - 1))
        codes[int(8 + k * 47 / (levels - 1))] += m
    return struct.pack("<64f", *masters), struct.pack("<64f", *(masters if w_bits == 32 else codes))


def insert(db, table, row):
    names = ", ".join(row)
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def add_run(db, number, cell, seed, rng, hostile):
    data, model, top, parameters, macs, method, w, a, loss = cell
    drop = loss * (math.exp(1 - w) + 4 * math.exp(1.3 * (1 - a))) * (100 - top + 1) / 4
    best = max(10.0, top - drop + rng.uniform(-0.15, 0.15))
    state = rng.choices(["ok", "dnc", "failed", "running"], [94, 3, 2, 1])[0]
    epochs, wanted = {"ok": (30, 30), "dnc": (30, 30), "failed": (0, 30), "running": (11, 30)}[state]
    best = 10.0 if state == "dnc" else 0.0 if state == "failed" else best
    text = HOSTILE if hostile else ""
    settings = {"data": data, "model": model, "method": method + text, "wbits": w, "abits": a, "epochs": wanted,
                "lr": 0.001, "optimizer": "adam", "schedule": "cosine", "batch": 128, "seed": seed}
    stored = parameters * (w + 0.3) / 8 * (state in ("ok", "dnc"))
    insert(db, "runs", {
        "id": number, "hash": f"{number:064x}", "state": state,
        "message": ("out of memory: weights" + text) if state == "failed" else "",
        "settings": json.dumps(settings), "data": data + text, "model": model + text, "method": method + text,
        "weights": method, "activations": method, "w_bits": w, "a_bits": a, "ternary": method in ("twn", "ttq"),
        "seed": seed, "folder": "runs/" + str(number) + text, "split": "validation", "epochs": epochs,
        "epochs_wanted": wanted, "best_top1": best, "last_top1": max(0.0, best - 0.2), "best_top5": min(100.0, best + 20),
        "best_epoch": max(0, epochs - 2), "seconds": epochs * 21.5, "parameters": parameters, "macs": macs,
        "stored_bytes": stored, "float_bytes": parameters * 4.0,
        "bit_operations": float(macs * w * a) * (stored > 0), "effective_w_bits": float(w), "effective_a_bits": float(a),
        "machine": "Example CPU, 8 cores, avx2 avx512" + text, "version": "0.1.0",
        "started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T01:00:00Z" if state != "running" else ""})
    for key, value in settings.items():
        insert(db, "settings", {"run": number, "key": key, "value": str(value)})
    for epoch in range(1, epochs + 1):
        top1 = best * (1 - math.exp(-epoch / (2 + loss))) + (rng.uniform(-2, 0) if epoch < epochs else 0)
        row = {"run": number, "epoch": epoch, "lr": 0.001, "train_loss": 1.0 / epoch, "train_top1": top1,
               "val_loss": 1.1 / epoch, "val_top1": max(0.0, top1), "val_top5": 99.0}
        if method == "rpr":  # a mixture, frozen in four steps
            frozen = [0.9, 0.95, 0.975, 1.0][4 * (epoch - 1) // epochs]
            row |= {"lr": 0.001 if epoch % 5 else 0.0001, "frozen": frozen, "mixed_loss": 1.0 / epoch,
                    "mixed_top1": min(100.0, max(0.0, top1) + 60 * (1 - frozen))}
        insert(db, "epochs", row)
    if state != "ok":
        return
    for i, (name, share) in enumerate([("conv1", .02), ("conv2", .2), ("conv3", .3), ("fc1", .4), ("fc2", .08)]):
        bits = 32 if i in (0, 4) else w
        insert(db, "layers", {"run": number, "position": i, "name": name + text, "w_bits": bits, "a_bits": a,
                              "weights": int(parameters * share), "macs": int(macs / 5),
                              "stored_bytes": parameters * share * bits / 8,
                              "sparsity": 0.35 if method in ("twn", "ttq") and bits == 2 else 0.0})
        masters, codes = histogram(rng, bits)
        insert(db, "histograms", {"run": number, "position": i, "layer": name + text, "low": -0.31, "high": 0.31,
                                  "masters": masters, "quantized": codes})


def main():
    path, n, hostile = sys.argv[1], int(sys.argv[2]), "--hostile" in sys.argv
    rng = random.Random(7)
    db = sqlite3.connect(path)
    every = list(cells())
    first = db.execute("SELECT coalesce(max(id), 0) + 1 FROM runs").fetchone()[0]
    for i in range(n):
        # neighbours of the list go to one group: a small store has whole curves rather than single points
        add_run(db, first + i, every[i % len(every)], 1 + i // len(every), rng, hostile)
    db.commit()


main()
