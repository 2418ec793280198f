"""A part of a test that cannot be done here: tools/run_tests.py counts the lines that tell of them.

From a shell test: part_skipped WHAT [PACKAGE] of support.sh.
"""
import os
import sys

PACKAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/debian-packages.txt")


def part_skipped(what, package=""):
    """Tell of it. It ends the test where CI=true and the package is one that lowbit is tested with."""
    print(f"[  PART SKIPPED  ] {what}", flush=True)
    with open(PACKAGES, encoding="utf-8") as file:
        wanted = package in file.read().splitlines()
    if wanted and os.environ.get("CI") == "true":
        sys.exit(f"and CI=true wants the package {package}")


if __name__ == "__main__":
    part_skipped(*sys.argv[1:])
