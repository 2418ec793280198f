#!/usr/bin/env bash
# ImageNet's folders from the command line: info, check, cache, a run that is stopped and resumed, evaluated, packed
# and verified, with images that cannot be read.
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
unset LOWBIT_DATA
corpus=$LOWBIT_SOURCE/fuzz/corpus/folder

# expect STATUS COMMAND...: standard output to out, standard error to errors
expect()
{
    local want=$1 status=0
    shift
    "$@" >out 2>errors || status=$?
    [ "$status" = "$want" ] || fail "$*: exit status $status, wanted $want: $(cat errors)"
}

for split in train val; do
    for class in n01 n02 n03; do
        mkdir -p tree/$split/$class
        for image in rgb grey progressive cmyk; do
            cp "$corpus/$image.jpg" "tree/$split/$class/$image.JPEG"
        done
        cp "$corpus/rgba8.png" "tree/$split/$class/png.JPEG"
    done
done
expect 0 "$LOWBIT" data check imagenet:tree
grep -q '^30 images, 0 unreadable$' out || fail "check: $(cat out)"
cp "$corpus/truncated.jpg" tree/train/n01/rgb.JPEG
echo text >tree/val/n02/grey.JPEG
expect 4 "$LOWBIT" data check imagenet:tree --json
grep -q '^{"images": 30, "unreadable": 2}$' out || fail "check --json: $(cat out)"
grep -q 'skipped: tree/train/n01/rgb.JPEG: damaged JPEG' errors || fail "check: $(cat errors)"
[ "$(wc -l <errors)" = 2 ] || fail "check: not two lines: $(cat errors)"
expect 0 "$LOWBIT" data info imagenet:tree
grep -q '^images  *15 training, 15 test, decoded as they are used$' out || fail "info"

# ---- training: on the files, in pieces, and on a raw cache of the same edge
small=(--model mlp --widths 8 --image-size 32 --batch 4 --epochs 2 --threads 2 --seed 3)
expect 0 "$LOWBIT" train --data imagenet:tree "${small[@]}" --out whole --json
[ "$(grep -c '"event": "unreadable"' out)" = 2 ] || fail "train: not two messages: $(cat out)"
grep -q '"unreadable": 2}$' out || fail "train: no count"
expect 0 "$LOWBIT" train --data imagenet:tree "${small[@]}" --out pieces --workers 2 --max-seconds 0.000001
for _ in $(seq 12); do
    expect 0 "$LOWBIT" train --data imagenet:tree --out pieces --resume --max-seconds 0.000001
done
expect 0 "$LOWBIT" train --data imagenet:tree --out pieces --resume
cmp whole/metrics.csv pieces/metrics.csv || fail "a run in pieces differs"
cmp whole/last.safetensors pieces/last.safetensors || fail "the network of a run in pieces differs"

expect 0 "$LOWBIT" data cache imagenet:tree --out cache --short-edge 37 --json
grep -q '"unreadable": 2, "shards_written": 2, "shards_kept": 0' out || fail "cache: $(cat out)"
expect 0 "$LOWBIT" data cache imagenet:tree -o cache --short-edge 37 --jobs 1
grep -q '0 shards written, 2 kept' out || fail "cache again: $(cat out)"
expect 0 "$LOWBIT" train --data imagenet:cache "${small[@]}" --out cached
cmp whole/metrics.csv cached/metrics.csv || fail "a run on the cache differs"
refused 2 "other settings" "$LOWBIT" data cache imagenet:tree -o cache --short-edge 38
rm cache/test-00000.lbs
refused 5 "test-00000.lbs is missing" "$LOWBIT" data info imagenet:cache

# ---- a run on raw pixels, evaluated and packed
expect 0 "$LOWBIT" train --data imagenet-square:tree --model resnet20 --width-multiplier 0.25 --image-size 32 \
    --augment resized-crop,flip --batch 5 --epochs 1 --threads 1 --method dorefa --abits 2 \
    --first-layer 8bit --out coded
expect 0 "$LOWBIT" eval coded --data imagenet-square:tree
cp out evaluated
grep -q 'images 14$' evaluated || fail "eval: $(cat evaluated)"
grep -q '^1 images could not be read' evaluated || fail "eval: no count"
grep -q 'skipped: tree/val/n02/grey.JPEG: neither' errors || fail "eval: $(cat errors)"
expect 0 "$LOWBIT" pack coded -o coded.lbm
expect 0 "$LOWBIT" eval coded.lbm --data imagenet-square:tree
cmp out evaluated || fail "the packed network is not evaluated alike"
expect 0 "$LOWBIT" verify coded --data imagenet-square:tree
grep -q '^images 14 .*mismatches 0$' out || fail "verify: $(cat out)"
grep -q '^1 images could not be read and were left out$' out || fail "verify: no count: $(cat out)"
grep -q '^lowbit verify: skipped: tree/val/n02/grey.JPEG' errors || fail "verify: not named: $(cat errors)"
expect 0 "$LOWBIT" verify coded --data imagenet-square:tree --json
grep -q '^{"images": 14, "unreadable": 1, ' out || fail "verify --json: $(cat out)"

# the first 1,000 images; all there are where so many are wanted
cp -r tree many
for i in $(seq 330); do
    for class in n01 n02 n03; do ln many/val/$class/rgb.JPEG many/val/$class/rgb$i.JPEG; done
done
expect 0 "$LOWBIT" verify coded --data imagenet-square:many
grep -q '^images 999 ' out || fail "verify of 1,005 images: $(cat out)"
for images in 1005 2000; do
    expect 0 "$LOWBIT" verify coded --data imagenet-square:many --images $images
    grep -q '^images 1004 .*mismatches 0$' out || fail "verify --images $images: $(cat out)"
done

# ---- what does not fit
refused 2 "image-size 32, but synth-digits has images of 28x28" "$LOWBIT" train --data synth-digits:100 --batch 10 \
    --image-size 32 --out other
refused 2 "is for imagenet" "$LOWBIT" train --data synth-digits:100 --batch 10 --augment random-crop --out other
refused 2 "cache: no folder to write to; give --out FOLDER" "$LOWBIT" data cache imagenet:tree
refused 2 "only imagenet and imagenet-square have something to cache" "$LOWBIT" data cache synth-digits:50 --out other
[ ! -e other ] || fail "something was left"
