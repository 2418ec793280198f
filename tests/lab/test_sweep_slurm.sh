# `lowbit sweep --slurm` with a scheduler made of shell scripts, which runs the tasks of an array one after the other, each
# for some seconds at most. `make cluster-check` runs a real one.
# ctest: timeout 600
set -euo pipefail
export OMP_WAIT_POLICY=passive

source "$LOWBIT_SOURCE/tests/support/lab.sh"

mkdir bin
cat >bin/sbatch <<'SCRIPT'
#!/bin/bash
for argument; do
    case $argument in
    --array=1-*) last=${argument#--array=1-} last=${last%%\%*} ;;
    --partition=*) echo "$argument" >partition ;;
    esac
done
for ((task = 1; task <= last; task++)); do
    SLURM_ARRAY_TASK_ID=$task timeout "$TASK_SECONDS" bash "$argument" >>tasks 2>&1
done
echo "$last" >>arrays
echo 1
SCRIPT
printf '#!/bin/bash\n' >bin/squeue
printf '#!/bin/bash\n' >bin/scancel
chmod +x bin/*
export PATH=$PWD/bin:$PATH TASK_SECONDS=300
sweep=("$LOWBIT" sweep --slurm --slurm-poll 0.1)
base='base: {data: "synth-digits:100", model: mlp, widths: 16, batch: 20, epochs: 2}'

# ---- a search: its trials are the first array, what they decide the second
cat >search.yaml <<YAML
name: search
$base
axes: {method: [float, bnn]}
search: {epochs: 1, base: {val-split: 20}, axes: {lr: [1e-30, 0.01]}}
YAML
"${sweep[@]}" search.yaml --jobs 2 --slurm-option partition=long >lines
same "arrays" "$(tr '\n' ' ' <arrays)" "4 2 "
same "an option of sbatch" "$(cat partition)" "--partition=long"
same "done cells" "$(query results.sqlite 'SELECT count(*) FROM cells WHERE done AND run_id > 0')" 6
same "stores of tasks that are left" "$(find runs/search/slurm/parts -name '*.sqlite' | wc -l)" 0
grep -q '^6 of 6 cells done in .* 0 failed; 0 were there$' lines || fail "no summary: $(cat lines)"
rm arrays

# ---- a cell that failed is run again where that is wanted; what a time limit cuts off then is half-run, not failed
cat >long.yaml <<YAML
name: long
base: {data: "synth-digits:100", model: mlp, widths: 16, batch: 20, epochs: 1000000}
points: [{method: float}]
YAML
hash=$("$LOWBIT" sweep long.yaml --dry-run --json | sed -n 's/.*"hash": "\([0-9a-f]*\)".*/\1/p')
mkdir blocked && touch "blocked/$hash"
exits 1 "1 of 1 cells failed" "${sweep[@]}" long.yaml --out blocked
grep -q "^failed: method=float seed=1: .*: not a folder" printed || fail "the failure is not told: $(cat printed)"
same "arrays of a failure" "$(tr '\n' ' ' <arrays)" "1 "
rm arrays "blocked/$hash"
export TASK_SECONDS=2
exits 1 "1 of 1 cells failed" "${sweep[@]}" long.yaml --out blocked --retry-failed
same "arrays of a cell that is always cut off" "$(tr '\n' ' ' <arrays)" "1 1 1 1 1 "
grep -q "its tasks, the last of them 1_1, left no result" printed || fail "the reason is not told: $(cat printed)"

# ---- what a half-run cell left is of no use, and no hindrance, once the file was changed and its cells forgotten
sed 's/long/changed/; s/widths: 16/widths: 8/' long.yaml >changed.yaml
"${sweep[@]}" changed.yaml --limit-time 1 >lines
same "stores of half-run cells" "$(find runs/changed/slurm/parts -name '*.sqlite' | wc -l)" 1
sed -i 's/epochs: 1000000/epochs: 1/' changed.yaml
"$LOWBIT" results forget changed >lines
export TASK_SECONDS=300
"${sweep[@]}" changed.yaml >lines
grep -q '^1 of 1 cells done in .* 0 failed; 0 were there$' lines || fail "the changed experiment: $(cat lines)"
