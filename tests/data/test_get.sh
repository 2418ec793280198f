#!/usr/bin/env bash
# `lowbit data get` end to end: real MNIST from a server on loopback that dies in the middle, is resumed,
# lies, or has nothing.
set -euo pipefail
source "$LOWBIT_SOURCE/tests/support/support.sh"
test_data mnist
mnist=$data
unset http_proxy HTTP_PROXY
export no_proxy=127.0.0.1
server=

stop_server()
{
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    server=
}
trap stop_server EXIT

# start_server FOLDER [CUT|slow]: sets `url`
start_server()
{
    stop_server
    rm -f port
    python3 "$LOWBIT_SOURCE/tests/data/serve_files.py" "$1" port ${2:-} &
    server=$!
    for _ in $(seq 100); do
        if [ -f port ]; then break; fi
        sleep 0.1
    done
    url=http://127.0.0.1:$(cat port)
}

fail()
{
    echo "FAILED: $1"
    if [ -f out ]; then cat out; fi
    exit 1
}

# refuse STATUS TEXT: `get` into the folder got fails with that exit status and says TEXT, on one line
refuse()
{
    local status=0
    "$LOWBIT" data get mnist --dir got --url "$url" > out 2>&1 || status=$?
    [ "$status" = "$1" ] || fail "exit status $status, wanted $1"
    grep -q -- "$2" out || fail "no '$2' in the message"
    [ "$(grep -c 'lowbit data:' out)" = 1 ] || fail "not one message"
}

no_half_files()
{
    local file
    for file in got/*; do
        case $file in
            *.part | 'got/*') ;;
            *) cmp "$file" "$mnist/$(basename "$file")" || fail "$file is not whole" ;;
        esac
    done
}

# The server dies three million bytes into the first file.
start_server "$mnist" 3000000
refuse 5 "the same command resumes"
no_half_files
[ -f got/train-images-idx3-ubyte.gz.part ] || fail "nothing kept to resume from"
kept=$(stat -c %s got/train-images-idx3-ubyte.gz.part)
[ "$kept" -gt 0 ] || fail "an empty part was kept"
cmp -n "$kept" got/train-images-idx3-ubyte.gz.part "$mnist/train-images-idx3-ubyte.gz" || fail "wrong part"

# The command itself is killed in the middle of what is left.
start_server "$mnist" slow
"$LOWBIT" data get mnist --dir got --url "$url" > out 2>&1 &
command=$!
for _ in $(seq 100); do
    if [ "$(stat -c %s got/train-images-idx3-ubyte.gz.part)" -gt $((kept + 200000)) ]; then break; fi
    sleep 0.02
done
kill -9 "$command" 2>/dev/null || fail "ended before it could be killed"
wait "$command" 2>/dev/null || true
no_half_files
[ "$(stat -c %s got/train-images-idx3-ubyte.gz.part)" -gt "$kept" ] || fail "nothing arrived before the kill"

# A whole server: the rest is asked for, not the whole.
rm -f port.log
start_server "$mnist"
"$LOWBIT" data get mnist --dir got --url "$url/" > out 2>&1 || fail "resuming"
grep -q "complete in got" out || fail "no final line"
grep -q "train-images-idx3-ubyte.gz bytes=[1-9][0-9]*-" port.log || fail "did not resume: $(cat port.log)"
for file in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    cmp "got/$file-ubyte.gz" "$mnist/$file-ubyte.gz" || fail "$file"
done
[ "$(ls got | wc -l)" = 4 ] || fail "left-over files: $(ls got)"
"$LOWBIT" data info mnist:got | grep -q "60000 training, 10000 test" || fail "info"

# Again: all there, nothing is asked for.
rm -f port.log
"$LOWBIT" data get mnist --dir got --url "$url" > out 2>&1 || fail "second get"
[ ! -s port.log ] || fail "fetched again: $(cat port.log)"

# A wrong file of the right size; a file of another size; none at all.
rm -rf got wrong
mkdir wrong
cp "$mnist"/* wrong
chmod u+w wrong/*
printf X | dd of=wrong/train-labels-idx1-ubyte.gz bs=1 seek=5000 conv=notrunc status=none
start_server "$PWD/wrong"
refuse 4 "SHA-256"
no_half_files
[ ! -e got/train-labels-idx1-ubyte.gz.part ] || fail "a wrong part was kept"
printf X >> wrong/t10k-labels-idx1-ubyte.gz
cp "$mnist/train-labels-idx1-ubyte.gz" wrong
refuse 4 "more than the published 4542 bytes"
rm wrong/t10k-labels-idx1-ubyte.gz
refuse 5 "HTTP status 404"
no_half_files

# No server, a folder that cannot be made, a disk that is full.
stop_server
refuse 5 "resumes"
touch plain_file
status=0
"$LOWBIT" data get mnist --dir plain_file/sub --url "$url" > out 2>&1 || status=$?
[ "$status" = 5 ] || fail "folder below a file: exit status $status"
start_server "$mnist"
rm -rf got
status=0
(ulimit -f 1000; "$LOWBIT" data get mnist --dir got --url "$url" > out 2>&1) || status=$?
[ "$status" = 5 ] || fail "full disk: exit status $status"
grep -q "cannot write 'got/train-images-idx3-ubyte.gz.part'" out || fail "full disk: message"
no_half_files

# LOWBIT_DATA says where to; unknown and unfetchable names are refused.
LOWBIT_DATA=$PWD/root "$LOWBIT" data get mnist --url "$url" > out 2>&1 || fail "into LOWBIT_DATA"
[ -f root/mnist/t10k-labels-idx1-ubyte.gz ] || fail "not in LOWBIT_DATA/mnist"
for name in idx synth-digits mnits mnist:here; do
    status=0
    "$LOWBIT" data get "$name" > out 2>&1 || status=$?
    [ "$status" = 2 ] || fail "get $name: exit status $status"
done
