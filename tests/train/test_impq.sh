# lowbit impq: killed at random instants and resumed it leaves the same bytes; networks of mixed widths pack and verify;
# what makes no sense is refused with one line, and nothing is left.
set -euo pipefail
export OMP_WAIT_POLICY=passive # other tests run beside this one: threads that wait must not spin

milliseconds() { date +%s%3N; }

# refused PATTERN ARGUMENTS...: exit status other than 0, one line that has the pattern.
refused()
{
    local pattern=$1
    shift
    if "$LOWBIT" impq "$@" >printed 2>said; then
        echo "accepted: $*"
        exit 1
    fi
    [ ! -s printed ] || { cat printed; exit 1; }
    [ "$(wc -l <said)" -eq 1 ] || { cat said; exit 1; }
    grep -q -- "$pattern" said || { echo "wanted '$pattern': $(cat said)"; exit 1; }
}

tiny=(--data synth-digits:240 --batch 40 --threads 1)
"$LOWBIT" train "${tiny[@]}" --model lenet5 --width-multiplier 0.2 --method uniform --wbits 3 --abits 4 --epochs 6 \
    --lr 0.005 --out start >log

# ---- figures ----

plan=(--groups 60@1,30@2 --iterations 3 --act-groups 2@1,1@2 --act-iterations 2 --epochs 1 --threads 2 --fraction 0.3)
began=$(milliseconds)
"$LOWBIT" impq start "${plan[@]}" --out whole >log
whole=$(($(milliseconds) - began))
cut -d, -f1-3 whole/impq.csv >figures
diff figures - <<end
iteration,phase,groups
0,start,0
1,weights,60
2,weights,30
3,weights,30
4,activations,2
5,activations,1
end
python3 - <<'end'
import csv, json
rows = list(csv.DictReader(open("whole/impq.csv")))
bits = [float(r["weight_bits"]) for r in rows]
assert bits[0] == 3 and all(a > b for a, b in zip(bits[:4], bits[1:4])) and bits[3] == bits[4] == bits[5], bits
acts = [float(r["act_bits"]) for r in rows]
assert acts[0] == acts[3] > acts[4] > acts[5], acts
assert all(abs(float(r["compression"]) - 16 / float(r["weight_bits"])) < 1e-3 for r in rows)
# widths of the runs, counted by hand from their settings, are the figures
sizes = {"conv1": 25, "conv2": 100, "fc1": 160, "fc2": 100, "fc3": 50}
kept = json.load(open("whole/impq.json"))["iterations"]
before = None
for k in range(1, 6):
    text = json.load(open(f"whole/iteration-{k}/config.json"))["settings"]["mixed-bits"]
    widths = dict(pair.split("=") for pair in text.split(","))
    count = {"conv1": 4, "conv2": 10, "fc1": 100, "fc2": 50, "fc3": 10}
    all_bits = {n: [int(d) for d in (widths[n] if len(widths[n]) > 1 else widths[n] * c)] for n, c in count.items()}
    total = sum(sizes[n] * sum(b) for n, b in all_bits.items())
    assert abs(total / sum(sizes[n] * c for n, c in count.items()) - bits[k]) < 1e-6, (k, text)
    assert all(abs(kept[k]["bits"][n] - sum(b) / len(b)) < 1e-6 for n, b in all_bits.items())
    if before and k <= 3:
        fell = [a - b for n in count for a, b in zip(before[n], all_bits[n])]
        assert set(fell) <= {0, 1} and sum(fell) == 30, sum(fell)
    before = all_bits
end

"$LOWBIT" impq start --groups 9@1 --iterations 1 --epochs 1 --threads 1 --out 'a "b"' --json >lines
python3 - lines <<'end'
import json, sys

last = [json.loads(line) for line in open(sys.argv[1])][-1]
assert last["event"] == "result" and last["run"] == 'a "b"/iteration-1', last
end

# ---- kills ----

kills=0
for ((i = 0; i < 60; i++)); do
    "$LOWBIT" impq start "${plan[@]}" --out killed --resume >log 2>&1 &
    process=$!
    sleep "$(printf '%d.%03d' $((whole / 8000)) $((RANDOM % (whole / 5 + 30) % 1000)))"
    kill -9 $process 2>errors || true
    status=0
    wait $process 2>errors || status=$?
    [ $status -eq 137 ] || break
    kills=$((kills + 1))
    if [ $kills -ge 12 ]; then break; fi
done
echo "killed $kills times"
"$LOWBIT" impq start "${plan[@]}" --out killed --resume >log
rm -f killed/*.tmp killed/*/*.tmp
diff -r whole killed

# Ctrl-C between and within iterations is a clean end too
rm -r killed
"$LOWBIT" impq start "${plan[@]}" --out killed >log 2>&1 &
process=$!
sleep "$(printf '0.%03d' $((whole / 4 % 1000)))"
kill -INT $process 2>errors || true
wait $process || true
"$LOWBIT" impq start "${plan[@]}" --out killed --resume >log
diff -r whole killed

# cut off after and before the first checkpoint of an iteration that has a teacher: the same bytes
"$LOWBIT" train "${tiny[@]}" --model lenet5 --width-multiplier 0.2 --epochs 1 --out teacher >log
taught=(--granularity network --groups 1@1 --iterations 1 --epochs 2 --threads 1 --fraction 0.1 --set teacher=teacher)
"$LOWBIT" impq start "${taught[@]}" --out taught >log
for lost in none "*.safetensors"; do
    rm -rf cut
    cp -r taught cut
    rm -f cut/iteration-1/$lost
    python3 -c 'import json
state = json.load(open("cut/impq.json"))
state["iterations"].pop()
json.dump(state, open("cut/impq.json", "w"))'
    "$LOWBIT" impq start "${taught[@]}" --out cut --resume >log
    diff -r taught cut
done
refused "was made with teacher .* not nothing" start "${taught[@]:0:12}" --iterations 2 --out taught --resume
refused "was made with teacher .* not " start "${taught[@]:0:12}" --set teacher=start --out taught --resume

# ---- rules ----

"$LOWBIT" impq start --granularity layer --groups 3@1 --iterations 9 --stop "weight_bits <= 2.5" --epochs 1 --threads 1 \
    --fraction 0.1 --out goal >log
[ "$(tail -1 goal/impq.csv | cut -d, -f10)" = yes ]
awk -F, 'NR > 2 && last <= 2.5 { exit 1 } { last = $6 } END { exit !(last <= 2.5) }' goal/impq.csv
# the accuracy that cannot be kept ends it at the start
status=0
"$LOWBIT" impq start --groups 174@1 --iterations 9 --stop "top1 >= $(sed -n 2p goal/impq.csv | cut -d, -f4)" --epochs 1 \
    --set lr=0 --threads 1 --fraction 0.1 --out keep >log || status=$?
[ $status -eq 0 ] || { cat log; exit 1; }
[ "$(grep -c ',no$' keep/impq.csv)" -le 1 ]
# a rule that is loosened keeps the last iteration, and its phase goes on
tight=(--granularity network --groups 1@1 --epochs 1 --set lr=0.1 --threads 1 --fraction 0.1 --out tight)
top1=$(sed -n 2p whole/impq.csv | cut -d, -f4)
"$LOWBIT" impq start "${tight[@]}" --iterations 2 --stop "top1 >= $top1" >log
[ "$(cut -d, -f1,10 tight/impq.csv | tail -1)" = 1,no ]
"$LOWBIT" impq start "${tight[@]}" --iterations 2 --resume >log
[ "$(cut -d, -f1,10 tight/impq.csv | tail -2 | xargs)" = "1,yes 2,yes" ]
# all groups at one bit: nothing is left to lose, which is no failure
"$LOWBIT" impq start --granularity network --groups 1@1 --iterations 9 --epochs 1 --threads 1 --fraction 0.1 --out low >log
[ "$(tail -1 low/impq.csv | cut -d, -f1,6)" = 2,1.000000 ]
# not there yet: a line, a status, and more iterations go on from there
least=$(($(tail -1 low/impq.csv | cut -d, -f8) + 1))
near=(--granularity network --groups 1@1 --stop "bit_operations <= $least" --epochs 1 --threads 1 --fraction 0.1 --out near)
if "$LOWBIT" impq start "${near[@]}" --iterations 1 >log 2>said; then exit 1; fi
grep -q "bit_operations is .* wanted <= .*; --resume with more iterations goes on" said
"$LOWBIT" impq start "${near[@]}" --iterations 2 --resume >log
[ "$(wc -l <near/impq.csv)" -eq 4 ]

# ---- packed ----

for k in 1 3 5; do
    "$LOWBIT" verify whole/iteration-$k >log
    grep -q "mismatches 0$" log || { cat log; exit 1; }
done
for model in resnet20 squeezenet; do
    "$LOWBIT" train --data synth-color:60 --model $model --width-multiplier 0.125 --method uniform --wbits 4 --abits 5 \
        --epochs 1 --batch 20 --threads 2 --out $model >log
    "$LOWBIT" impq $model --groups 25@1 --iterations 2 --act-groups 6@1 --act-iterations 2 --epochs 1 --threads 2 \
        --out $model-impq >log
    for k in 2 4; do
        "$LOWBIT" verify $model-impq/iteration-$k >log
        grep -q "mismatches 0$" log || { cat log; exit 1; }
    done
    "$LOWBIT" pack $model-impq/iteration-4 -o $model.lbm >log
    "$LOWBIT" inspect $model.lbm --json >costs
    python3 - $model <<'end'
import csv, json, sys
wanted = float(list(csv.DictReader(open(sys.argv[1] + "-impq/impq.csv")))[-1]["weight_bits"])
got = next(l for l in map(json.loads, open("costs")) if "memory_bytes" in l)["weight_bits"]
assert abs(got - wanted) < 1e-5, (got, wanted)
end
done

# ---- refusals ----

"$LOWBIT" train "${tiny[@]}" --model lenet5 --width-multiplier 0.2 --method bc --epochs 1 --out binary >log
"$LOWBIT" train "${tiny[@]}" --model lenet5 --width-multiplier 0.2 --epochs 1 --out float >log
"$LOWBIT" train "${tiny[@]}" --model lenet5 --width-multiplier 0.2 --method dorefa --wbits 3 --abits 3 --epochs 1 \
    --out shared >log
"$LOWBIT" train "${tiny[@]}" --model lenet5 --width-multiplier 0.2 --method rpr --abits 3 --epochs 1 --out frozen >log
some=(--groups 9@1 --iterations 2 --out none)
refused "wanted one RUN" "${some[@]}"
refused "no such run" nothing "${some[@]}"
refused "binary: its weights have no bit to lose" binary "${some[@]}"
refused "float: its weights have no bit to lose" float "${some[@]}"
refused "share a scale: take granularity layer" shared "${some[@]}"
refused "its activations have no bit to lose" binary --act-groups 1@1 --act-iterations 1 --out none
refused "no iterations" start --out none
refused "without control characters" start --groups 9@1 --iterations 1 --out $'no\nne'
refused "groups: wanted with iterations" start --iterations 2 --out none
for list in "" 9 9@2 0@1 9@1, 9@1,8@1 9@1,8@3,7@2 -3@1 9@x 9@1x; do
    refused "wanted GROUPS@ITERATION" start --groups "$list" --iterations 2 --out none
done
for rule in top1 "top1 <= 3" "weight_bits >= 3" "bits <= 2" "weight_bits <= x" "weight_bits <= 2 now"; do
    refused "wanted 'top1 >= X'" start "${some[@]}" --stop "$rule"
done
refused "weight_bits <= 0.5 cannot be met" start "${some[@]}" --stop "weight_bits <= 0.5"
refused "weight_bits <= 2 cannot be met: 2 iterations" start "${some[@]}" --stop "weight_bits <= 2"
# float weights and the network's input count too, and keep their bits
refused "weight_bits <= 1.5 cannot be met" shared --granularity layer --groups 9@1 --iterations 20 --stop \
    "weight_bits <= 1.5" --out none
refused "act_bits <= 3 cannot be met: without any bit to lose it is" start --act-groups 9@1 --act-iterations 20 --stop \
    "act_bits <= 3" --out none
refused "bit_operations <= 1 cannot be met" start "${some[@]}" --stop "bit_operations <= 1"
refused "breaks the rule of top1 already" start "${some[@]}" --stop "top1 >= 100.5"
refused "granularity 'filter': wanted kernel, layer or network" start "${some[@]}" --granularity filter
refused "score 'x': wanted paper or code" start "${some[@]}" --score x
refused "fraction 2" start "${some[@]}" --fraction 2
refused "fraction 0: wanted more than 0" start "${some[@]}" --fraction 0
refused "runners-up 65: wanted at most 64" start "${some[@]}" --runners-up 65
refused "its training has stages" frozen --act-groups 1@1 --act-iterations 1 --out none
refused "set wbits: iterations keep the run's own" start "${some[@]}" --set wbits=2
refused "did you mean 'momentum'" start "${some[@]}" --set momentun=0.5
refused "wanted KEY=VALUE" start "${some[@]}" --set momentum
[ ! -e none ]
refused "whole: exists; --resume goes on with it" start --groups 9@1 --iterations 2 --out whole
refused 'made with groups "60@1,30@2", not "9@1"' start --groups 9@1 --iterations 2 --out whole --resume
refused 'made with start' goal/iteration-1 "${plan[@]}" --out whole --resume
echo '{"format": "lowbit impq 1", "options": 3' >whole/impq.json
refused "whole/impq.json: not valid JSON: line" start "${plan[@]}" --out whole --resume
