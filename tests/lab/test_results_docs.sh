# docs/results.md names every table and column of a store, in backquotes under the table's heading, and no other.
set -euo pipefail
"$LOWBIT" train --data synth-digits:100 --width-multiplier 0.125 --epochs 1 --batch 50 --threads 1 --out run >/dev/null
"$LOWBIT" results import run >/dev/null
python3 - "$LOWBIT_SOURCE/docs/results.md" <<'END'
import re, sqlite3, sys
store = sqlite3.connect("results.sqlite")
tables = [name for (name,) in store.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
columns = {t: {row[1] for row in store.execute(f"PRAGMA table_info({t})")} for t in tables}
assert len(columns) == 7, columns
text = open(sys.argv[1]).read().split("\n## The tables")[1].split("\n## ")[0]
for section in text.split("\n### ")[1:]:
    table, body = section.split("\n", 1)
    named = set()
    for row in re.findall(r"^\| (`[^|]*) \|", body, re.MULTILINE):
        named |= set(re.findall(r"`(\w+)`", row))
    assert named == columns.pop(table), (table, named)
assert not columns, columns
END
