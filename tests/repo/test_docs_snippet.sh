#!/usr/bin/env bash
# The Python program of docs/checkpoint.md reads what `lowbit train` writes.
set -euo pipefail

sed -n '/^```python$/,/^```$/p' "$LOWBIT_SOURCE/docs/checkpoint.md" | sed '/^```/d' >read_checkpoint.py
[ -s read_checkpoint.py ] || { echo "docs/checkpoint.md has no Python program"; exit 1; }
"$LOWBIT" train --data synth-digits:100 --width-multiplier 0.125 --method ttq --epochs 1 --batch 50 --threads 1 \
    --out run >/dev/null
for file in best last; do
    python3 read_checkpoint.py "run/$file.safetensors" >printed.txt
    for text in 'lenet5 ttq lowbit checkpoint 1' 'conv1.weight         \[3, 1, 5, 5\] ' 'fc3.weight '; do
        grep -q "$text" printed.txt || { echo "$file: wanted '$text', got: $(cat printed.txt)"; exit 1; }
    done
done
