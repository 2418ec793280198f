#!/usr/bin/env python3
"""Run ctest in a build folder and count the cases: run_tests.py BUILD [CTEST_ARGUMENT...]

A cmocka program holds many cases, and a skipped one among them does not show in ctest's own summary; so the
counts are read from what the programs print. The last line is `N passed, N failed, N skipped`; the one before it says
how many parts of tests were skipped, where any were.
"""
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml


def cmocka_counts(output):
    """(passed, failed, skipped) of a program's groups, or None where it is not a cmocka program."""
    if not re.search(r"^\[==========\] \d+ test\(s\) run\.", output, re.MULTILINE):
        return None
    totals = []
    for word in ("PASSED", "FAILED", "SKIPPED"):
        totals.append(sum(int(n) for n in re.findall(rf"^\[ *{word} *\] (\d+) test\(s\)", output, re.MULTILINE)))
    return totals


def count(case):
    """(passed, failed, skipped, names of what failed or was skipped) of one ctest test."""
    name, status = case.get("name"), case.get("status")
    output = case.findtext("system-out") or ""
    skipped = case.find("skipped")
    if skipped is not None:  # by exit status 77, or not built: only the first is a skip
        by_choice = "SKIP_RETURN_CODE" in skipped.get("message", "")
        return (0, 0, 1, [name]) if by_choice else (0, 1, 0, [name])
    counts = cmocka_counts(output)
    if counts is None:
        return (1, 0, 0, []) if status == "run" else (0, 1, 0, [name])
    passed, failed, skipped = counts
    if status != "run" and failed == 0:  # died after its last case: a sanitizer's report, a crash
        failed = 1
    listed = re.findall(r"^\[ *(?:FAILED|SKIPPED) *\] (\w+)$", output, re.MULTILINE)
    return passed, failed, skipped, [f"{name}: {case_name}" for case_name in dict.fromkeys(listed)]


def skipped_parts(case):
    """What parts of a ctest test say that they were not done: see tests/support/part_skipped.py."""
    told = re.findall(r"^\[  PART SKIPPED  \] (.*)$", case.findtext("system-out") or "", re.MULTILINE)
    return list(dict.fromkeys(told))


def main():
    build, arguments = sys.argv[1], sys.argv[2:]
    report = os.path.join(os.path.abspath(build), "tests.xml")
    if os.path.exists(report):
        os.remove(report)
    command = ["ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error", "-j2",
               "--output-junit", report, "--test-output-size-passed", "1000000",
               "--test-output-size-failed", "1000000"] + arguments
    status = subprocess.run(command).returncode
    if not os.path.exists(report):
        sys.exit("run_tests: ctest wrote no report")

    totals, parts, noted = [0, 0, 0], 0, []
    for case in xml.parse(report).getroot().iter("testcase"):
        *counts, names = count(case)
        totals = [a + b for a, b in zip(totals, counts)]
        noted += [(name, "failed" if counts[1] else "skipped") for name in names]
        missing = skipped_parts(case)
        parts += len(missing)
        noted += [(f"{case.get('name')}: {what}", "part skipped") for what in missing]
    print()
    for name, what in noted:
        print(f"{what}: {name}")
    if parts:
        print(f"{parts} parts of tests skipped")
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    sys.exit(1 if status != 0 or totals[1] > 0 else 0)


main()
