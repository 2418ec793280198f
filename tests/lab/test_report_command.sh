# `lowbit report`: of run folders and of stores, with files beside the page, without gnuplot, with texts that would
# be marks or commands, and what it refuses.
# ctest: timeout 600
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
export OMP_WAIT_POLICY=passive

"$LOWBIT" train --data synth-digits:300 --model lenet5 --width-multiplier 0.25 --epochs 2 --threads 1 --out runs/a >/dev/null
"$LOWBIT" train --data synth-digits:300 --model lenet5 --width-multiplier 0.25 --epochs 2 --threads 1 --method twn \
    --out runs/b >/dev/null

# report_refused STATUS PIECE ARGUMENT...: and no page
report_refused()
{
    refused "$1" "$2" "$LOWBIT" report "${@:3}"
    [ ! -e report.html ] || fail "a page in spite of '$2'"
}
report_refused 2 "wanted a result store"
report_refused 5 "missing.sqlite: cannot open the result store: No such file" missing.sqlite
echo "not a store" >text
report_refused 4 "text: no store of lowbit: file is not a database" text
mkdir empty
report_refused 5 "empty: no run is there: config.json is missing" runs/a empty
report_refused 2 "port 70000: wanted 0 to 65535" runs --live --port 70000
report_refused 2 "wanted one STORE" a b --live
report_refused 2 "--live writes no files" runs --live -o page.html
report_refused 2 "--port is for --live only" runs/a --port 8000
report_refused 2 "runs is a folder; wanted a file for the page" runs/a -o runs
report_refused 2 "the name of the page is empty" runs/a -o ""
report_refused 2 "the name of the pictures' folder is empty" runs/a --pictures ""
[ ! -e _files ]

# ---- folders of runs ---------------------------------------------------------------------------
"$LOWBIT" report runs/a runs/b >printed 2>errors
grep -q "report.html: 2 runs" printed
grep -q '<th scope=row class=t>twn</th>' report.html
head -1 report_files/runs.csv | grep -q "^run,state,experiment,data,model,method,widths,seed"
[ "$(wc -l <report_files/runs.csv)" -eq 3 ]
[ -z "$(find . -maxdepth 1 -name '*_files.*')" ] # no scratch folder is left

# ---- a store with every kind of picture, and hostile texts -------------------------------------
"$LOWBIT" results import runs/a --store full.sqlite >/dev/null
python3 "$LOWBIT_SOURCE/tests/support/fill_store.py" full.sqlite 140 --hostile
"$LOWBIT" report full.sqlite -o out.html --pictures 'beside it/' --title '<b>title</b>' >printed
python3 - <<'PYTHON'
import html.parser
import os
import re
import shutil

from part_skipped import part_skipped

page = open("out.html", encoding="utf-8").read()


class Reader(html.parser.HTMLParser):
    VOID = {"meta", "link", "dt", "dd", "li"}

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.links = [], {}, [], []

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        self.tags[tag] = self.tags.get(tag, 0) + 1
        for name, value in attributes:
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href") and value:
                self.links.append(value)
        if "id" in names:
            self.ids.append(names["id"])
        if tag == "th":
            assert names.get("scope") in ("row", "col"), names
        if tag == "svg" and names.get("role") == "img":
            assert len(names["aria-label"]) > 20, names
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open and self.open[-1] == tag, (self.open[-3:], tag, self.getpos())
            self.open.pop()

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()


reader = Reader()
reader.feed(page)
reader.close()
assert not reader.open, reader.open
assert reader.tags["script"] == 1 and reader.tags["h1"] == 1 and "b" not in reader.tags, reader.tags
assert len(reader.ids) == len(set(reader.ids)), "an id stands twice"
for link in reader.links:
    assert re.match(r"#|data:,$|beside%20it/[a-z0-9.-]+\.(svg|png|csv|md)$", link), link
    if link.startswith("#"):
        assert link[1:] in reader.ids, link
    elif not link.startswith("data:"):
        assert os.path.getsize(link.replace("%20", " ")) > 20, link
assert "&lt;b&gt;title&lt;/b&gt;" in page
assert not os.path.exists("owned") and not os.path.exists("beside it/owned"), "a text was run as a command"
assert len(page) < 5e6, len(page)
if shutil.which("gnuplot"):
    assert reader.tags["svg"] > 10, reader.tags
    pictures = [name for name in os.listdir("beside it") if name.endswith(".svg")]
    for kind in ["bits-both", "bits-weights", "bits-activations", "bars", "heat", "convergence", "convergence-average",
                 "size", "operations", "weights", "freezing"]:
        assert any(f"-{kind}" in name for name in pictures), (kind, pictures)
    for name in pictures:
        png = open(f"beside it/{name[:-4]}.png", "rb").read()
        assert png.startswith(b"\x89PNG"), name
else:
    part_skipped("pictures: gnuplot", "gnuplot-nox")
PYTHON

# ---- links from the page to its files, wherever both lie ---------------------------------------
# links PAGE FOLDER WANTED: how the page names the folder
links()
{
    "$LOWBIT" report runs/a -o "$1" --pictures "$2" >/dev/null
    grep -q "href=\"$3/runs.csv\"" "$1" || { echo "$1 does not link to $3/runs.csv"; exit 1; }
    [ -s "$2/runs.csv" ]
}
mkdir -p pages/deep
links pages/a.html pages/files files
links pages/deep/b.html beside ../../beside
links pages/c.html "$PWD/d" "$PWD/d"
links "$PWD/pages/e.html" f "$PWD/f"
links "$PWD/g.html" "$PWD/h" h
links ./i.html beside beside
links pages//./deep/j.html beside ../../beside
links "../${PWD##*/}/k.html" beside "$PWD/beside"

# ---- only some runs ----------------------------------------------------------------------------
"$LOWBIT" report full.sqlite -o some.html --filter "wbits=1 abits=1" >printed
grep -qE "some.html: [1-9] runs" printed
rm -f report.html
report_refused 2 "unknown key 'methodd'; did you mean 'method'?" full.sqlite --filter methodd=qnn
report_refused 2 "filter 'seed=77': no run meets it" full.sqlite --filter seed=77

# ---- an experiment's report section, and one whose text this version does not read ------------
"$LOWBIT" results import runs/a runs/b --store lab.sqlite >/dev/null
python3 - <<'PYTHON'
import sqlite3

db = sqlite3.connect("lab.sqlite")
text = """name: two
base: {data: "synth-digits:300", width-multiplier: 0.25, epochs: 2}
axes: {method: [float, twn]}
report:
  - table: {rows: batch, columns: method, title: Rows are batches}
  - convergence: {title: Only ternary, only: {method: twn}}
"""
hashes = [row[0] for row in db.execute("SELECT hash FROM runs ORDER BY id")]
for number, (name, body) in enumerate([("two", text), ("older", "nothing: that is known")], 1):
    db.execute("INSERT INTO experiments VALUES (?, ?, ?, ?)", (number, name, f"Experiment {name}", body))
    for i, run in enumerate(hashes):
        db.execute("INSERT INTO cells VALUES (?, ?, 'full', ?, 0, 0, -1, ?, 1, ?, 1)", (number, i, i, run, i + 1))
db.commit()
PYTHON
"$LOWBIT" report lab.sqlite -o lab.html >printed
grep -q "<h2>Experiment two</h2>" lab.html
grep -q "<h3>Rows are batches</h3>" lab.html
grep -qx "batch,float,twn" lab_files/experiment-two-1-1-table.csv
grep -qE "^batch 128,([0-9.]+|DNC),([0-9.]+ [*]|DNC)" lab_files/experiment-two-1-1-table.csv
grep -q "<td class=t>older</td>" lab.html

# ---- without gnuplot ---------------------------------------------------------------------------
mkdir bin
PATH=$PWD/bin "$LOWBIT" report full.sqlite -o plain.html >printed 2>errors
grep -q "gnuplot is not installed" errors
grep -q "There are no pictures: gnuplot is not installed" plain.html
grep -q "<th scope=row" plain.html
printf '#!/bin/sh\necho "line 0: it broke" >&2\nexit 3\n' >bin/gnuplot
chmod +x bin/gnuplot
PATH=$PWD/bin:$PATH "$LOWBIT" report full.sqlite -o plain.html >printed 2>errors
grep -q "gnuplot failed: line 0: it broke" errors

# ---- stopped while it is being made: the older page stays, and nothing besides ------------------
cp plain.html before.html
printf '#!/bin/sh\ntouch "%s/drawing"\nexec sleep 600\n' "$PWD" >bin/gnuplot
PATH=$PWD/bin:$PATH "$LOWBIT" report full.sqlite -o plain.html >printed 2>errors &
process=$!
wait_for $process [ -e drawing ]
kill -TERM $process
status=0
wait $process || status=$?
[ $status -eq 8 ] || fail "exit status $status of a report that was stopped"
grep -q "^lowbit report: plain.html: stopped before it was written" errors
cmp plain.html before.html
[ -z "$(find . -maxdepth 1 -name '*_files.*')" ] || fail "a scratch folder is left"

# ---- a page that cannot be written -------------------------------------------------------------
rm -f report.html
report_refused 5 "nowhere/at/all_files: cannot make a folder beside it: No such file" full.sqlite -o nowhere/at/all.html
