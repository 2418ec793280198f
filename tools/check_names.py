#!/usr/bin/env python3
"""A file's name finds it: unique in the whole repository, and in snake_case."""
import os
import re

import sources

SHARED_BY_NATURE = {"CMakeLists.txt", "README.md", "__init__.py"}


def main():
    problems, seen = [], {}
    for path in sources.files((".c", ".h", ".inc", ".py", ".sh", ".cmake", ".md", ".txt")):
        name = os.path.basename(path)
        if name in SHARED_BY_NATURE or "/corpus/" in path or "/golden/" in path:
            continue
        if name in seen:
            problems.append(f"{path}: there is also {seen[name]}")
        seen[name] = path
        if not re.fullmatch(r"[a-z0-9]+([_.-][a-z0-9]+)*", name) or (
                name.endswith((".c", ".h", ".py")) and "-" in name):
            problems.append(f"{path}: not in snake_case")
    sources.finish(problems, "names")


main()
