# A run killed with SIGKILL at 20 random instants and resumed each time leaves the same bytes as
# one that was never disturbed. Stochastic weights and gradients, learned activations, augmentation and
# worker threads take part.
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
kills=20
export OMP_WAIT_POLICY=passive # other tests run beside this one: threads that wait must not spin

train=("$LOWBIT" train --data synth-digits:400 --model lenet5 --width-multiplier 0.25
    --method bc-stochastic --activations lsq --abits 2 --gbits 4 --batch 20 --augment rotate=10,crop=2 --workers 1 --threads 2)

compare()
{
    local files=(best.safetensors config.json last.safetensors metrics.csv)
    for file in "${files[@]}"; do cmp "whole/$file" "killed/$file"; done
    diff <(printf '%s\n' "${files[@]}") <(ls killed | grep -v '\.tmp$')
}

# As many epochs as take about three seconds here.
began=$(milliseconds)
"${train[@]}" --epochs 1 --out probe >log
once=$(($(milliseconds) - began))
epochs=$((3000 / (once > 30 ? once : 30)))
epochs=$((epochs < 2 ? 2 : epochs))
train+=(--epochs $epochs)

began=$(milliseconds)
"${train[@]}" --out whole >log
whole=$(($(milliseconds) - began))
echo "$epochs epochs in $whole ms"

# A machine that is sometimes busy may be done before the twentieth kill: then another run is killed. The kills come as
# late as a run of one epoch takes and later, so that many runs go on from a checkpoint.
killed=0
resumed=0
runs=1
while [ $killed -lt $kills ]; do
    if [ -e killed/last.safetensors ]; then resumed=$((resumed + 1)); fi
    "${train[@]}" --out killed --resume --checkpoint-seconds 0.05 >log 2>&1 &
    process=$!
    sleep_milliseconds $((RANDOM % (once + whole / 16 + 20)))
    kill -9 $process 2>errors || true # it may be done
    status=0
    wait $process 2>errors || status=$?
    case $status in
    137) killed=$((killed + 1)) ;;
    0)
        compare
        rm -r killed
        runs=$((runs + 1))
        ;;
    *) fail "exit status $status after $killed kills: $(cat log)" ;;
    esac
done
[ $resumed -ge 5 ] || fail "only $resumed times gone on from a checkpoint in $killed kills"
echo "killed $killed times in $runs runs, $resumed times gone on from a checkpoint"
"${train[@]}" --out killed --resume >log
compare
