#!/usr/bin/env bash
# The fast back end agrees with the reference under every cap of the instruction sets, oneDNN's included.
# ctest: timeout 600
set -eu
for isa in scalar avx2 avx512; do
    for test in test_onednn_train test_onednn_quantizers; do
        LOWBIT_ISA=$isa "$LOWBIT_BUILD/tests/$test" >"$isa.txt" 2>&1 || {
            cat "$isa.txt"
            echo "$test fails with LOWBIT_ISA=$isa"
            exit 1
        }
    done
done
