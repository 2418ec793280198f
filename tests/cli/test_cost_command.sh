# lowbit cost: the paper's figures, a packed ternary network, and bad arguments, refused in one line.
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
export OMP_WAIT_POLICY=passive

cost() { "$LOWBIT" cost "$@"; }

# ---- curves: 46.41 TOPs binary, 1.38 float; 10 % of (5 + 112 / 4) LUTs is 3.3 of 464,100
"$LOWBIT" cost sparse --zeros 90 --reuse 4 --csv >curves.csv
printf 'reuse,zeros_percent,effective_tops,binary_tops\n4,90,70.3182,46.41\n' | cmp - curves.csv || fail "$(cat curves.csv)"
"$LOWBIT" cost sparse --acts float --zeros 92.8 --reuse 1,16 --json >curves.json
grep -q '"reuse":16,"zeros_percent":92.8,"effective_tops":[0-9.]*,"binary_tops":1.38}' curves.json ||
    fail "$(cat curves.json)"
"$LOWBIT" cost sparse >table.txt
[ "$(wc -l <table.txt)" -eq 14 ] || fail "wanted 11 lines of figures, 2 before, 1 behind"
"$LOWBIT" cost sparse --luts 1000 --lut-percent 100 --clock 100 --mac-luts 10 --decoder-luts 20 --zeros 50 \
    --reuse 2 --csv >curves.csv
grep -qx '2,50,0.02,0.02' curves.csv || fail "options of the FPGA do not count: $(cat curves.csv)"

# the script has a curve for each share, and one of binary weights
"$LOWBIT" cost sparse --zeros 90,95,97.6 --gnuplot >script
[ "$(grep -c ' title ' script)" -eq 4 ] || fail "other curves: $(cat script)"
if command -v gnuplot >/dev/null; then
    gnuplot script >curves.svg
    grep -q '97.6 % zeros' curves.svg || fail "no legend in the picture"
    grep -q '</svg>' curves.svg || fail "no picture"
else
    part_skipped "curves: gnuplot" gnuplot-nox
fi

# ---- a packed network
"$LOWBIT" train --data synth-digits:100 --model lenet5 --width-multiplier 0.125 --batch 20 --threads 1 \
    --method ternary --wbits 2 --epochs 1 --out run >/dev/null
"$LOWBIT" pack run -o net.lbm >/dev/null
"$LOWBIT" cost sparse net.lbm --batch 4 >table.txt
grep -q '^fc1 .* 4  *[0-9.]* ' table.txt || fail "no fc1 with reuse 4: $(cat table.txt)"
grep -q '^images/s at most ' table.txt || fail "no images/s: $(cat table.txt)"
"$LOWBIT" cost sparse net.lbm --json >layers.json
[[ $(tail -1 layers.json) == *'"binary_images_per_s":'* ]] || fail "no totals in JSON: $(cat layers.json)"
"$LOWBIT" cost sparse net.lbm --csv >layers.csv
[ "$(head -1 layers.csv)" = layer,act_bits,weights,nonzero,macs,reuse,effective_tops,binary_tops ] ||
    fail "other columns: $(cat layers.csv)"

# ---- refused
refused 2 "which cost? there is sparse" cost
refused 2 "unknown cost 'dense'" cost dense
refused 2 "run is a run, not a packed network; \`lowbit pack run -o net.lbm\` makes one of it" cost sparse run
refused 2 "--zeros '100': wanted at most 32 numbers, 0 to 99.999" cost sparse --zeros 100
refused 2 "--reuse '0': wanted at most 32 numbers, 1 to 1e+09" cost sparse --reuse 0
refused 2 "--reuse '1,x': wanted at most 32 numbers" cost sparse --reuse 1,x
refused 2 "--acts '9': wanted binary, float, or 2 to 8" cost sparse --acts 9
refused 2 "--batch 0: wanted 1 to 1048576" cost sparse net.lbm --batch 0
refused 2 "LUTs 0: wanted a number above 0" cost sparse --luts 0
refused 2 "percent of the DSPs 101" cost sparse net.lbm --dsp-percent 101
refused 2 "not both" cost sparse --json --csv
refused 2 "--gnuplot draws the curves" cost sparse net.lbm --gnuplot
refused 2 "--zeros is of the curves: no FILE" cost sparse net.lbm --zeros 90
refused 2 "--acts is of the curves: no FILE" cost sparse net.lbm --acts float
refused 2 "--batch is of a FILE's network" cost sparse --batch 4
refused 2 "options of a model are of syq" cost sparse --model lenet5
refused 2 "options of a model are of syq" cost sparse net.lbm --classes 5
refused 2 "--clock is of sparse, not of syq" cost syq --model lenet5 --clock 100
refused 2 "--batch is of sparse, not of syq" cost syq --model lenet5 --batch 4
refused 2 "got also 'b'" cost sparse a b
head -c 300 net.lbm >cut.lbm
refused 4 "cut.lbm: header length" cost sparse cut.lbm
"$LOWBIT" train --data synth-digits:100 --model lenet5 --width-multiplier 0.125 --batch 20 --threads 1 \
    --method dorefa --wbits 4 --abits 4 --epochs 1 --out other >/dev/null
"$LOWBIT" pack other -o other.lbm >/dev/null
refused 9 "other.lbm: no layer has binary or ternary weights" cost sparse other.lbm
