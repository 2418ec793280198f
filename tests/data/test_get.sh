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

# get ARGUMENT...: standard error without the lines that tell of files that have arrived
get()
{
    local status=0
    "$LOWBIT" data get "$@" --url "$url" 2>all || status=$?
    sed '/ of .* MB$/d' all >&2
    return $status
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
refused 5 "the same command resumes" get mnist --dir got
no_half_files
[ -f got/train-images-idx3-ubyte.gz.part ] || fail "nothing kept to resume from"
kept=$(stat -c %s got/train-images-idx3-ubyte.gz.part)
[ "$kept" -gt 0 ] || fail "an empty part was kept"
cmp -n "$kept" got/train-images-idx3-ubyte.gz.part "$mnist/train-images-idx3-ubyte.gz" || fail "wrong part"

# The command itself is killed in the middle of what is left.
start_server "$mnist" slow
more_arrived() { [ "$(stat -c %s got/train-images-idx3-ubyte.gz.part)" -gt $((kept + 200000)) ]; }
"$LOWBIT" data get mnist --dir got --url "$url" > out 2> errors &
command=$!
wait_for "$command" more_arrived
kill -9 "$command" 2>/dev/null || fail "ended before it could be killed"
wait "$command" 2>/dev/null || true
no_half_files
more_arrived || fail "what had arrived was lost"

# A whole server: the rest is asked for, not the whole.
rm -f port.log
start_server "$mnist"
"$LOWBIT" data get mnist --dir got --url "$url/" > out 2>&1 || fail "resuming: $(cat out)"
grep -q "complete in got" out || fail "no final line: $(cat out)"
grep -q "train-images-idx3-ubyte.gz bytes=[1-9][0-9]*-" port.log || fail "did not resume: $(cat port.log)"
for file in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    cmp "got/$file-ubyte.gz" "$mnist/$file-ubyte.gz" || fail "$file"
done
[ "$(ls got | wc -l)" = 4 ] || fail "left-over files: $(ls got)"
says "60000 training, 10000 test" "$LOWBIT" data info mnist:got

# Again: all there, nothing is asked for.
rm -f port.log
"$LOWBIT" data get mnist --dir got --url "$url" > out 2>&1 || fail "second get: $(cat out)"
[ ! -s port.log ] || fail "fetched again: $(cat port.log)"

# A wrong file of the right size; a file of another size; none at all.
rm -rf got wrong
mkdir wrong
cp "$mnist"/* wrong
chmod u+w wrong/*
printf X | dd of=wrong/train-labels-idx1-ubyte.gz bs=1 seek=5000 conv=notrunc status=none
start_server "$PWD/wrong"
refused 4 "SHA-256" get mnist --dir got
no_half_files
[ ! -e got/train-labels-idx1-ubyte.gz.part ] || fail "a wrong part was kept"
printf X >> wrong/t10k-labels-idx1-ubyte.gz
cp "$mnist/train-labels-idx1-ubyte.gz" wrong
refused 4 "more than the published 4542 bytes" get mnist --dir got
rm wrong/t10k-labels-idx1-ubyte.gz
refused 5 "HTTP status 404" get mnist --dir got
no_half_files

# No server, a folder that cannot be made, a disk that is full.
stop_server
refused 5 "resumes" get mnist --dir got
touch plain_file
refused 5 "plain_file: cannot make the folder" get mnist --dir plain_file/sub
start_server "$mnist"
rm -rf got
get_on_a_full_disk() { (ulimit -f 1000 && get mnist --dir got); }
refused 5 "cannot write 'got/train-images-idx3-ubyte.gz.part'" get_on_a_full_disk
no_half_files

# LOWBIT_DATA says where to; unknown and unfetchable names are refused.
LOWBIT_DATA=$PWD/root "$LOWBIT" data get mnist --url "$url" > out 2>&1 || fail "into LOWBIT_DATA: $(cat out)"
[ -f root/mnist/t10k-labels-idx1-ubyte.gz ] || fail "not in LOWBIT_DATA/mnist"
refused 2 "data set 'idx' is your own; there is nothing to fetch" "$LOWBIT" data get idx
refused 2 "data set 'synth-digits' is generated; there is nothing to fetch" "$LOWBIT" data get synth-digits
refused 2 "did you mean 'mnist'?" "$LOWBIT" data get mnits
refused 2 "a name without a folder; --dir gives the folder" "$LOWBIT" data get mnist:here
