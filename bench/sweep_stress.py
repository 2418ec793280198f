#!/usr/bin/env python3
"""A sweep of many tiny cells whose workers, and which itself, are killed with SIGKILL at random instants.

Afterwards every cell must have ended exactly once, with a complete run of its own, the store must be whole, and no
worker may have outlived its sweep.

Usage: sweep_stress.py [--cells N] [--worker-kills N] [--sweep-kills N] [--jobs N] [--seed N] [--lowbit FILE]
"""
import argparse
import collections
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--worker-kills", type=int, default=200)
    parser.add_argument("--sweep-kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    built = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build", "bin", "lowbit")
    parser.add_argument("--lowbit", default=os.environ.get("LOWBIT", built))
    return parser.parse_args()


def write_experiment(path, cells):
    with open(path, "w", encoding="utf-8") as file:
        file.write("name: stress\nbase: {data: synth-digits:40, model: mlp, widths: 8, batch: 20, epochs: 1}\n"
                   f"points: [{{method: float}}]\nseeds: 1..{cells}\n")


def workers_of(process):
    """Process ids of a sweep's workers that run."""
    try:
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return []


def runs(pid):
    """Whether a process is there that nobody only forgot to wait for."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill(pid):
    """Whether there was something to kill."""
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def done_cells(store):
    if not os.path.exists(store):
        return 0
    try:
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as database:
            return database.execute("SELECT count(*) FROM cells WHERE done").fetchone()[0]
    except sqlite3.OperationalError:  # being made
        return 0


class Sweep:
    """The sweep, started again whenever it was killed."""

    def __init__(self, options):
        self.options = options
        self.process = None
        self.printed = open("events", "w+b")  # by all sweeps: a line an event
        self.orphans = []  # workers of sweeps that were killed

    def start(self):
        self.process = subprocess.Popen(
            [self.options.lowbit, "sweep", "stress.yaml", "--jobs", str(self.options.jobs), "--threads", "1",
             "--store", "stress.sqlite", "--out", "runs", "--resume", "--json"],
            stdout=self.printed, stderr=subprocess.PIPE, text=True)

    def kill(self):
        workers = workers_of(self.process)
        killed = kill(self.process.pid)
        self.orphans += workers
        return killed

    def ended(self):
        """By cell: how often a sweep said that it ended. One that is killed right then may not come to say it."""
        self.printed.seek(0)
        names = collections.Counter()
        for line in self.printed:
            try:
                event = json.loads(line)
            except ValueError:  # cut by a kill
                continue
            if event["event"] == "cell":
                names[event["name"]] += 1
        return names

    def finish(self):
        _, errors = self.process.communicate()
        if self.process.returncode not in (0, -signal.SIGKILL):
            sys.exit(f"the sweep ended with status {self.process.returncode}: {errors}")
        return self.process.returncode == 0


def run(options):
    """Kill until both numbers are reached, then let the sweep come to its end. Returns the kills and problems."""
    chance = random.Random(options.seed)
    sweep = Sweep(options)
    kills = {"worker": 0, "sweep": 0}
    sweep.start()
    while sweep.process.poll() is None:
        # spread over the cells, so that some are killed while there is still something to do
        time.sleep(chance.uniform(0.002, 0.04))
        share = done_cells("stress.sqlite") / options.cells
        if kills["sweep"] < options.sweep_kills * min(1.0, 1.3 * share + 0.05):
            kills["sweep"] += sweep.kill()
            sweep.finish()
            sweep.start()
        elif kills["worker"] < options.worker_kills * min(1.0, 1.3 * share + 0.05):
            workers = workers_of(sweep.process)
            kills["worker"] += bool(workers) and kill(chance.choice(workers))
    if not sweep.finish():
        sys.exit("the sweep was killed by somebody else")
    ended = sweep.ended()
    problems = [f"{name} ended {times} times" for name, times in ended.items() if times != 1]
    if len(ended) < options.cells - kills["sweep"] * options.jobs:
        problems.append(f"only {len(ended)} of {options.cells} ends were told")
    problems += [f"worker {pid} outlived its sweep" for pid in sweep.orphans if runs(pid)]
    return kills, problems


def check(options):
    problems = []
    with sqlite3.connect("stress.sqlite") as database:
        whole = database.execute("PRAGMA integrity_check").fetchall()
        if whole != [("ok",)]:
            problems.append(f"integrity_check: {whole[:3]}")
        broken = database.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            problems.append(f"foreign_key_check: {broken[:3]}")

        def number(query):
            return database.execute(query).fetchone()[0]

        counts = {
            "cells": number("SELECT count(*) FROM cells"),
            "cells that are done": number("SELECT count(*) FROM cells WHERE done"),
            "runs": number("SELECT count(*) FROM runs"),
            "hashes": number("SELECT count(DISTINCT hash) FROM runs"),
            "runs of cells": number("SELECT count(DISTINCT run_id) FROM cells"),
            "runs at their end": number("SELECT count(*) FROM runs WHERE state IN ('ok', 'dnc')"),
            "runs with their epoch": number("SELECT count(*) FROM (SELECT run FROM epochs GROUP BY run "
                                            "HAVING count(*) = 1)"),
        }
    problems += [f"{what}: {got}, wanted {options.cells}" for what, got in counts.items() if got != options.cells]
    left = [name for name in os.listdir(".") if name.endswith(".lock")]
    if left:
        problems.append(f"left behind: {left}")
    return problems


def main():
    options = arguments()
    options.lowbit = os.path.abspath(options.lowbit)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_experiment("stress.yaml", options.cells)
        began = time.monotonic()
        kills, problems = run(options)
        seconds = time.monotonic() - began
        problems += check(options)
        os.chdir("/")
    print(f"{options.cells} cells, {options.jobs} workers, {kills['worker']} workers and {kills['sweep']} sweeps "
          f"killed, {seconds:.0f} s (seed {options.seed})")
    for what, wanted in ("worker", options.worker_kills), ("sweep", options.sweep_kills):
        if kills[what] < wanted:
            problems.append(f"only {kills[what]} of {wanted} kills of a {what}")
    if problems:
        sys.exit("\n".join(problems))


main()
