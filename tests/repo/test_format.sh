#!/usr/bin/env bash
# Every C file is as clang-format would have it. Versions differ in details, so only Debian 12's counts.
set -euo pipefail

if ! clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    echo "clang-format 14 is not installed"
    exit 77
fi
cd "$LOWBIT_SOURCE"
find src include tests fuzz examples -name '*.[ch]' | sort >"$OLDPWD/files.txt"
[ -s "$OLDPWD/files.txt" ] || { echo "no files"; exit 1; }
if ! xargs clang-format --dry-run --Werror <"$OLDPWD/files.txt" 2>"$OLDPWD/complaints.txt"; then
    sed -n 's/:.*error: code should be clang-formatted.*//p' "$OLDPWD/complaints.txt" | sort | uniq -c
    echo "not formatted; run: make format"
    exit 1
fi
