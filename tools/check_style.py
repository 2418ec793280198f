#!/usr/bin/env python3
"""Rules of style that a script can hold: banned functions, sizes, words that do not belong into a file."""
import re

import sources

# code has 100 columns by clang-format; a comment may stick out a little where a table in it needs that
COLUMNS, FILE_LINES, FUNCTION_LINES = 120, 600, 60
# spelled in pieces, so that this file holds none of them
WORDS = {
    r"\bTO" r"DO\b|\bFIX" r"ME\b|\bX" r"XX\b": "finish it, or leave it out",
}


def banned_functions():
    text = sources.read("src/base/banned.h")
    return [name for line in re.findall(r"#pragma GCC poison (.*)", text) for name in line.split()]


def check_c(path, banned):
    text = sources.read(path)
    bare = sources.code_only(text)
    problems = []
    for match in banned.finditer(bare):
        problems.append(f"{path}:{sources.line_of(bare, match.start())}: calls {match.group(1)}; "
                        "src/base/banned.h says what to use instead")
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            problems.append(f"{path}:{number}: {len(line)} columns, at most {COLUMNS}")
    if len(lines) - 1 > FILE_LINES:
        problems.append(f"{path}: {len(lines) - 1} lines, at most {FILE_LINES}")
    begin = None
    for number, line in enumerate(bare.split("\n"), 1):
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            if number - begin - 1 > FUNCTION_LINES:
                problems.append(f"{path}:{begin}: a function of {number - begin - 1} lines, "
                                f"at most {FUNCTION_LINES}")
            begin = None
    return problems


def main():
    banned = re.compile(r"(?<![\w.>])(" + "|".join(banned_functions()) + r")\s*\(")
    problems = []
    for path in sources.files((".c", ".h")):
        problems += check_c(path, banned)
    for path in sources.files((".c", ".h", ".inc", ".py", ".sh", ".cmake", ".md", ".txt")) + ["README.md"]:
        text = sources.read(path)
        for pattern, reason in WORDS.items():
            for match in re.finditer(pattern, text):
                problems.append(f"{path}:{sources.line_of(text, match.start())}: "
                                f"'{match.group(0)}': {reason}")
    sources.finish(problems, "style")


main()
