#!/usr/bin/env bash
# The runtime on aarch64, under an emulator: a few of the networks of tools/check_aarch64; the kernels alone are
# test_neon_conv_kernels.sh's. ctest: timeout 900
set -euo pipefail

if [ -n "$LOWBIT_SANITIZE" ]; then
    echo "skipped: the emulated program is the same with every native build"
    exit 77
fi
"$LOWBIT_SOURCE/tools/check_aarch64" "$LOWBIT_BUILD" 300 0 | tee output
grep -q '^neon: 300 networks, .* 0 differ$' output
grep -q '^scalar: 300 networks, .* 0 differ$' output
