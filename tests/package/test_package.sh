#!/usr/bin/env bash
# The installed tree serves other programs: examples/ built through pkg-config (shared and static) and
# through CMake, and run. ctest: timeout 600
set -euo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"

if [ -n "$LOWBIT_SANITIZE" ]; then
    echo "a sanitized library wants sanitized users"
    exit 77
fi
cmake --install "$LOWBIT_BUILD" --prefix "$PWD/first" >/dev/null
mv first moved # nothing may depend on where it was installed

for file in bin/lowbit include/lowbit/status.h share/man/man1/lowbit.1 \
    share/bash-completion/completions/lowbit share/zsh/site-functions/_lowbit \
    share/fish/vendor_completions.d/lowbit.fish share/doc/lowbit/LICENSE \
    share/lowbit/experiments/P0-table6.yaml share/lowbit/experiments/papers.csv; do
    [ -s "moved/$file" ] || { echo "not installed: $file"; exit 1; }
done
moved/bin/lowbit --version
moved/bin/lowbit reproduce P0-table6 --dry-run >/dev/null # finds its experiments where the tree was moved to

libraries=$(dirname "$(find "$PWD/moved" -name liblowbit.a)")
export PKG_CONFIG_PATH=$libraries/pkgconfig LD_LIBRARY_PATH=$libraries
wanted=$(moved/bin/lowbit --version | cut -d' ' -f2)
[ "$(pkg-config --modversion lowbit)" = "$wanted" ] || { echo "pkg-config gives another version"; exit 1; }

# What run_packed runs when it is told nothing else.
moved/bin/lowbit train --data synth-digits:200 --model lenet5 --width-multiplier 0.25 --method dorefa --wbits 1 \
    --abits 2 --epochs 1 --batch 50 --out packed-run >/dev/null
moved/bin/lowbit pack packed-run -o net.lbm >/dev/null

# The examples include only public headers, and these compile without lowbit's own flags.
flags="-std=c11 -Wall -Wextra -Werror"
for source in "$LOWBIT_SOURCE"/examples/*.c; do
    name=$(basename "$source" .c)
    cc $flags "$source" -o "$name-shared" $(pkg-config --cflags --libs lowbit) -lm
    # not --static, which asks for static libraries of everything below, and Debian has not all of them
    cc $flags "$source" -o "$name-static" $(pkg-config --cflags lowbit) "$libraries/liblowbit.a" \
        $(pkg-config --libs $(pkg-config --print-requires-private lowbit)) -ldnnl -fopenmp -lm
    "./$name-shared" >shared.txt
    env -u LD_LIBRARY_PATH "./$name-static" >static.txt
    [ -s shared.txt ] || { echo "$name printed nothing"; exit 1; }
    # into files: grep -q ends early, and ldd would die of the closed pipe
    ldd "$name-shared" >shared.ldd
    ldd "$name-static" >static.ldd
    grep -q liblowbit shared.ldd || { echo "$name-shared is not linked with lowbit"; exit 1; }
    if grep -q liblowbit static.ldd; then echo "$name-static wants the shared library"; exit 1; fi
done

cmake -S "$LOWBIT_SOURCE/examples" -B by-cmake -DCMAKE_PREFIX_PATH="$PWD/moved" >/dev/null
cmake --build by-cmake >/dev/null
for source in "$LOWBIT_SOURCE"/examples/*.c; do
    (env -u LD_LIBRARY_PATH "by-cmake/$(basename "$source" .c)")
done

# Every public header can be the first one, in C and, for those who have a C++ compiler, in C++.
cxx=$(command -v c++) || part_skipped "the headers in C++: c++"
for header in moved/include/lowbit/*.h; do
    echo "#include <lowbit/$(basename "$header")>" >header.c
    echo "int main(void) { return 0; }" >>header.c
    cc $flags -Wpedantic -Wstrict-prototypes -Imoved/include -fsyntax-only header.c
    if [ -n "$cxx" ]; then c++ -x c++ -std=c++11 -Wall -Werror -Imoved/include -fsyntax-only header.c; fi
done
