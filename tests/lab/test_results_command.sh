# lowbit results: import, list, show, query, export, merge and forget, their JSON, and what they refuse.
set -euo pipefail

. "$LOWBIT_SOURCE/tests/support/support.sh"

train()
{
    "$LOWBIT" train --data synth-digits:300 --width-multiplier 0.125 --batch 50 --threads 1 "$@" >/dev/null
}
train --epochs 1 --method dorefa --abits 2 --out runs/a
train --epochs 1 --method twn --out runs/b
train --epochs 1 --method twn --seed 2 --out runs/c

# ---- import and list
says "runs/a: run 1" "$LOWBIT" results import runs/a
says "runs/c: run 3" "$LOWBIT" results import runs/b runs/c
says "runs/a: run 1" "$LOWBIT" results import runs/a # again: the same run
says "3 runs" "$LOWBIT" results list
says "2*/32" "$LOWBIT" results list method=twn seed=2
says "1 run," "$LOWBIT" results list method=twn seed=2
says "0 runs" "$LOWBIT" results list state=failed
test "$("$LOWBIT" results list --json | wc -l)" = 3

# ---- show: by id, by hash
hash=$("$LOWBIT" results query "SELECT hash FROM runs WHERE id = 2" | tail -1)
says "run 2  $hash" "$LOWBIT" results show 2
says "run 2  $hash" "$LOWBIT" results show "${hash:0:10}"
says "conv2" "$LOWBIT" results show 2
says "width-multiplier     0.125" "$LOWBIT" results show 2
"$LOWBIT" results show 1 --json >show.json
"$LOWBIT" results list --json >list.json
"$LOWBIT" results query "SELECT id, method, NULL AS absent FROM runs ORDER BY id" --json >query.json
"$LOWBIT" results export --out all.json
"$LOWBIT" results export method=twn --out some.csv
"$LOWBIT" results export --format markdown >table.md
grep -qF '| twn | 2\*/32 | 2 |' table.md

python3 - <<'END'
import csv, json
run = json.load(open("show.json"))
assert run["id"] == 1 and run["method"] == "dorefa" and run["settings"]["abits"] == "2", run
assert len(run["epoch_rows"]) == 1 and [l["name"] for l in run["layers"]] == ["conv1", "conv2", "fc1", "fc2", "fc3"]
assert run["epoch_rows"][0]["val_top1"] == run["best_top1"] and run["bit_operations"] > 0
runs = [json.loads(line) for line in open("list.json")]
assert [r["id"] for r in runs] == [1, 2, 3] and runs[1]["ternary"] is True
rows = [json.loads(line) for line in open("query.json")]
assert rows[0] == {"id": "1", "method": "dorefa", "absent": None}, rows
exported = json.load(open("all.json"))
assert len(exported) == 3 and exported[0]["settings"]["abits"] == 2
for key in exported[0].keys() & runs[0].keys() - {"seconds"}:
    a, b = exported[0][key], runs[0][key]
    assert a == b or abs(a - b) < 1e-3 * max(1, abs(a)), (key, a, b)
some = list(csv.DictReader(open("some.csv", newline="")))
assert [r["seed"] for r in some] == ["1", "2"] and json.loads(some[0]["settings"])["method"] == "twn"
assert set(some[0]) == set(exported[0])
END

# ---- the figures of a mixture: in all that shows epochs, and through a merge
train --method rpr --levels ternary --freezing 0.5:1,1:1 --epochs 2 --out runs/d
"$LOWBIT" results import runs/d --store mixture.sqlite >/dev/null
"$LOWBIT" results merge mixture.sqlite --store merged.sqlite >/dev/null
"$LOWBIT" results show 1 --store merged.sqlite --json >show.json
"$LOWBIT" results show 1 --store merged.sqlite >show.txt
"$LOWBIT" results query "SELECT epoch, frozen, mixed_top1 FROM epochs" --store merged.sqlite --json >query.json
python3 - <<'END'
import csv, json
rows = list(csv.DictReader(open("runs/d/metrics.csv")))
shown = json.load(open("show.json"))["epoch_rows"]
queried = [json.loads(line) for line in open("query.json")]
assert len(rows) == len(shown) == len(queried) == 2, (rows, shown, queried)
for row, s, q in zip(rows, shown, queried):
    for key in ("frozen", "mixed_loss", "mixed_top1", "val_top1"):
        assert abs(float(row[key]) - s[key]) < 1e-6, (key, row, s)
    assert float(q["frozen"]) == s["frozen"] and abs(float(q["mixed_top1"]) - s["mixed_top1"]) < 1e-6, q
lines = open("show.txt").read().split("\n")
head = next(i for i, line in enumerate(lines) if line.endswith("frozen  mixed loss mixed top-1"))
assert lines[head + 1].split()[-3] == "0.5" and lines[head + 2].split()[-3] == "1", lines[head:head + 3]
END
says "run 1  " "$LOWBIT" results show 1 # a run that trains no mixture
if grep frozen printed; then exit 1; fi

# ---- merge
"$LOWBIT" results import runs/a runs/b --store first.sqlite >/dev/null
"$LOWBIT" results import runs/b runs/c --store second.sqlite >/dev/null
says "first.sqlite: 2 runs added, 0 brought up to date, 0 were here" "$LOWBIT" results merge first.sqlite second.sqlite --store joined.sqlite
says "3 runs" "$LOWBIT" results list --store joined.sqlite
test "$(python3 -c 'import sqlite3; print(sqlite3.connect("joined.sqlite").execute("PRAGMA integrity_check").fetchone()[0])')" = ok
test ! -e joined.sqlite-wal # the file alone is the store

# ---- forget: the cells go, the runs stay, and a changed file may take the name
for rates in 0.01 0.01,0.02; do
    cat >tiny.yaml <<YAML
name: tiny
base: {data: "synth-digits:300", width-multiplier: 0.125, epochs: 1, batch: 50}
points: [{method: dorefa, lr: [$rates]}]
YAML
    test $rates = 0.01 || refused 2 "or drop those cells: \`lowbit results forget tiny\`" "$LOWBIT" sweep tiny.yaml --store tiny.sqlite --resume
    test $rates = 0.01 || says "tiny: 1 cell forgotten" "$LOWBIT" results forget tiny --store tiny.sqlite
    "$LOWBIT" sweep tiny.yaml --store tiny.sqlite --jobs 1 --threads 1 >swept.txt
done
grep -q "1 were there" swept.txt
says "experiment tiny: 2 of 2 cells done" "$LOWBIT" results list --store tiny.sqlite

# ---- refusals
refused 5 "nix.sqlite: cannot open the result store: No such file" "$LOWBIT" results list --store nix.sqlite
test ! -e nix.sqlite
echo "no store, but a text" >text.sqlite
refused 4 "text.sqlite: no store of lowbit" "$LOWBIT" results list --store text.sqlite
refused 4 "text.sqlite: no store of lowbit" "$LOWBIT" results merge text.sqlite
refused 2 "did you mean 'method'?" "$LOWBIT" results list metod=dorefa
refused 2 "only statements that read" "$LOWBIT" results query "DELETE FROM runs"
refused 2 "syntax error" "$LOWBIT" results query "SELECT FROM"
refused 2 "one SQL statement" "$LOWBIT" results query
refused 2 "no run 'abc123'" "$LOWBIT" results show abc123
refused 2 "its id or its hash" "$LOWBIT" results show
refused 2 "wanted csv, json or markdown" "$LOWBIT" results export --format xml
refused 2 "--format and --out are for export only" "$LOWBIT" results list --out runs.csv
refused 2 "--json is for list, show and query only" "$LOWBIT" results export --json
refused 5 "no/such/folder/x.csv.tmp: cannot create: No such file" "$LOWBIT" results export --out no/such/folder/x.csv
refused 5 "cannot write: the file's name is empty" "$LOWBIT" results export --out ""
refused 5 "nowhere: no run is there" "$LOWBIT" results import nowhere
refused 2 "which folders" "$LOWBIT" results import
refused 2 "which stores" "$LOWBIT" results merge
refused 2 "forget: which experiments?" "$LOWBIT" results forget
refused 2 "no experiment 'tinny'; did you mean 'tiny'?" "$LOWBIT" results forget tinny --store tiny.sqlite
refused 5 "nix.sqlite: cannot open the result store: No such file" "$LOWBIT" results forget tiny --store nix.sqlite
test ! -e nix.sqlite
refused 2 "unknown action 'lst'" "$LOWBIT" results lst
refused 2 "nothing to do" "$LOWBIT" results
says "3 runs" "$LOWBIT" results list # nothing of this changed the store
says "lowbit results merge job-" "$LOWBIT" results --help
if [ -w /dev/full ]; then
    status=0
    "$LOWBIT" results export >/dev/full 2>err.txt || status=$?
    test "$status" = 5
    test "$(wc -l <err.txt)" = 1
else
    part_skipped "a full disk behind standard output: /dev/full"
fi
