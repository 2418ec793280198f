# `lowbit report` of folders of `lowbit impq`: curves of accuracy against effective bits, granularities side by side,
# bits by layer, tables of the figures that impq.csv has; and damaged ones.
# ctest: timeout 600
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
export OMP_WAIT_POLICY=passive

"$LOWBIT" train --data synth-digits:300 --model lenet5 --width-multiplier 0.25 --method uniform --wbits 4 --abits 6 \
    --epochs 2 --batch 50 --threads 1 --out start >/dev/null
# impq NAME OPTIONS: two iterations for weights
impq()
{
    local name=$1
    shift
    "$LOWBIT" impq start --out "out/$name" --iterations 2 --epochs 1 --threads 1 --fraction 0.2 "$@" >/dev/null
}
impq kernel --groups 20@1 --act-groups 1@1 --act-iterations 1
impq layer --granularity layer --groups 1@1
impq network --granularity network --groups 1@1

"$LOWBIT" report out/kernel/ out/layer out/network -o page.html >printed
grep -q "page.html: 3 runs" printed # the results
grep -q "<h2>Mixed precision: lenet5 on synth-digits:300</h2>" page.html
[ "$(grep -c '<h2>Mixed precision' page.html)" = 1 ]
python3 - <<'END'
import csv, glob, json, os, shutil

from part_skipped import part_skipped

# the tables have the figures of impq.csv, and the layers of impq.json
for k, name in enumerate(["kernel", "layer", "network"], 1):
    ours = list(csv.DictReader(open(glob.glob(f"page_files/*-impq-iterations-{k}.csv")[0])))
    theirs = list(csv.DictReader(open(f"out/{name}/impq.csv")))
    assert len(ours) == len(theirs) == (4 if name == "kernel" else 3), (name, ours)
    for a, b in zip(ours, theirs):
        assert (a["phase"], a["groups"], a["kept"]) == (b["phase"], b["groups"], b["kept"]), (a, b)
        assert abs(float(a["weight bits"]) - float(b["weight_bits"])) < 6e-4, (a, b)
        assert abs(float(a["top-1 %"]) - float(b["top1"])) < 6e-3, (a, b)
    layers = {row["layer"]: row for row in csv.DictReader(open(glob.glob(f"page_files/*-impq-layers-{k}.csv")[0]))}
    bits = json.load(open(f"out/{name}/impq.json"))["iterations"][-1]["bits"]
    assert len(bits) >= 4, bits
    for key, value in bits.items():
        column = "activation bits" if key.endswith(".quantize") else "weight bits"
        assert abs(float(layers[key.removesuffix(".quantize")][column]) - value) < 6e-3, (key, value, layers)
if shutil.which("gnuplot"):
    page = open("page.html").read()
    for what in ["impq-weights", "impq-activations", "impq-compression"] + [f"impq-layers-{k}" for k in (1, 2, 3)]:
        [svg] = glob.glob(f"page_files/*-{what}.svg")
        assert os.path.getsize(svg[:-3] + "png") > 1000
        assert os.path.basename(svg) in page, what
    text = open(glob.glob("page_files/*-impq-compression.svg")[0]).read()
    assert all(f"{name}: {name}" in text for name in ("kernel", "layer", "network")), text
    text = open(glob.glob("page_files/*-impq-layers-1.svg")[0]).read()
    assert all(layer in text for layer in layers), text
else:
    part_skipped("pictures: gnuplot", "gnuplot-nox")
END

# ---- one alone has no comparison; one of another start has a section of its own -----------------
"$LOWBIT" report out/layer -o one.html >printed
if ls one_files/*-impq-compression.* 2>/dev/null; then exit 1; fi
mkdir other
sed 's/"start": "[0-9a-f]*"/"start": "0123"/' out/layer/impq.json >other/impq.json
"$LOWBIT" report out/layer start other -o two.html >printed
grep -q "two.html: 2 runs" printed # other has no iterations beside its figures
[ "$(grep -c '<h2>Mixed precision' two.html)" = 2 ]

# ---- damaged -----------------------------------------------------------------------------------
# damage TEXT FILE: refused in one line, without a page
damage()
{
    mkdir -p damaged
    printf '%s' "$2" >damaged/impq.json
    refused 4 "$1" "$LOWBIT" report out/layer damaged -o no.html
    [ ! -e no.html ] || fail "a page in spite of '$1'"
}
damage "damaged/impq.json: not valid JSON" "{"
damage "damaged/impq.json: its format is 'lowbit impq 9'" '{"format": "lowbit impq 9"}'
damage "option 'granularity' is not a text" '{"format": "lowbit impq 1", "options": {}, "iterations": []}'
options='"options": {"granularity": "layer", "start": "5"}'
damage "there are no iterations in it" "{\"format\": \"lowbit impq 1\", $options, \"iterations\": []}"
damage "iteration 0 is damaged" "{\"format\": \"lowbit impq 1\", $options, \"iterations\": [{\"phase\": \"start\"}]}"
damage "iteration 1 is damaged" "$(sed 's/"phase": "weights"/"phase": "waits"/' out/layer/impq.json)"
damage "iteration 0 is damaged" "$(sed 's/"conv2": [0-9.]*/"conv2": "four"/' out/layer/impq.json)"
