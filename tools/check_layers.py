#!/usr/bin/env python3
"""Folders of src/ may include only what lies below them: reads every #include."""
import os
import re

import sources

# What a folder may include besides itself, base/, and the public headers lowbit/.
BELOW_NN = {"bits", "kernels", "intnet"}
BELOW_TRAIN = BELOW_NN | {"nn", "quant", "models", "data"}
ALLOWED = {
    "base": set(),
    "bits": set(),
    "kernels": {"bits"},
    "data": set(),
    "intnet": {"bits"},
    "nn": BELOW_NN,
    "quant": BELOW_NN | {"nn"},
    "models": BELOW_NN | {"nn", "quant"},
    "train": BELOW_TRAIN,
    "freeze": BELOW_TRAIN | {"train"},
    "lab": BELOW_TRAIN | {"train"},
    "runtime": {"bits", "kernels", "intnet"},
    "export": {"bits", "intnet"},
    "hw": {"bits", "intnet"},
    "verify": BELOW_TRAIN | {"train", "freeze", "runtime", "export", "hw"},
    "cli": set(),
}
CLI_MAY_INCLUDE = {"base/compiler.h", "base/suggest.h"}  # else only public headers

# Libraries that stay behind one folder.
LIBRARIES = {
    "dnnl": "src/nn/backend",
    "popt.h": "src/cli",
    "curl/": "src/data",
    "png.h": "src/data",
    "jpeglib.h": "src/data",
    "sqlite3.h": "src/lab",
    "yaml.h": "src/lab",
    "microhttpd.h": "src/lab",
}

# A file made for one instruction set is compiled with its flags: what it includes must not hold inline
# functions that portable code shares. So: headers of its own folder, constants, and the system's.
ISA_FILE = re.compile(r"_(avx2|avx512(_\w+)?|neon)\.c$")
ISA_MAY_INCLUDE = {"base/compiler.h", "base/cpu.h"}


def check_include(path, included):
    """What is wrong with `#include "included"` in a file of src/, or None."""
    folder, target = path.split("/")[1], included.split("/")[0]
    if "/" not in included:
        made_or_local = included.endswith(".inc")
        return None if made_or_local else "is not given from src/, as in \"base/fail.h\""
    if ISA_FILE.search(path) and included not in ISA_MAY_INCLUDE:
        if os.path.dirname(included) != os.path.dirname(path)[len("src/"):]:
            return "in a file for one instruction set"
    if target == "lowbit" or target == folder:
        return None
    if folder == "cli":
        return None if included in CLI_MAY_INCLUDE else "but src/cli uses the public headers only"
    if target == "base" or target in ALLOWED[folder]:
        return None
    return f"but src/{folder} stands below or beside src/{target}"


def main():
    problems = []
    for path in sources.files((".c", ".h", ".inc"), ("src", "include")):
        text = sources.read(path)
        parts = path.split("/")
        if parts[0] == "src" and (len(parts) < 3 or parts[1] not in ALLOWED):
            problems.append(f"{path}: not in a folder that tools/check_layers.py knows")
            continue
        for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', text, re.MULTILINE):
            quote, included = match.groups()
            where = f"{path}:{sources.line_of(text, match.start())}: includes {included}"
            if quote == "<":
                for library, home in LIBRARIES.items():
                    if included.startswith(library) and not path.startswith(home + "/"):
                        problems.append(f"{where}, but only {home} may")
                continue
            if parts[0] == "include":
                if not included.startswith("lowbit/"):
                    problems.append(f"{where}, but public headers include public headers only")
                continue
            wrong = check_include(path, included)
            if wrong:
                problems.append(f"{where}, {wrong}")
    sources.finish(problems, "layers")


main()
