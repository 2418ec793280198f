# `lowbit demo` on little data: a table of five networks, their runs, and the same figures as
# `lowbit eval`.
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"
export OMP_WAIT_POLICY=passive # other tests run beside this one

"$LOWBIT" demo --data synth-digits:300 --epochs 1 --out first/demo >printed
"$LOWBIT" demo --data synth-digits:300 --epochs 1 --out first/demo >again # replaces the first

python3 - <<'PYTHON'
lines = open("printed").read().split("\n\n")[-2].splitlines()
assert lines[0].split() == ["method", "weights", "activations", "accuracy", "size", "smaller", "seconds"], lines[0]
rows = [line.split() for line in lines[1:]]
assert [row[0] for row in rows] == ["float", "dorefa", "twn", "dorefa", "xnor"], rows
smaller = [float(line.split("KiB")[1].split("x")[0]) for line in lines[1:]]
assert smaller[0] == 1.0 and all(factor > 10 for factor in smaller[1:]), smaller
accuracy = [line.split("%")[0].split()[-1] for line in lines[1:]]
again = [line.split("%")[0].split()[-1] for line in open("again").read().split("\n\n")[-2].splitlines()[1:]]
assert accuracy == again, (accuracy, again)
open("accuracy", "w").write(accuracy[4])
PYTHON

"$LOWBIT" eval first/demo/xnor-w1a1 >evaluated
grep -qF "top-1 $(cat accuracy) %" evaluated

exits 2 "epochs 'none': wanted a whole number" "$LOWBIT" demo --epochs none --out second
