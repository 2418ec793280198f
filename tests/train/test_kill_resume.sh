# A run killed with SIGKILL at 20 random instants and resumed each time leaves the same bytes as
# one that was never disturbed. Stochastic weights and gradients, learned activations, augmentation and
# worker threads take part.
set -euo pipefail
kills=20
export OMP_WAIT_POLICY=passive # other tests run beside this one: threads that wait must not spin

train=("$LOWBIT" train --data synth-digits:400 --model lenet5 --width-multiplier 0.25
    --method bc-stochastic --activations lsq --abits 2 --gbits 4 --batch 20 --augment rotate=10,crop=2 --workers 1 --threads 2)

milliseconds() { date +%s%3N; }

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

# A machine that is sometimes busy may be done before the twentieth kill: then another run is
# killed.
killed=0
runs=1
while [ $killed -lt $kills ]; do
    "${train[@]}" --out killed --resume --checkpoint-seconds 0.05 >log 2>&1 &
    process=$!
    delay=$((RANDOM % (whole / 16 + 20)))
    sleep "$(printf '0.%03d' $((delay > 999 ? 999 : delay)))"
    kill -9 $process 2>errors || true # it may be done
    status=0
    wait $process 2>errors || status=$?
    if [ $status -eq 137 ]; then
        killed=$((killed + 1))
    elif [ $status -eq 0 ]; then
        compare
        rm -r killed
        runs=$((runs + 1))
    else
        echo "exit status $status after $killed kills: $(cat log)"
        exit 1
    fi
done
echo "killed $killed times in $runs runs"
"${train[@]}" --out killed --resume >log
compare
