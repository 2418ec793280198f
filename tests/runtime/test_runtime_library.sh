#!/usr/bin/env bash
# liblowbit-rt as others see it: small, nothing exported but the public functions of two headers, nothing
# needed that training needs; a program built with it alone runs a packed network. ctest: timeout 600
set -euo pipefail

if [ -n "$LOWBIT_SANITIZE" ]; then
    echo "skipped: a sanitized library is neither small nor alone"
    exit 77
fi
cmake --install "$LOWBIT_BUILD" --prefix "$PWD/installed" >/dev/null
libraries=$(dirname "$(find "$PWD/installed" -name liblowbit-rt.a)")
shared=$(readlink -f "$libraries/liblowbit-rt.so")
export PKG_CONFIG_PATH=$libraries/pkgconfig

strip -o stripped.so "$shared"
bytes=$(stat -c %s stripped.so)
echo "liblowbit-rt: $bytes bytes stripped"
[ "$bytes" -lt $((150 * 1024)) ] || { echo "wanted less than 150 KB"; exit 1; }

# exported: every function of the two headers, and no other symbol
nm -D --defined-only "$shared" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort >exported
sed -n '/extern "C" {/,$p' "$LOWBIT_SOURCE"/include/lowbit/{runtime,status}.h |
    grep -v '^ \*\|^/\*\|^#' | grep -o '\blb_[a-z0-9_]*(' | tr -d '(' | sort -u >public
diff public exported || { echo "exported functions are not those of the headers"; exit 1; }

ldd "$shared" >needed
if grep -E 'gomp|omp\.so|dnnl|curl|png|jpeg|libz|popt' needed; then
    echo "the runtime needs a library of training's"
    exit 1
fi

"$LOWBIT" train --data synth-digits:200 --model lenet5 --width-multiplier 0.25 --method dorefa --wbits 1 \
    --abits 2 --epochs 1 --batch 50 --out digits >/dev/null
"$LOWBIT" pack digits -o net.lbm >/dev/null
example=$LOWBIT_SOURCE/examples/run_packed.c
flags="-std=c11 -Wall -Wextra -Werror"
cc $flags "$example" -o run-shared $(pkg-config --cflags --libs lowbit-rt)
cc $flags "$example" -o run-static $(pkg-config --cflags lowbit-rt) "$libraries/liblowbit-rt.a" \
    $(pkg-config --libs jansson) -pthread -lm
LD_LIBRARY_PATH=$libraries ./run-shared net.lbm | tee shared.txt
./run-static net.lbm >static.txt
cmp shared.txt static.txt
grep -q ': class [0-9], logit ' shared.txt
head -c 784 /dev/zero >black.bin
./run-static net.lbm black.bin
for cut in 0 100 2000; do # a damaged file: one clear line, and no run
    head -c $cut net.lbm >cut.lbm
    if ./run-static cut.lbm 2>message; then echo "a file of $cut bytes was run"; exit 1; fi
    [ "$(wc -l <message)" -eq 1 ] || { cat message; exit 1; }
    grep -q '^run_packed: cut.lbm: ' message
done

# the same logits as with the whole library
cc $flags "$example" -o run-whole $(pkg-config --cflags --libs lowbit)
LD_LIBRARY_PATH=$libraries ./run-whole net.lbm | cmp - static.txt
