# `lowbit sweep` from a file to a store: listing, running, going on, the search's choice, runs that are shared, failures,
# running again, time limits and signals.
set -euo pipefail
export OMP_WAIT_POLICY=passive

source "$LOWBIT_SOURCE/tests/support/lab.sh"

sweep=("$LOWBIT" sweep --jobs 2 --threads 1)
base='base: {data: "synth-digits:100", model: mlp, widths: 16, batch: 20, epochs: 2}'

# ---- the listing needs no data and writes nothing
cat >search.yaml <<YAML
name: search
$base
axes: {method: [float, bnn]}
seeds: [1, 2]
search: {epochs: 1, base: {val-split: 20}, axes: {lr: [1e-30, 0.01]}}
YAML
sed 's/synth-digits:100/mnist/' search.yaml >mnist.yaml
env -u LOWBIT_DATA "$LOWBIT" sweep mnist.yaml --dry-run >listed
same "lines of the listing" "$(wc -l <listed)" 10
grep -q '^ *1  search  open  *method=float trial=1$' listed || fail "no first trial in: $(cat listed)"
grep -q '^ *8  full  *waits  *method=bnn seed=2$' listed || fail "no last run in: $(cat listed)"
grep -q '^8 cells: 4 of the search, 4 full runs; 0 are done' listed || fail "no count in: $(cat listed)"
same "files after the listing" "$(ls | sort | tr '\n' ' ')" "listed mnist.yaml search.yaml "

# ---- data that is missing is said before anything runs
refused 5 "mnist: set LOWBIT_DATA" env -u LOWBIT_DATA "${sweep[@]}" mnist.yaml --store none.sqlite --out none
refused 5 "mnist: not all of its files are in /nowhere/mnist" env LOWBIT_DATA=/nowhere \
    "${sweep[@]}" mnist.yaml --store none.sqlite --out none
[ ! -e none ] || fail "runs were begun without data"

# ---- a sweep with a search
"${sweep[@]}" search.yaml >lines
same "lines for cells" "$(grep -c '^[0-9]*/8  method=' lines)" 8
grep -q '^8 cells: 4 of the search, 4 full runs; 0 are done' lines || fail "no count: $(cat lines)"
grep -q '^8 of 8 cells done in .* 0 failed; 0 were there$' lines || fail "no summary: $(cat lines)"
if grep -q $'[\r\033]' lines; then fail "terminal control in a file"; fi
[ ! -e results.sqlite-search.lock ] || fail "the lock was left behind"
same "done cells" "$(query results.sqlite 'SELECT count(*) FROM cells WHERE done AND run_id > 0')" 8
same "trials" "$(query results.sqlite "SELECT count(*) FROM cells WHERE stage = 'search'")" 4
# 1e-30 learns nothing: the other trial wins wherever it is at least as good
python3 - <<'PYTHON'
import sqlite3

database = sqlite3.connect("results.sqlite")
for point in 0, 1:
    trials = database.execute("SELECT trial, state, best_top1, split, epochs FROM cells JOIN runs ON runs.id = run_id "
                              "WHERE stage = 'search' AND point = ? ORDER BY trial", (point,)).fetchall()
    assert [t[0] for t in trials] == [0, 1] and all(t[3:] == ("validation", 1) for t in trials), trials
    wanted = min(trials, key=lambda t: (t[1] != "ok", -t[2], t[0]))[0]
    full = database.execute("SELECT trial, seed, lr.value, runs.epochs, split FROM cells JOIN runs ON runs.id = run_id "
                            "JOIN settings lr ON lr.run = runs.id AND lr.key = 'lr' "
                            "WHERE stage = 'full' AND point = ? ORDER BY seed", (point,)).fetchall()
    rate = ["1e-30", "0.01"][wanted]
    assert full == [(wanted, 1, rate, 2, "test"), (wanted, 2, rate, 2, "test")], (trials, full)
PYTHON

# ---- what is there is not done again, and --resume is wanted to go on
before=$(query results.sqlite 'SELECT group_concat(finished) FROM runs')
refused 2 "results.sqlite has 8 cells of search, 8 of them done; --resume goes on" "${sweep[@]}" search.yaml
"${sweep[@]}" search.yaml --resume >lines
grep -q '^8 of 8 cells done in .* 8 were there$' lines || fail "not reused: $(cat lines)"
"$LOWBIT" sweep search.yaml --dry-run --json >listed
same "cells that are not done" "$(grep -cvE '"state": "(ok|dnc)"' listed || true)" 0
same "times of the runs" "$(query results.sqlite 'SELECT group_concat(finished) FROM runs')" "$before"

# ---- runs of another experiment, and two cells of one run: the winner's short run is as long as the full one
cat >again.yaml <<YAML
name: again
$base
points: [{method: float}]
seeds: [1]
search: {epochs: 2, axes: {lr: [0.02, 0.03]}}
YAML
"${sweep[@]}" again.yaml --json >events
same "runs of the second file" "$(grep -c '"event": "cell"' events)" 2
same "its cells" "$(query results.sqlite 'SELECT count(*) FROM cells WHERE experiment = 2 AND done')" 3
same "their runs" "$(query results.sqlite 'SELECT count(DISTINCT run_id) FROM cells WHERE experiment = 2')" 2
cat >shared.yaml <<YAML
name: shared
$base
axes: {method: [float], lr: [0.02, 0.04]}
YAML
"${sweep[@]}" shared.yaml --json >events
same "runs of the third file" "$(grep -c '"event": "cell"' events)" 1

# ---- two points that come to one run are run once, also where all is run again
cat >twice.yaml <<YAML
name: twice
$base
points: [{method: dorefa}, {method: dorefa, wbits: 1}]
YAML
for again in '' --again; do
    "${sweep[@]}" twice.yaml --store twice.sqlite --json $again >events
    same "runs of two points $again" "$(grep -c '"event": "cell"' events)" 1
    same "their cells $again" "$(query twice.sqlite 'SELECT count(*) FROM cells WHERE done AND run_id = 1')" 2
done

# ---- another file of that name is refused; running again is done where it is asked for
sed 's/0.02/0.05/' again.yaml >other.yaml
refused 2 "another experiment named 'again'" "${sweep[@]}" other.yaml --resume
before=$(query results.sqlite 'SELECT count(*) FROM runs')
"${sweep[@]}" again.yaml --again --json >events
same "runs that were done again" "$(grep -c '"event": "cell"' events)" 2
same "runs in the store" "$(query results.sqlite 'SELECT count(*) FROM runs')" "$before"

refused 2 "another experiment named 'again'" "${sweep[@]}" other.yaml --dry-run
# a worker that dies before it has emptied its folder leaves the old run there, which does not count
worker=
until [ -n "$worker" ]; do # on a busy machine it may be over before it is seen
    before=$(stat -c %y runs/twice/*/metrics.csv)
    "$LOWBIT" sweep twice.yaml --store twice.sqlite --again --jobs 1 --threads 1 >lines &
    process=$!
    while [ -z "$worker" ] && kill -0 $process 2>gone; do
        read -r worker 2>gone <"/proc/$process/task/$process/children" || true
    done
    [ -z "$worker" ] || kill -9 $worker 2>gone || true
    wait $process
done
[ "$before" != "$(stat -c %y runs/twice/*/metrics.csv)" ] || fail "a run whose worker died was not done again"
"${sweep[@]}" again.yaml --again --dry-run >listed
grep -q '^3 cells: .* 0 are done; time for the rest: 0:0' listed || fail "--again of a listing: $(cat listed)"

# ---- a cell that fails is said by name, and run again where it is asked for
cat >failing.yaml <<YAML
name: failing
$base
points: [{method: float, batch: 20}, {method: float, batch: 5000}]
YAML
exits 1 "1 of 2 cells failed; --retry-failed runs them again" "${sweep[@]}" failing.yaml
grep -q '^failed: method=float batch=5000 seed=1: batch 5000, but there are 100 training images$' printed ||
    fail "the failure is not told: $(cat printed)"
same "its state" "$(query results.sqlite "SELECT state || ': ' || message FROM runs WHERE state = 'failed'")" \
    "failed: batch 5000, but there are 100 training images"
says '| 1 | 0 | failed | - | - | - | - |' "$LOWBIT" results export state=failed --format markdown
exits 1 "1 of 2 cells failed" "${sweep[@]}" failing.yaml --resume
grep -q 'cells done in .* 2 were there$' printed || fail "a failed cell was run again: $(cat printed)"
"${sweep[@]}" failing.yaml --dry-run >listed
grep -q '; 2 are done$' listed || fail "a listing with a failure: $(cat listed)"
"${sweep[@]}" failing.yaml --retry-failed --dry-run >listed
grep -q '^ *2  full  *open  ' listed || fail "--retry-failed of a listing: $(cat listed)"
exits 1 "1 of 2 cells failed" "${sweep[@]}" failing.yaml --retry-failed
grep -q 'cells done in .* 1 were there$' printed || fail "a failed cell was not run again: $(cat printed)"
# a failure that is over: the name of the winner's folder was taken by a file; the choice made without it stands
winner=$(query results.sqlite "SELECT trial FROM cells WHERE experiment = 2 AND stage = 'full'")
hash=$(query results.sqlite "SELECT hash FROM cells WHERE experiment = 2 AND stage = 'search' AND trial = $winner")
mkdir blocked && touch "blocked/$hash"
exits 1 "cells failed" "${sweep[@]}" again.yaml --store retried.sqlite --out blocked
rm "blocked/$hash"
"${sweep[@]}" again.yaml --store retried.sqlite --out blocked --retry-failed >lines
same "cells after the failure" "$(query retried.sqlite "SELECT count(*) FROM cells JOIN runs r ON r.id = run_id
    WHERE done AND state IN ('ok', 'dnc')")" 3
same "the choice" "$(query retried.sqlite "SELECT trial FROM cells WHERE stage = 'full'")" $((1 - winner))
"${sweep[@]}" again.yaml --store retried.sqlite --out blocked --resume >lines
grep -q '3 were there$' lines || fail "the choice was taken anew: $(cat lines)"

# ---- all trials fail: the full runs say so
sed 's/name: search/name: hopeless/; s/batch: 20/batch: 5000/' search.yaml >hopeless.yaml
exits 1 "8 of 8 cells failed" "${sweep[@]}" hopeless.yaml --store hopeless.sqlite
same "messages of full runs" "$(query hopeless.sqlite "SELECT count(*) FROM cells JOIN runs r ON r.id = run_id
    WHERE stage = 'full' AND message LIKE 'all trials of its search failed, the first: batch 5000%'")" 4

# ---- halving
cat >halving.yaml <<YAML
name: halving
$base
points: [{method: float}]
search: {epochs: 1, halving: 2, axes: {lr: [1e-30, 0.01, 0.003, 0.02]}}
YAML
"${sweep[@]}" halving.yaml --store halving.sqlite >lines
same "epochs of the rungs" "$(query halving.sqlite "SELECT group_concat(epochs, ' ') FROM (SELECT r.epochs FROM cells
    JOIN runs r ON r.id = run_id ORDER BY position)")" "1 1 1 1 2 2 2"

# ---- a time limit, a signal: what runs is stopped, and goes on later from where it was
cat >long.yaml <<YAML
name: long
base: {data: "synth-digits:100", model: mlp, widths: 16, batch: 20, epochs: 100000}
points: [{method: float}, {method: bnn}, {method: dorefa}]
YAML
for limit in 1s 4s 16s; do # on a busy machine workers need seconds to begin
    "${sweep[@]}" long.yaml --store long.sqlite --resume --limit-time $limit >lines
    grep -q '^0 of 3 cells are done; --resume goes on$' lines || fail "time limit: $(cat lines)"
    half=$(query long.sqlite "SELECT count(*) FROM runs WHERE state = 'running' AND epochs > 0")
    [ "$half" -ne 2 ] || break
done
same "half-run cells" "$half" 2
epochs=$(query long.sqlite 'SELECT max(epochs) FROM runs')
seconds=$(query long.sqlite 'SELECT CAST(1000 * max(seconds) AS INTEGER) FROM runs')
[ "$seconds" -ge 500 ] || fail "a run of a second took $seconds ms"
touch mark
went_on() { [ "$(find runs/long -name metrics.csv -newer mark | wc -l)" -eq 2 ]; }
"${sweep[@]}" long.yaml --store long.sqlite --resume >lines 2>errors &
process=$!
wait_for $process went_on
refused 2 "a sweep (process $process) of long is writing this store" \
    "${sweep[@]}" long.yaml --store long.sqlite --resume --out elsewhere
"${sweep[@]}" again.yaml --store long.sqlite >lines # another experiment may
kill -TERM $process
status=0
wait $process || status=$?
same "exit status after a signal" $status 8
[ "$(query long.sqlite 'SELECT max(epochs) FROM runs')" -gt "$epochs" ] || fail "the runs did not go on"

# ---- a terminal that closes does not stop what nohup started
(trap '' HUP && exec "${sweep[@]}" long.yaml --store long.sqlite --resume --limit-time 2s >lines) &
process=$!
two_workers() { [ "$(wc -w 2>gone <"/proc/$process/task/$process/children")" = 2 ]; }
wait_for $process two_workers
kill -HUP $process $(cat "/proc/$process/task/$process/children")
wait $process || fail "SIGHUP stopped a sweep that ignores it: exit status $?"
grep -q '^0 of 3 cells are done; --resume goes on$' lines || fail "ignored SIGHUP: $(cat lines)"

# ---- a sweep that is killed takes its workers along; the next one need not wait for them
"${sweep[@]}" long.yaml --store long.sqlite --resume >printed 2>errors &
process=$!
wait_for $process two_workers
workers=$(cat /proc/$process/task/$process/children)
sleep 0.5
kill -9 $process
wait $process 2>errors || true
began=$(date +%s)
for worker in $workers; do
    while grep -q '^State:\s[^Z]' "/proc/$worker/status" 2>errors; do
        [ $(($(date +%s) - began)) -lt 20 ] || fail "a worker outlived its sweep"
        sleep 0.05
    done
done
epochs=$(query long.sqlite 'SELECT max(epochs) FROM runs')
seconds=$(query long.sqlite 'SELECT CAST(1000 * max(seconds) AS INTEGER) FROM runs')
limit=$((seconds / 2000 + 1)) # fewer than there are, so that the new ones alone are too few
for _ in 1 2 3; do
    "${sweep[@]}" long.yaml --store long.sqlite --resume --limit-time $limit >lines
    more_epochs=$(($(query long.sqlite 'SELECT max(epochs) FROM runs') - epochs))
    more=$(($(query long.sqlite 'SELECT CAST(1000 * max(seconds) AS INTEGER) FROM runs') - seconds))
    if [ $more_epochs -gt 0 ] && [ $more -ge 500 ]; then break; fi
done
[ $more_epochs -gt 0 ] || fail "the runs did not go on after the kill"
[ $more -ge 500 ] || fail "the seconds of a run that went on do not add up: $more ms more"

# ---- one cell alone, as a cluster's tasks run it
"${sweep[@]}" search.yaml --cell 5 --trial 2 --store part.sqlite --out part >lines
same "cells of a part" "$(query part.sqlite "SELECT group_concat(position || stage || trial || done) FROM cells")" \
    "4full11"
refused 2 "cell 5 needs one of the 2 trials" "${sweep[@]}" search.yaml --cell 5 --store part2.sqlite
refused 2 "cell 9: search has 8 cells" "${sweep[@]}" search.yaml --cell 9 --store part2.sqlite

# ---- options
refused 2 "wanted one experiment FILE" "${sweep[@]}"
refused 2 "--limit-time '2 hours': wanted a time such as 90s" "${sweep[@]}" search.yaml --limit-time "2 hours"
for time in 0 -1s 1x inf 1e3 s 2hh ''; do
    refused 2 "wanted a time such as" "${sweep[@]}" search.yaml --limit-time "$time"
done
refused 2 "--jobs -1: wanted a number from 0 to" "$LOWBIT" sweep search.yaml --jobs -1
refused 5 "missing.yaml: cannot open" "${sweep[@]}" missing.yaml
refused 2 "--slurm-option is for --slurm only" "${sweep[@]}" search.yaml --slurm-option x
refused 2 "--slurm-poll 5: wanted seconds from 0 to 86400, and --slurm" "${sweep[@]}" search.yaml --slurm-poll 5
refused 2 "--slurm-poll -1: wanted seconds from 0 to 86400" "${sweep[@]}" search.yaml --slurm --slurm-poll -1
refused 2 "--trial is for --cell only" "${sweep[@]}" search.yaml --trial 1
refused 2 "--cell and --dry-run do not go together" "${sweep[@]}" search.yaml --cell 5 --dry-run
exits 9 "there is no program 'squeue' here" env PATH=none "${sweep[@]}" search.yaml --slurm --store slurm.sqlite

# ---- on a terminal one line for the whole and one a worker update themselves
sed 's/name: search/name: terminal/; s/epochs: 2/epochs: 100/' search.yaml >terminal.yaml
python3 - "${sweep[@]}" terminal.yaml --store terminal.sqlite <<'PYTHON'
import re, sys

from terminal_output import terminal_output

text = terminal_output(sys.argv[1:])
# what the eye is left with: a line that goes up clears the one above
screen = []
for line in text.split("\n"):
    while line.startswith("\x1b[A\r\x1b[K"):
        screen.pop()
        line = line[len("\x1b[A\r\x1b[K"):]
    screen.append(line)
assert len([s for s in screen if re.match(r"\d/8  method=", s)]) == 8, screen
assert not any("so far" in s or "epoch" in s for s in screen), screen
assert re.search(r"\n  2  epoch \d+/100  [\d.]+ %  left \d+:\d+  method=", text), text
assert re.search(r"\d/8 cells  \d dnc  0 failed  0 reused  0:\d\d so far, left ", text), text
PYTHON
