#!/usr/bin/env python3
"""Public headers: every function has a docstring, its fields known and in the fixed order.

Documents: every file and folder that they name in backquotes or link to exists, and every heading.
"""
import os
import re

import sources

FIELDS = ["Computes", "Shapes", "Layout", "Units", "Requires", "Exactness", "Aliasing", "Ownership", "Errors",
          "Threads", "Source"]


def check_docstring(where, comment):
    """Problems of one docstring, given with its comment marks."""
    problems = []
    body = re.sub(r"^/\*\*|\*/$", "", comment.strip())
    lines = [re.sub(r"^\s*\*? ?", "", line).rstrip() for line in body.split("\n")]
    summary = " ".join(lines).strip()
    if not re.match(r"[A-Z0-9`\"*]", summary):
        problems.append(f"{where}: its docstring does not begin with a sentence")
    found = [m.group(1) for m in (re.match(r"([A-Z][a-z]+):(?: |$)", line) for line in lines) if m]
    for field in found:
        if field not in FIELDS:
            problems.append(f"{where}: unknown field '{field}'; known: {', '.join(FIELDS)}")
    known = [FIELDS.index(field) for field in found if field in FIELDS]
    if known != sorted(set(known)):
        problems.append(f"{where}: fields {', '.join(found)}; wanted once each, in the order {', '.join(FIELDS)}")
    return problems


def check_header(path):
    text = sources.read(path)
    bare = re.sub(r"^[ \t]*#.*(\\\n.*)*", sources.blank, sources.code_only(text), flags=re.MULTILINE)
    problems = []
    declaration = re.compile(r"(?:^|(?<=[;}\n]))[ \t]*((?:LB_\w+ )?(?:const |struct |enum |unsigned )*\w+[ *]+"
                             r"(lb_\w+)\([^;{}]*\)[^;{}()]*(?:\([^;{}]*\)[^;{}()]*)?;)", re.MULTILINE)
    depth_at = []  # declarations inside braces are members of structs
    depth = 0
    for c in bare:
        depth_at.append(depth)
        # `extern "C" {` is no block; its braces stand behind a blanked literal
        depth += (c == "{") - (c == "}")
    extern = 1 if re.search(r'extern "C" \{', text) else 0
    for match in declaration.finditer(bare):
        start = match.start(1)
        if depth_at[start] > extern:
            continue
        name = match.group(2)
        where = f"{path}:{sources.line_of(bare, start)}: {name}"
        before = text[:start].rstrip()
        begin = before.rfind("/*")
        comment = before[begin:] if before.endswith("*/") and begin >= 0 else ""
        if not comment.startswith("/**"):
            problems.append(f"{where} has no docstring")
        else:
            problems += check_docstring(where, comment)
    return problems


def anchors(path):
    """What `#...` may follow a link to this document: its headings as GitHub names them."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"^```.*?^```", "", file.read(), flags=re.MULTILINE | re.DOTALL)
    found = []
    for heading in re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        same = sum(re.sub(r"-\d+$", "", other) == name for other in found)
        found.append(f"{name}-{same}" if same else name)
    return found


def check_anchors(path, text, here):
    """Links to headings that are not there."""
    problems = []
    for match in re.finditer(r"\]\(([^)#: ]*)#([^) ]+)\)", text):
        target = os.path.join(here, match.group(1)) if match.group(1) else os.path.join(sources.root(), path)
        if os.path.exists(target) and target.endswith(".md") and match.group(2) not in anchors(target):
            problems.append(f"{path}:{sources.line_of(text, match.start())}: links to the heading "
                            f"'#{match.group(2)}', which does not exist")
    return problems


def check_document(path):
    """Links and backquoted paths of a document that name what is not there."""
    text = sources.read(path)
    problems = []
    here = os.path.dirname(os.path.join(sources.root(), path))
    named = [(m.start(), m.group(1), here) for m in re.finditer(r"\]\(([^)#: ]+)(?:#[^)]*)?\)", text)]
    in_repository = r"`((?:src|include|tests|tools|docs|bench|fuzz|examples|cmake)/[\w./-]*)`"
    named += [(m.start(), m.group(1), sources.root()) for m in re.finditer(in_repository, text)]
    for position, name, base in named:
        if not os.path.exists(os.path.join(base, name)):
            problems.append(f"{path}:{sources.line_of(text, position)}: names {name}, which does not exist")
    return problems + check_anchors(path, text, here)


def main():
    problems = []
    for path in sources.files((".h",), ("include",)):
        problems += check_header(path)
    at_root = sorted(name for name in os.listdir(sources.root()) if name.endswith(".md"))
    for path in sources.files((".md",), ("docs", "bench", "examples", "tests")) + at_root:
        problems += check_document(path)
    sources.finish(problems, "documentation")


main()
