#!/bin/bash
# The convolution kernels for aarch64, cross-compiled and run under an emulator: the integers of naive
# arithmetic there too. Skipped where there is no cross compiler or no emulator.
set -euo pipefail

compiler=aarch64-linux-gnu-gcc
for program in $compiler qemu-aarch64; do
    if ! command -v $program >/dev/null; then
        echo "skipped: no $program"
        exit 77
    fi
done

cd "$LOWBIT_SOURCE"
# every kernel but those for other processors
sources=$(ls src/kernels/conv/*.c | grep -v '_avx')
$compiler -std=c11 -D_POSIX_C_SOURCE=200809L -Isrc -Iinclude -Itests -O2 -ffp-contract=off \
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wundef -Werror -static \
    tests/aarch64/conv_kernels_main.c tests/support/conv_kernel_check.c \
    tests/support/conv_example.c $sources \
    src/bits/bits.c src/base/cpu.c src/base/random.c src/base/fail.c -lm -o "$OLDPWD/conv_kernels"
cd "$OLDPWD"
qemu-aarch64 ./conv_kernels 200 | tee output
grep -q ', 0 kernels skipped' output
