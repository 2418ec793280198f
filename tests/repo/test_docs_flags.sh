#!/usr/bin/env bash
# docs/training.md names every option of `lowbit train --help`, and no option that does not exist.
set -euo pipefail

document=$LOWBIT_SOURCE/docs/training.md
"$LOWBIT" train --help | sed -n '/^Options:/,/^Examples:/s/^ \{2,6\}\(-., \)\?\(--[a-z-]*\).*/\2/p' | sort -u >options.txt
for command in train eval inspect data pack; do
    "$LOWBIT" "$command" --help | grep -oE '^ {2,6}(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'
done | sort -u >known.txt
# a broken pattern must not look like success
grep -qx -- --method options.txt || { echo "no --method among: $(cat options.txt)"; exit 1; }

grep -oE -- '--[a-z][a-z-]*' "$document" | sort -u >named.txt
missing=$(comm -23 options.txt named.txt)
unknown=$(comm -13 known.txt named.txt | grep -vx -- '--help' || true)
[ -z "$missing" ] || echo "docs/training.md does not name:" $missing
[ -z "$unknown" ] || echo "docs/training.md names, but no command has:" $unknown
[ -z "$missing$unknown" ]
