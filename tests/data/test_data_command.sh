#!/usr/bin/env bash
# `lowbit data list`, `info` and `synth`: what they print, as text and as JSON, and their errors.
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
unset LOWBIT_DATA

# refuse STATUS TEXT ARGUMENT...: exit status, message, at most three lines, nothing on standard output
refuse()
{
    local want=$1 text=$2 status=0
    shift 2
    "$LOWBIT" data "$@" > out 2> errors || status=$?
    [ "$status" = "$want" ] || fail "data $*: exit status $status, wanted $want"
    grep -q -- "$text" errors || fail "data $*: no '$text' in: $(cat errors)"
    [ "$(wc -l < errors)" -le 3 ] || fail "data $*: more than three lines"
    [ ! -s out ] || fail "data $*: wrote to standard output"
}

"$LOWBIT" data list > list
for name in mnist fashion-mnist cifar10 cifar100 svhn idx folder imagenet imagenet-square; do
    grep -q "^$name  *not found" list || fail "list: $name"
done
grep -q "^synth-digits  *built in" list || fail "list: synth-digits"
grep -q "LOWBIT_DATA is not set" list || fail "list: nothing said of LOWBIT_DATA"

"$LOWBIT" data synth --count 100 --out digits --sheet sheet.png > out
[ "$(head -c 4 sheet.png | tail -c 3)" = PNG ] || fail "sheet.png is no PNG"
[ "$(stat -c %s digits/train-images-idx3-ubyte)" = $((16 + 100 * 784)) ] || fail "size of the images"
"$LOWBIT" data synth --color --count 50 --out color > out
[ "$(stat -c %s color/train-images-idx4-ubyte)" = $((20 + 50 * 3072)) ] || fail "size of the colour images"

# grey images of before would be read in place of the colour ones, with their labels
refuse 2 "digits/train-images-idx3-ubyte is there and would be read" synth --color --count 100 --out digits
[ ! -e digits/train-images-idx4-ubyte ] || fail "colour images beside grey ones"
# an option of another action
refuse 2 "get: --out is for synth and cache" get mnist --out here
refuse 2 "info: --dir is for get" info idx --dir digits
refuse 2 "synth: --json is for list" synth --out here --json
refuse 2 "check: --count is for synth" check imagenet:here --count 3
[ ! -e here ] || fail "a refused command wrote"

"$LOWBIT" data info idx:digits > out
grep -q "^images  *100 training, 20 test" out || fail "info: images"
grep -q "^shape  *1x28x28" out || fail "info: shape"
grep -Eq "^ +7  7 +10 +2$" out || fail "info: class 7"

mkdir data
mv digits data/idx
"$LOWBIT" data info idx --json > /dev/null 2>&1 && fail "no LOWBIT_DATA, but found"
LOWBIT_DATA=$PWD/data "$LOWBIT" data info idx --json > json
LOWBIT_DATA=$PWD/data "$LOWBIT" data list --json > list.json
python3 - <<'END'
import json
info = json.load(open("json"))
assert info["name"] == "idx" and info["folder"].endswith("/data/idx"), info
assert (info["train"], info["test"]) == (100, 20), info
assert (info["channels"], info["height"], info["width"]) == (1, 28, 28), info
assert len(info["mean"]) == len(info["std"]) == 1 and 0 < info["mean"][0] < 1, info
assert info["classes"][3] == {"name": "3", "train": 10, "test": 2}, info
rows = [json.loads(line) for line in open("list.json")]
assert len(rows) == 11, rows
assert [r["name"] for r in rows if r["found"]] == ["idx", "synth-digits", "synth-color"], rows
assert rows[0]["download_bytes"] == 11594722, rows[0]
END

refuse 2 "wanted list, info SPEC, get NAME, synth, check SPEC or cache SPEC"
refuse 2 "unknown action 'lst'" lst
refuse 2 "one argument too many: 'x'" list x
refuse 2 "one argument too many: 'y'" info mnist y
refuse 2 "which data set" info
refuse 2 "which data set" get
refuse 2 "did you mean 'mnist'" info mnsit
refuse 2 "set LOWBIT_DATA" info mnist
refuse 5 "no train-images-idx3-ubyte in 'nowhere'" info mnist:nowhere
refuse 2 "nothing to do" synth
refuse 2 "10 to 10000000" synth --count 3 --out x
refuse 5 "x" synth --count 10 --out /proc/x
head -c 100 data/idx/train-images-idx3-ubyte > short
mv short data/idx/train-images-idx3-ubyte
refuse 4 "truncated" info idx:data/idx
