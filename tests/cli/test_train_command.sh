# The command line of `lowbit train` and `lowbit eval`: events, errors, exit status, disks that are
# full.
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
small=(--data synth-digits:100 --model lenet5 --width-multiplier 0.125 --batch 20 --threads 1)

# ---- help: the groups of options, each with its first one
"$LOWBIT" train --help | sed -n '/^  [A-Z][a-z]*:$/{N;s/:\n *\(--[a-z]*\).*/ \1/p}' >groups
printf '  %s\n' 'Data --data' 'Model --model' 'Quantization --method' 'Training --recipe' 'Run --threads' | diff - groups

# ---- events
"$LOWBIT" train "${small[@]}" --method dorefa --abits 2 --epochs 2 --out a --json >events
"$LOWBIT" eval a/last.safetensors --json >evaluation
"$LOWBIT" eval a >plain
grep -q '^top-1 ' plain
"$LOWBIT" train --out a --resume --json >again
"$LOWBIT" train "${small[@]}" --epochs 9 --out timed --max-seconds 0.000001 --json >timed.events
"$LOWBIT" train "${small[@]}" --epochs 1 --val-split 20 --out validated --json --tensorboard \
    >validated.events
test -s validated/tensorboard/events.out.tfevents.0.lowbit
python3 - <<'PYTHON'
import json

def read(path):
    return [json.loads(line) for line in open(path)]

def check_epoch(event, number, split):
    assert event["event"] == "epoch" and event["epoch"] == number and event["split"] == split, event
    for key in "train_loss", "train_top1", "val_top1", "lr", "seconds", "images_per_second":
        assert isinstance(event[key], (int, float)), (key, event)
    assert 0 <= event["val_top1"] <= 100 and event["images_per_second"] > 0

def check_result(event, status, split):
    assert event["event"] == "result" and event["split"] == split, event
    assert event["status"] == status, event
    for key in "best_top1", "best_epoch", "last_top1", "seconds", "images_per_second":
        assert isinstance(event[key], (int, float)), (key, event)

def status(top1):
    return "ok" if top1 > 15 else "dnc"

events = read("events")
assert len(events) == 3
check_epoch(events[0], 1, "test")
check_epoch(events[1], 2, "test")
best = max(e["val_top1"] for e in events[:2])
check_result(events[2], status(best), "test")
assert events[2]["best_top1"] == best and events[2]["last_top1"] == events[1]["val_top1"]
assert events[events[2]["best_epoch"] - 1]["val_top1"] == best

again = read("again")
assert len(again) == 1
for key in "status", "best_top1", "best_epoch", "last_top1":
    assert again[0][key] == events[2][key], key

evaluation = read("evaluation")[0]
assert sorted(evaluation) == ["images", "loss", "top1", "top5", "unreadable"]
assert evaluation["top1"] == events[1]["val_top1"] and evaluation["images"] == 20
assert evaluation["loss"] == events[1]["val_loss"]

timed = read("timed.events")
assert len(timed) == 1
check_result(timed[0], "ok", "test")
assert timed[0]["best_epoch"] == 0 and timed[0]["images_per_second"] > 0

validated = read("validated.events")
check_epoch(validated[0], 1, "validation")
check_result(validated[1], status(validated[0]["val_top1"]), "validation")

config = json.load(open("a/config.json"))
assert config["settings"]["method"] == "dorefa" and config["settings"]["abits"] == 2
assert config["network"]["weight_bits"] == 1 and config["network"]["activation_bits"] == 2
PYTHON

# ---- plain lines where standard output is no terminal
"$LOWBIT" train "${small[@]}" --epochs 1 --out b >lines
grep -q '^epoch 1/1  loss ' lines || fail "no line for the epoch"
grep -q '^status ' lines || fail "no table of results"
if grep -q $'[\r\033]' lines; then fail "terminal control in a file"; fi

# ---- divergence is a result; --strict makes it an exit status
diverging=("$LOWBIT" train "${small[@]}" --method float --optimizer sgd --lr 1e30 --epochs 1)
"${diverging[@]}" --out c --json >diverged
grep -q '"status": "dnc"' diverged
strict=0
"${diverging[@]}" --out d --strict >strict.lines || strict=$?
[ $strict -eq 7 ] || fail "--strict: exit status $strict, wanted 7"

# ---- what cannot be done is said, by name
refused 2 "did you mean 'lenet5'?" "$LOWBIT" train --model lenet --out x
refused 2 "did you mean 'dorefa'?" "$LOWBIT" train --method doref --out x
refused 2 "did you mean '--epochs'?" "$LOWBIT" train --epoch 3 --out x
refused 2 "did you mean 'mnist'?" "$LOWBIT" train --data mnits --out x
refused 2 "did you mean 'redbit-mnist'?" "$LOWBIT" train --recipe redbit-mnst --out x
refused 2 "method 'ttq' is ternary: its weights take 2 bits, not 3" "$LOWBIT" train --method ttq --wbits 3 --out x
refused 2 "method 'float' quantizes nothing: its weights take 32 bits, not 2" "$LOWBIT" train \
    --method float --wbits 2 --out x
refused 2 "gradients take 1 to 8 bits, or 32 for float, not 9" "$LOWBIT" train \
    --method dorefa --wbits 1 --gbits 9 --out x
refused 2 "the weights are float" "$LOWBIT" train --method float --gbits 4 --out x
refused 2 "act-gradient approx-sign is one of sign activations" "$LOWBIT" train \
    --method dorefa --wbits 1 --abits 2 --act-gradient approx-sign --out x
refused 2 "epochs 'none': wanted a whole number" "$LOWBIT" train --epochs none --out x
refused 2 "unexpected argument 'mnist'" "$LOWBIT" train mnist
refused 2 "data set 'mnist': no folder: give mnist:DIR, or set LOWBIT_DATA" env -u LOWBIT_DATA "$LOWBIT" train \
    --data mnist --out x
refused 5 "data set 'mnist': no train-images-idx3-ubyte in '/nowhere'" "$LOWBIT" train --data mnist:/nowhere --out x
refused 3 "model 'resnet20' takes images of 3x32x32 (channels x height x width), not 1x28x28" "$LOWBIT" train \
    --data synth-digits:100 --model resnet20 --out x
refused 2 "batch 128, but there are 100 training images" "$LOWBIT" train \
    --data synth-digits:100 --out x
refused 2 "a: exists" "$LOWBIT" train "${small[@]}" --out a
refused 2 "not a folder" "$LOWBIT" train "${small[@]}" --out lines --overwrite
refused 5 "no such run" "$LOWBIT" eval nowhere
refused 4 "lines: header length" "$LOWBIT" eval lines
refused 2 "wanted one RUN" "$LOWBIT" eval
refused 3 "3x32x32" "$LOWBIT" eval a --data synth-color:100
[ ! -e x ] || fail "a refused run left a folder"

# ---- a folder that cannot be written, a disk that is full
touch file
refused 5 "file: cannot make the folder: File exists" "$LOWBIT" train "${small[@]}" --out file/run
if [ -e /proc/1/status ]; then
    refused 5 "/proc/run: cannot make the folder" "$LOWBIT" train "${small[@]}" --out /proc/run
else
    part_skipped "a folder that nobody can write: /proc"
fi

cp -r a full
before=$(sha256sum full/last.safetensors)
status=0
(ulimit -f 8 && exec "$LOWBIT" train --out full --resume --epochs 3) >printed 2>errors || status=$?
[ $status -eq 5 ] || fail "full disk: exit status $status, wanted 5: $(cat errors)"
grep -q "full/.*safetensors.*: cannot write: " errors || fail "full disk: $(cat errors)"
[ "$before" = "$(sha256sum full/last.safetensors)" ] ||
    fail "full disk: the last checkpoint was harmed"
"$LOWBIT" train --out full --resume >printed
grep -q '^epoch 3/3' printed && fail "the epochs of the failed call were kept: config.json was not"
"$LOWBIT" train --out full --resume --epochs 3 >printed
grep -q '^epoch 3/3' printed || fail "after the full disk the run does not go on"

# ---- a signal ends the run after its step, and it goes on from there
"$LOWBIT" train "${small[@]}" --epochs 100000 --out signalled >printed 2>errors &
process=$!
wait_for $process test -e signalled/last.safetensors
kill -INT $process
status=0
wait $process || status=$?
[ $status -eq 8 ] || fail "SIGINT: exit status $status, wanted 8: $(cat errors)"
grep -q -- "--resume goes on" errors || fail "SIGINT: $(cat errors)"
"$LOWBIT" train --out signalled --resume --max-seconds 0.1 >printed

# ---- OpenMP may not give fewer threads than oneDNN waits for
dense=(--data synth-digits:128 --model lenet5 --width-multiplier 0.25 --batch 64 --epochs 1)
"$LOWBIT" train "${dense[@]}" --threads 2 --out two >printed
status=0
OMP_THREAD_LIMIT=1 timeout 60 "$LOWBIT" train "${dense[@]}" --threads 2 --out limited >printed 2>errors || status=$?
[ $status -eq 2 ] || fail "OMP_THREAD_LIMIT=1: exit status $status, wanted 2: $(cat errors)"
grep -q "OpenMP gives 1 of them (OMP_THREAD_LIMIT" errors || fail "OMP_THREAD_LIMIT=1: $(cat errors)"
OMP_THREAD_LIMIT=1 timeout 60 "$LOWBIT" train "${dense[@]}" --out all >printed || fail "OMP_THREAD_LIMIT=1, all threads"
OMP_DYNAMIC=true timeout 60 "$LOWBIT" train "${dense[@]}" --threads 2 --out dynamic >printed || fail "OMP_DYNAMIC"
cmp two/last.safetensors dynamic/last.safetensors || fail "OMP_DYNAMIC changes a run"

# ---- on a terminal one line updates itself, and a line an epoch stays
python3 - "$LOWBIT" "${small[@]}" <<'PYTHON'
import sys

from terminal_output import terminal_output

text = terminal_output([sys.argv[1], "train", *sys.argv[2:], "--epochs", "2", "--out", "terminal"])
# what the eye is left with: of each line the last text after it was cleared
lines = [line.split("\r\x1b[K")[-1] for line in text.split("\n")]
epochs = [line for line in lines if line.startswith("epoch ")]
assert len(epochs) == 2 and all("batch" not in line and "test" in line for line in epochs), lines
updates = [piece for piece in text.split("\r\x1b[K") if "batch" in piece]
assert any("images/s" in piece and "loss" in piece and "left" in piece for piece in updates), text
PYTHON
