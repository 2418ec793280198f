#!/usr/bin/env python3
"""Time and size of a report of made-up runs: report_speed.py [RUNS, default 2300]."""
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOWBIT = os.environ.get("LOWBIT", os.path.join(ROOT, "build/bin/lowbit"))


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2300
    with tempfile.TemporaryDirectory() as folder:
        quiet = {"check": True, "cwd": folder, "stdout": subprocess.DEVNULL}
        subprocess.run([LOWBIT, "train", "--data", "synth-digits:300", "--width-multiplier", "0.25", "--epochs", "1",
                        "--out", "run"], **quiet)
        subprocess.run([LOWBIT, "results", "import", "run", "--store", "store.sqlite"], **quiet)
        subprocess.run([sys.executable, os.path.join(ROOT, "tests/support/fill_store.py"), "store.sqlite", str(runs)], **quiet)
        begin, cpu = time.monotonic(), os.times()
        subprocess.run([LOWBIT, "report", "store.sqlite", "-o", "report.html"], **quiet)
        seconds, after = time.monotonic() - begin, os.times()
        used = after.children_user + after.children_system - cpu.children_user - cpu.children_system
        size = os.path.getsize(os.path.join(folder, "report.html"))
        files = os.listdir(os.path.join(folder, "report_files"))
        print(f"{runs + 1} runs: {seconds:.2f} s ({used:.2f} s of processors), page {size / 1e6:.2f} MB, "
              f"{sum(name.endswith('.svg') for name in files)} pictures, "
              f"{sum(name.endswith('.csv') for name in files)} tables")


main()
