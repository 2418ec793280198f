"""What the check_*.py scripts share: the files of the repository, and their text without comments."""
import os
import re
import sys

FOLDERS = ("include", "src", "tests", "fuzz", "examples", "bench", "tools", "cmake", "docs")


def root():
    """The source folder: the first argument, or the one this script stands in."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return sys.argv[1] if len(sys.argv) > 1 else here


def files(suffixes, folders=FOLDERS):
    """Paths relative to the root, sorted, of the files in these folders with one of these suffixes."""
    found = []
    for folder in folders:
        for where, folders_below, names in os.walk(os.path.join(root(), folder)):
            folders_below[:] = [f for f in folders_below if not f.startswith((".", "__pycache__"))]
            found += [os.path.relpath(os.path.join(where, n), root()) for n in names if n.endswith(suffixes)]
    return sorted(found)


def read(path):
    with open(os.path.join(root(), path), encoding="utf-8", errors="replace") as file:
        return file.read()


def blank(match):
    """The match as blanks, its line breaks kept, so that line numbers stay."""
    return re.sub(r"[^\n]", " ", match.group(0))


def code_only(text):
    """C text with comments, string and character literals blanked."""
    literal = r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])*'"
    pattern = re.compile(r"/\*.*?\*/|//[^\n]*|" + literal, re.DOTALL)
    return pattern.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def finish(problems, what):
    """Print the problems and exit: 1 where there are some."""
    for problem in problems:
        print(problem)
    print(f"{what}: {len(problems)} problems")
    sys.exit(1 if problems else 0)
