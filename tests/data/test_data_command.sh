#!/usr/bin/env bash
# `lowbit data list`, `info` and `synth`: what they print, as text and as JSON, and their errors.
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
unset LOWBIT_DATA

data() { "$LOWBIT" data "$@"; }

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
refused 2 "digits/train-images-idx3-ubyte is there and would be read" data synth --color --count 100 --out digits
[ ! -e digits/train-images-idx4-ubyte ] || fail "colour images beside grey ones"
# an option of another action
refused 2 "get: --out is for synth and cache" data get mnist --out here
refused 2 "info: --dir is for get" data info idx --dir digits
refused 2 "synth: --json is for list" data synth --out here --json
refused 2 "check: --count is for synth" data check imagenet:here --count 3
[ ! -e here ] || fail "a refused command wrote"

"$LOWBIT" data info idx:digits > out
grep -q "^images  *100 training, 20 test" out || fail "info: images"
grep -q "^shape  *1x28x28" out || fail "info: shape"
grep -Eq "^ +7  7 +10 +2$" out || fail "info: class 7"

mkdir data
mv digits data/idx
refused 2 "data set 'idx': no folder: give idx:DIR, or set LOWBIT_DATA" data info idx --json
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

refused 2 "wanted list, info SPEC, get NAME, synth, check SPEC or cache SPEC" data
refused 2 "unknown action 'lst'" data lst
refused 2 "one argument too many: 'x'" data list x
refused 2 "one argument too many: 'y'" data info mnist y
refused 2 "which data set" data info
refused 2 "which data set" data get
refused 2 "did you mean 'mnist'" data info mnsit
refused 2 "set LOWBIT_DATA" data info mnist
refused 5 "no train-images-idx3-ubyte in 'nowhere'" data info mnist:nowhere
refused 2 "nothing to do" data synth
refused 2 "10 to 10000000" data synth --count 3 --out x
refused 5 "/proc/x: cannot make the folder" data synth --count 10 --out /proc/x
head -c 100 data/idx/train-images-idx3-ubyte > short
mv short data/idx/train-images-idx3-ubyte
refused 4 "truncated" data info idx:data/idx
