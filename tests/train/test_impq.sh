# lowbit impq: killed at random instants and resumed it leaves the same bytes; networks of mixed widths pack and verify;
# what makes no sense is refused with one line, and nothing is left.
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
export OMP_WAIT_POLICY=passive # other tests run beside this one: threads that wait must not spin

impq() { "$LOWBIT" impq "$@"; }

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
while [ $kills -lt 12 ]; do
    "$LOWBIT" impq start "${plan[@]}" --out killed --resume >log 2>&1 &
    process=$!
    sleep_milliseconds $((RANDOM % (whole / 5 + 30)))
    kill -9 $process 2>errors || true # it may be done
    status=0
    wait $process 2>errors || status=$?
    case $status in
    137) kills=$((kills + 1)) ;;
    0) break ;;
    *) fail "exit status $status after $kills kills: $(cat log)" ;;
    esac
done
[ $kills -ge 1 ] || fail "done before the first kill"
echo "killed $kills times"
"$LOWBIT" impq start "${plan[@]}" --out killed --resume >log
rm -f killed/*.tmp killed/*/*.tmp
diff -r whole killed

# Ctrl-C between and within iterations is a clean end too
rm -r killed
"$LOWBIT" impq start "${plan[@]}" --out killed >log 2>&1 &
process=$!
sleep_milliseconds $((whole / 4))
kill -INT $process 2>errors || true
status=0
wait $process || status=$?
[ $status -eq 8 ] || [ $status -eq 0 ] || fail "SIGINT: exit status $status, wanted 8: $(cat log)"
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
refused 2 "was made with teacher " impq start "${taught[@]:0:12}" --iterations 2 --out taught --resume
grep -q " not nothing; going on, only iterations and stops may change$" errors || fail "no teacher: $(cat errors)"
refused 2 "was made with another teacher than" impq start "${taught[@]:0:12}" --set teacher=start --out taught --resume

# cut off in an iteration that is not wanted any more: the next phase does not take it for its own
cp -r whole fewer
rm -r fewer/iteration-[345]
python3 -c 'import json
state = json.load(open("fewer/impq.json"))
del state["iterations"][2:]
json.dump(state, open("fewer/impq.json", "w"))'
fewer=("${plan[@]}")
fewer[3]=1 # iterations of weights
"$LOWBIT" impq start "${fewer[@]}" --out fewer --resume >log
"$LOWBIT" impq start "${fewer[@]}" --out afresh >log
diff -r fewer afresh

# ---- rules ----

"$LOWBIT" impq start --granularity layer --groups 3@1 --iterations 9 --stop "weight_bits <= 2.5" --epochs 1 --threads 1 \
    --fraction 0.1 --out goal >log
[ "$(tail -1 goal/impq.csv | cut -d, -f10)" = yes ]
awk -F, 'NR > 2 && last <= 2.5 { late = 1 } { last = $6 } END { exit late || !(last <= 2.5) }' goal/impq.csv ||
    fail "not stopped at the first figure that is low enough: $(cat goal/impq.csv)"
# the accuracy that cannot be kept ends it at the start
least=$(sed -n 2p goal/impq.csv | cut -d, -f4)
"$LOWBIT" impq start --groups 174@1 --iterations 9 --stop "top1 >= $least" --epochs 1 --set lr=0 --threads 1 \
    --fraction 0.1 --out keep >log
[ "$(grep -c ',no$' keep/impq.csv)" -le 1 ]
awk -F, -v least="$least" 'NR > 1 && $10 == "yes" && $4 < least { low = 1 } END { exit low }' keep/impq.csv ||
    fail "kept below $least: $(cat keep/impq.csv)"
# a rule that is loosened keeps the last iteration, and its phase goes on
tight=(--granularity network --groups 1@1 --epochs 1 --set lr=0.1 --threads 1 --fraction 0.1 --out tight)
top1=$(sed -n 2p whole/impq.csv | cut -d, -f4)
"$LOWBIT" impq start "${tight[@]}" --iterations 2 --stop "top1 >= $top1" >log
[ "$(cut -d, -f1,10 tight/impq.csv | tail -1)" = 1,no ]
"$LOWBIT" impq start "${tight[@]}" --iterations 1 --resume >log
[ "$(cut -d, -f1,10 tight/impq.csv | tail -1)" = 1,yes ]
"$LOWBIT" impq start "${tight[@]}" --iterations 2 --resume >log
[ "$(cut -d, -f1,10 tight/impq.csv | tail -2 | xargs)" = "1,yes 2,yes" ]
# all groups at one bit: nothing is left to lose, which is no failure
"$LOWBIT" impq start --granularity network --groups 1@1 --iterations 9 --epochs 1 --threads 1 --fraction 0.1 --out low >log
[ "$(tail -1 low/impq.csv | cut -d, -f1,6)" = 2,1.000000 ]
# not there yet: a line, a status, and more iterations go on from there
least=$(($(tail -1 low/impq.csv | cut -d, -f8) + 1))
near=(--granularity network --groups 1@1 --stop "bit_operations <= $least" --epochs 1 --threads 1 --fraction 0.1 --out near)
exits 2 "; --resume with more iterations goes on" impq start "${near[@]}" --iterations 1
grep -q "after 1 iterations bit_operations is .* wanted <= " errors || fail "not there yet: $(cat errors)"
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
refused 2 "wanted one RUN" impq "${some[@]}"
refused 5 "no such run" impq nothing "${some[@]}"
refused 2 "binary: its weights have no bit to lose" impq binary "${some[@]}"
refused 2 "float: its weights have no bit to lose" impq float "${some[@]}"
refused 2 "share a scale: take granularity layer" impq shared "${some[@]}"
refused 2 "its activations have no bit to lose" impq binary --act-groups 1@1 --act-iterations 1 --out none
refused 2 "no iterations" impq start --out none
refused 2 "without control characters" impq start --groups 9@1 --iterations 1 --out $'no\nne'
refused 2 "groups: wanted with iterations" impq start --iterations 2 --out none
for list in "" 9 9@2 0@1 9@1, 9@1,8@1 9@1,8@3,7@2 -3@1 9@x 9@1x; do
    refused 2 "wanted GROUPS@ITERATION" impq start --groups "$list" --iterations 2 --out none
done
for rule in top1 "top1 <= 3" "weight_bits >= 3" "bits <= 2" "weight_bits <= x" "weight_bits <= 2 now"; do
    refused 2 "wanted 'top1 >= X'" impq start "${some[@]}" --stop "$rule"
done
refused 2 "weight_bits <= 0.5 cannot be met" impq start "${some[@]}" --stop "weight_bits <= 0.5"
refused 2 "weight_bits <= 2 cannot be met: 2 iterations" impq start "${some[@]}" --stop "weight_bits <= 2"
# float weights and the network's input count too, and keep their bits
refused 2 "weight_bits <= 1.5 cannot be met" impq shared --granularity layer --groups 9@1 --iterations 20 --stop \
    "weight_bits <= 1.5" --out none
refused 2 "act_bits <= 3 cannot be met: without any bit to lose it is" impq start --act-groups 9@1 \
    --act-iterations 20 --stop "act_bits <= 3" --out none
refused 2 "bit_operations <= 1 cannot be met" impq start "${some[@]}" --stop "bit_operations <= 1"
refused 2 "breaks the rule of top1 already" impq start "${some[@]}" --stop "top1 >= 100.5"
refused 2 "granularity 'filter': wanted kernel, layer or network" impq start "${some[@]}" --granularity filter
refused 2 "score 'x': wanted paper or code" impq start "${some[@]}" --score x
refused 2 "fraction 2: wanted more than 0, at most 1" impq start "${some[@]}" --fraction 2
refused 2 "fraction 0: wanted more than 0" impq start "${some[@]}" --fraction 0
refused 2 "runners-up 65: wanted at most 64" impq start "${some[@]}" --runners-up 65
refused 2 "--runners-up 0: wanted a number from 1" impq start "${some[@]}" --runners-up 0
refused 2 "data synth-digits:250: start was trained on synth-digits:240" impq start "${some[@]}" --data synth-digits:250
refused 2 "act-groups '2@1' have no part without act-iterations" impq start "${some[@]}" --act-groups 2@1
refused 2 "groups '9@1' have no part without iterations" impq start --groups 9@1 --act-groups 2@1 --act-iterations 1 \
    --out none
refused 2 "warmup of 3 epochs, but the run has 2" impq start "${some[@]}" --epochs 2 --set warmup=3
# one-cycle has a warm-up of its own and gets no other
refused 2 "weight_bits <= 0.5 cannot be met" impq start "${some[@]}" --epochs 20 --set schedule=one-cycle --stop \
    "weight_bits <= 0.5"
refused 2 "milestones has no part in schedule 'cosine'" impq start "${some[@]}" --set milestones=3
refused 2 "its training has stages" impq frozen --act-groups 1@1 --act-iterations 1 --out none
refused 2 "set wbits: iterations keep the run's own" impq start "${some[@]}" --set wbits=2
refused 2 "did you mean 'momentum'" impq start "${some[@]}" --set momentun=0.5
refused 2 "wanted KEY=VALUE" impq start "${some[@]}" --set momentum
[ ! -e none ]
refused 2 "whole: exists; --resume goes on with it" impq start --groups 9@1 --iterations 2 --out whole
refused 2 'made with groups "60@1,30@2", not "9@1"' impq start --groups 9@1 --iterations 2 --out whole --resume
refused 2 "start: the folder of a run" impq start --groups 9@1 --iterations 2 --out start --resume
refused 2 'made with another start' impq goal/iteration-1 "${plan[@]}" --out whole --resume
echo '{"format": "lowbit impq 1", "options": 3' >whole/impq.json
refused 4 "whole/impq.json: not valid JSON: line" impq start "${plan[@]}" --out whole --resume
