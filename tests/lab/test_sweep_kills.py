"""Sweeps and workers that are killed at random instants: `make sweep-stress` in small."""
import os
import subprocess
import sys

script = os.path.join(os.environ["LOWBIT_SOURCE"], "bench", "sweep_stress.py")
for seed in "1", "2":
    subprocess.run([sys.executable, script, "--cells", "80", "--worker-kills", "4", "--sweep-kills", "3", "--jobs", "3",
                    "--seed", seed], check=True)
