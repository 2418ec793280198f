# lowbit reproduce: the papers' experiments without data, and a tiny experiment from its first run to the table,
# with figures of which one is above ours, one below, one left out and one that says DNC.
# ctest: timeout 600
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
export OMP_WAIT_POLICY=passive # other tests run beside this one

# ---- all experiments of the papers, without data
unset LOWBIT_DATA
export LOWBIT_EXPERIMENTS=$LOWBIT_SOURCE/experiments
says "P0-table6.quick" "$LOWBIT" reproduce --list
[ "$(wc -l <printed)" -eq $(($(find "$LOWBIT_EXPERIMENTS" -name '*.yaml' | wc -l) + 1)) ] || fail "--list: $(cat printed)"
"$LOWBIT" reproduce --list --json >list.json
python3 -c "
import json
rows = {row['name']: row for row in map(json.loads, open('list.json'))}
assert rows['P0-table6']['runs'] == 23 * 7 and rows['P0-table6.quick']['runs'] == 23 * 6, rows
"
for file in "$LOWBIT_EXPERIMENTS"/*.yaml; do
    name=$(basename "$file" .yaml)
    says "0 are done" "$LOWBIT" reproduce "${name%.quick}" --dry-run $([[ $name == *.quick ]] && echo --quick)
    grep -q "^$name: " printed || fail "$name: another name in the file: $(head -1 printed)"
done
says "no numbers to compare with" "$LOWBIT" reproduce P0-figure3-lenet5 --compare
[ ! -e results.sqlite ] || fail "a store was made where nothing was to run"

# ---- what is refused
refused 2 "unknown experiment 'P0-tabel6'; did you mean 'P0-table6'?" "$LOWBIT" reproduce P0-tabel6
refused 2 "wanted one NAME" "$LOWBIT" reproduce
refused 2 "wanted one NAME" "$LOWBIT" reproduce P0-table6 P0-table7
refused 2 "--limit-time 'soon'" "$LOWBIT" reproduce P0-table6 --limit-time soon
refused 2 "--json and --csv exclude each other" "$LOWBIT" reproduce P0-table6 --json --csv
refused 2 "--jobs -1" "$LOWBIT" reproduce P0-table6 --jobs -1
LOWBIT_EXPERIMENTS=none refused 5 "none is no folder" "$LOWBIT" reproduce P0-table6

# ---- a tiny experiment
mkdir papers
cat >papers/tiny.yaml <<'END'
name: tiny
title: two methods on synthetic digits
base: {data: "synth-digits:200", model: lenet5, width-multiplier: 0.125, batch: 20, augment: none}
points:
  - {method: float}
  - {method: dorefa, wbits: 1, abits: [2, 1]}
seeds: 1..2
search:
  epochs: 1
  base: {val-split: 40}
  axes:
    - lr: [0.04, 0.02]
END
sed -i 's/^base: {/&epochs: 12, schedule: constant, /' papers/tiny.yaml
sed 's/name: tiny/name: tiny.quick/; s/abits: .*/abits: 2}/; /^seeds/d; /^search/,$d' papers/tiny.yaml >papers/tiny.quick.yaml
cat >papers/papers.csv <<'END'
experiment,row,column,metric,value,mark,where
tiny,float,W32A32,top1,0.50,,method=float
tiny,float,parameters,parameters,10000,,method=float
tiny,DoReFa,W1A2,top1,100.00,*,method=dorefa abits=2
tiny,DoReFa,W1A1,top1,,DNC,method=dorefa abits=1
tiny,TTQ,W2A32,top1,50,,method=ttq
other,float,W32A32,top1,50,,method=float
END
export LOWBIT_EXPERIMENTS=$PWD/papers
run=("$LOWBIT" reproduce tiny --store tiny.sqlite --out runs --jobs 2 --threads 1)
says "0 of 3 points are at their end" "${run[@]}" --compare
grep -q "| not run |" printed || fail "--compare of nothing: $(cat printed)"
says "12 cells" "${run[@]}" --dry-run
says "12 of 12 cells done" "${run[@]}"
grep -qF "3 of 3 points are at their end; ours: best epoch on test images, best of 2 seeds" printed || fail "$(cat printed)"
grep -qE '^\| DoReFa +\| ours +\| +- \| +- \|' printed || fail "no dash for a cell that the paper has not: $(cat printed)"
grep -qE '100\.00\*' printed || fail "no star: $(cat printed)"
grep -qE 'left out' printed || fail "the figure without a point: $(cat printed)"
grep -qE '^\| +\| paper .*DNC' printed || fail "no DNC: $(cat printed)"
cp printed table

# ours is what the runs' own metrics say: best epoch of the best seed
"${run[@]}" --csv >ours.csv
"${run[@]}" --compare --json >ours.json
python3 - <<'END'
import csv, glob, json
figures = {(f["row"], f["column"]): f for f in map(json.loads, open("ours.json"))}
rows = {(f["row"], f["column"]): f for f in csv.DictReader(open("ours.csv"))}
assert len(figures) == len(rows) == 5, (figures, rows)
best = {}
for path in glob.glob("runs/*/config.json"):
    settings = json.load(open(path))["settings"]
    if settings["val-split"] != 0:
        continue
    epochs = list(csv.DictReader(open(path.replace("config.json", "metrics.csv"))))
    key = settings["method"], settings.get("abits")
    best.setdefault(key, []).append([float(e["val_top1"]) for e in epochs])
assert len(best) == 3 and all(len(seeds) == 2 for seeds in best.values()), best
for place, key in ((("float", "W32A32"), ("float", None)), (("DoReFa", "W1A2"), ("dorefa", 2))):
    f, seeds = figures[place], best[key]
    top = [max(epochs) for epochs in seeds]
    if max(top) <= 15.0:
        assert f["state"] == "dnc" and f["ours"] is None, f
        continue
    assert f["state"] == "ok" and abs(f["ours"] - max(top)) < 0.01, (f, top)
    assert abs(f["difference"] - (f["ours"] - f["paper"])) < 1e-6, f
    assert abs(float(rows[place]["ours"]) - f["ours"]) < 1e-6, rows[place]
    assert f["last"] in [epochs[-1] for epochs, t in zip(seeds, top) if t == max(top)], (f, seeds)
f = figures["float", "parameters"]
assert f["ours"] != 10000 and f["difference"] == f["ours"] - 10000 and f["state"] == "ok", f
f = figures["DoReFa", "W1A1"]
assert f["paper"] is None and f["paper_dnc"] and f["difference"] is None, f
f = figures["TTQ", "W2A32"]
assert f["state"] == "left out" and f["ours"] is None, f
assert figures["DoReFa", "W1A2"]["ternary"]
END

# ---- nothing is run twice; the same table again
says "12 were there" "${run[@]}"
sed -n '/^|/p' table >before
sed -n '/^|/p' printed >after
cmp before after || fail "another table the second time: $(cat printed)"
rm -r runs
"${run[@]}" --compare >/dev/null || fail "the comparison wants the runs' folders"

# ---- what another experiment ran counts, before anything of this one has
cat >papers/part.yaml <<'END'
name: part
base: {data: "synth-digits:200", model: lenet5, width-multiplier: 0.125, batch: 20, augment: none, epochs: 1}
points: [{method: bnn}]
END
cp papers/part.yaml papers/whole.yaml
sed -i 's/name: part/name: whole/; s/bnn/[bnn, float]/' papers/whole.yaml
sed -i '$awhole,BNN,W1A1,top1,50,,method=bnn\nwhole,float,W32A32,top1,50,,method=float' papers/papers.csv
"$LOWBIT" reproduce part --store tiny.sqlite --out parts --jobs 1 --threads 1 >printed
says "1 of 2 points are at their end" "$LOWBIT" reproduce whole --store tiny.sqlite --compare

# ---- the quick variant has figures of the whole, but no point for one of them
says "2 of 2 points are at their end" "${run[@]}" --quick
[ "$(grep -c 'left out' printed)" -eq 2 ] || fail "quick: $(cat printed)"

# ---- another file under the same name; a damaged file of figures
sed -i 's/width-multiplier: 0.125/width-multiplier: 0.25/' papers/tiny.yaml
refused 2 "has cells of another experiment named 'tiny'" "${run[@]}" --compare --csv
sed -i 's/^tiny,float,W32A32,top1/tiny,float,W32A32,top9/' papers/papers.csv
refused 4 "papers.csv:2: unknown metric 'top9'" "$LOWBIT" reproduce tiny --compare --csv
rm papers/papers.csv
refused 5 "papers.csv" "$LOWBIT" reproduce tiny --compare --csv
