# What a sweep meets when it cannot go on: stores that cannot be written or read, a full disk, a worker that dies every
# time, a folder that is in use. One clear line each, and nothing lost.
set -euo pipefail
export OMP_WAIT_POLICY=passive

source "$LOWBIT_SOURCE/tests/support/lab.sh"

sweep=("$LOWBIT" sweep --jobs 2 --threads 1)
cat >few.yaml <<YAML
name: few
base: {data: "synth-digits:100", model: mlp, widths: 16, batch: 20, epochs: 1, method: float}
points: [{}]
seeds: 1..4
YAML

# ---- stores
mkdir folder
refused 5 "folder: not a file, no result store" "${sweep[@]}" few.yaml --store folder
refused 5 "nowhere/results.sqlite-few.lock: cannot create: No such file" "${sweep[@]}" few.yaml --store nowhere/results.sqlite
refused 5 "few.yaml/results.sqlite-few.lock: cannot create: Not a directory" "${sweep[@]}" few.yaml --store few.yaml/results.sqlite
head -c 10000 /dev/urandom >noise.sqlite
refused 4 "noise.sqlite: no store of lowbit" "${sweep[@]}" few.yaml --store noise.sqlite --resume
cp noise.sqlite before.sqlite
refused 4 "noise.sqlite: no store of lowbit" "${sweep[@]}" few.yaml --store noise.sqlite
cmp noise.sqlite before.sqlite
python3 -c 'import sqlite3; sqlite3.connect("other.sqlite").execute("CREATE TABLE t (x)")'
refused 4 "other.sqlite: an SQLite file of another program" "${sweep[@]}" few.yaml --store other.sqlite --resume
"${sweep[@]}" few.yaml --store newer.sqlite >lines
query newer.sqlite 'PRAGMA user_version = 99'
refused 4 "newer.sqlite: a store of version 99" "${sweep[@]}" few.yaml --store newer.sqlite
refused 4 "newer.sqlite: a store of version 99" "${sweep[@]}" few.yaml --store newer.sqlite --resume
same "cells of a newer store" "$(query newer.sqlite 'SELECT count(*) FROM cells WHERE done')" 4
[ -z "$(ls ./*.lock 2>ls.txt)" ] || fail "locks were left behind: $(ls ./*.lock)"

# ---- a disk that is full of the store: the sweep ends with one line, and goes on when there is room
if [ "$(id -u)" = 0 ] && mkdir disk && mount -t tmpfs -o size=220k tmpfs disk 2>mount.txt; then
    trap 'umount disk' EXIT
    sed 's/few/many/; s/1..4/1..60/' few.yaml >many.yaml
    exits 5 "disk/results.sqlite" "${sweep[@]}" many.yaml --store disk/results.sqlite --out many
    mount -o remount,size=20m disk
    done_before=$(query disk/results.sqlite "SELECT count(*) FROM cells WHERE done")
    [ "$done_before" -gt 0 ] || fail "the disk was full before anything was done"
    "${sweep[@]}" many.yaml --store disk/results.sqlite --out many --resume >lines
    same "cells after the full disk" "$(query disk/results.sqlite "SELECT count(*) FROM cells JOIN runs r ON
        r.id = run_id WHERE done AND r.state IN ('ok', 'dnc')")" 60
    grep -q " $done_before were there$" lines || fail "what was done was done again: $(cat lines)"
    same "integrity" "$(query disk/results.sqlite 'PRAGMA integrity_check')" ok
    umount disk
    trap - EXIT
else
    part_skipped "a full disk, which wants root and tmpfs"
fi

# ---- a folder that another training writes is waited for
"$LOWBIT" sweep few.yaml --dry-run --json --store none.sqlite >listed
hash=$(sed -n '1s/.*"hash": "\([0-9a-f]*\)".*/\1/p' listed)
mkdir -p held/"$hash"
exec 9<held/"$hash"
flock 9
"${sweep[@]}" few.yaml --store held.sqlite --out held >lines 2>errors 9<&- &
process=$!
others_done() { [ "$(grep -c '^./4  seed=[234]  ' lines)" -eq 3 ]; }
wait_for $process others_done
if grep 'seed=1' lines; then fail "a folder in use was not waited for"; fi
exec 9<&-
wait $process
same "cells that waited" "$(query held.sqlite 'SELECT count(*) FROM cells WHERE done AND attempts = 1')" 4

# ---- a run's folder that is damaged fails that cell alone
mkdir -p damaged/"$hash"
echo 'no checkpoint' >damaged/"$hash"/last.safetensors
exits 1 "1 of 4 cells failed" "${sweep[@]}" few.yaml --store damaged.sqlite --out damaged
grep -q "^failed: seed=1: damaged/$hash/last.safetensors: " printed || fail "not told: $(cat printed)"

# ---- workers that are always killed are given up; what was done by then stays
sed 's/few/killed/; s/1..4/1..2/; s/epochs: 1/epochs: 100000/' few.yaml >killed.yaml
"${sweep[@]}" killed.yaml --jobs 1 --store killed.sqlite --out killed >printed 2>errors &
process=$!
kills=0 stopped=no
while kill -0 $process 2>gone.txt; do
    for worker in $(cat /proc/$process/task/$process/children 2>gone.txt || true); do
        command=$(tr '\0' '\n' 2>gone.txt </proc/"$worker"/cmdline) || continue
        seed=$(sed -n 's/^--seed=//p' <<<"$command")
        folder=$(sed -n 's/^--out=//p' <<<"$command")
        if [ "$seed" = 2 ]; then
            [ $stopped = yes ] || kill -TERM $process
            stopped=yes
        elif [ -e "$folder/last.safetensors" ]; then # one that was not yet begun is no run
            if kill -9 "$worker" 2>gone.txt; then kills=$((kills + 1)); fi
        fi
    done
    sleep 0.05
done
status=0
wait $process || status=$?
same "exit status of the sweep that was stopped" $status 8
[ $kills -ge 5 ] || fail "given up after $kills kills"
message=$(query killed.sqlite "SELECT message FROM runs WHERE state = 'failed'")
same "message" "$message" "given up after 5 tries: ended by signal 9 (Killed)"
same "attempts" "$(query killed.sqlite 'SELECT max(attempts) FROM cells')" 5
