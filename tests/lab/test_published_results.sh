# docs/results: the tables of its page and its CSV files are what `lowbit reproduce --compare` makes of its store.
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
export LOWBIT_EXPERIMENTS=$LOWBIT_SOURCE/experiments
results=$LOWBIT_SOURCE/docs/results
cp "$results/redbit.sqlite" store.sqlite # reading leaves files beside a store
[ "$(python3 -c "import sqlite3; print(*sqlite3.connect('store.sqlite').execute('PRAGMA integrity_check').fetchone())")" = ok ] ||
    fail "the store is damaged"
published=0
for file in "$results"/*.csv; do
    name=$(basename "$file" .csv)
    "$LOWBIT" reproduce "$name" --quick --compare --csv --store store.sqlite >compared.csv
    diff "$file" compared.csv >&2 || fail "$file differs from its store"
    "$LOWBIT" reproduce "$name" --quick --compare --store store.sqlite | sed 's/^./    &/' >compared.txt
    python3 - "$results/README.md" compared.txt <<'END' || fail "docs/results/README.md has another table of $name"
import sys
page, table = (open(path).read() for path in sys.argv[1:])
sys.exit(table.strip("\n") not in page)
END
    published=$((published + 1))
done
[ $published -gt 0 ] || fail "no results are published"
