#!/usr/bin/env bash
# The scripts that hold the rules find what they are there to find: each is given a small tree with one
# violation, and must name it.
set -uo pipefail

failures=0
# finds CHECK TEXT FILE CONTENT: a tree with this one file besides the banned list
finds()
{
    local check=$1 text=$2 file=$3 content=$4
    rm -rf tree
    mkdir -p "tree/$(dirname "$file")" tree/src/base
    cp "$LOWBIT_SOURCE/src/base/banned.h" tree/src/base/
    echo '# tree' >tree/README.md
    printf '%b\n' "$content" >"tree/$file"
    if python3 "$LOWBIT_SOURCE/tools/check_$check.py" tree >out.txt 2>&1; then
        echo "check_$check let pass, in $file: $content"
        failures=$((failures + 1))
    elif ! grep -qF -e "$text" out.txt; then
        echo "check_$check says nothing of '$text' but: $(cat out.txt)"
        failures=$((failures + 1))
    fi
}
# accepts CHECK FILE CONTENT
accepts()
{
    local check=$1 file=$2 content=$3
    rm -rf tree
    mkdir -p "tree/$(dirname "$file")" tree/src/base
    cp "$LOWBIT_SOURCE/src/base/banned.h" tree/src/base/
    echo '# tree' >tree/README.md
    printf '%b\n' "$content" >"tree/$file"
    if ! python3 "$LOWBIT_SOURCE/tools/check_$check.py" tree >out.txt 2>&1; then
        echo "check_$check refused $file with $content: $(cat out.txt)"
        failures=$((failures + 1))
    fi
}

finds layers 'src/base stands below' src/base/a.c '#include "nn/net.h"'
finds layers 'src/nn stands below' src/nn/a.c '#include "train/run.h"'
finds layers 'public headers only' src/cli/a.c '#include "base/memory.h"'
finds layers 'public headers only' include/lowbit/a.h '#include "base/fail.h"'
finds layers 'only src/nn/backend' src/train/a.c '#include <dnnl.h>'
finds layers 'not given from src/' src/nn/a.c '#include "net.h"'
finds layers 'one instruction set' src/kernels/f/f_avx2.c '#include "base/memory.h"'
finds layers 'not in a folder' src/other/a.c ''
accepts layers src/quant/a.c '#include "nn/net.h"\n#include "base/fail.h"\n#include "lowbit/train.h"'
accepts layers src/kernels/f/f_avx2.c '#include "kernels/f/f.h"\n#include "base/compiler.h"'

finds names 'there is also' src/nn/banned.h ''
finds names 'snake_case' src/nn/BadName.c ''
finds names 'snake_case' src/nn/bad-name.c ''

finds docs 'lb_f has no docstring' include/lowbit/a.h 'int lb_f(int a);'
finds docs 'lb_f has no docstring' include/lowbit/a.h '/* not one */\nLB_MUST_CHECK lb_status lb_f(int a,\n    int b);'
finds docs 'lb_g has no docstring' include/lowbit/a.h '/** One. */\nint lb_f(void);\nint lb_g(void);'
finds docs "unknown field 'Returns'" include/lowbit/a.h '/**\n * One.\n *\n * Returns: it.\n */\nint lb_f(void);'
finds docs 'in the order' include/lowbit/a.h '/**\n * One.\n *\n * Errors: a.\n * Shapes: b.\n */\nint lb_f(void);'
finds docs 'does not begin' include/lowbit/a.h '/** one */\nint lb_f(void);'
finds docs 'does not exist' docs/a.md 'see `src/nn/missing.c`'
finds docs 'does not exist' docs/a.md 'see [that](missing.md)'
finds docs "heading '#none'" docs/a.md '# One\n\nsee [that](#none)'
finds docs "heading '#none'" docs/a.md '# One\n\nsee [that](../README.md#none)'
accepts docs docs/a.md '# One, `two` (3)\n## Two\n## Two\nsee [one](#one-two-3), [two](a.md#two-1)'
accepts docs include/lowbit/a.h '/**\n * One.\n *\n * Shapes: b.\n * Errors: a.\n */\nint lb_f(void);\ntypedef struct lb_s {\n    int (*lb_member)(int a);\n} lb_s;'
accepts docs docs/a.md 'see [this](a.md) and `src/base/banned.h`'

for function in strcpy strcat sprintf vsprintf gets atoi atol atof rand srand strtok; do
    finds style "calls $function" src/nn/a.c "int f(void)\n{\n    return $function(x);\n}"
done
accepts style src/nn/a.c '/* sprintf(x) */\nint f(void)\n{\n    return snprintf("atoi(x)"), self->rand(x);\n}'
finds style 'columns' src/nn/a.c "/* $(printf '%0130d' 0) */"
finds style 'a function of' src/nn/a.c "int f(void)\n{\n$(printf '    x;\\n%.0s' {1..70})}"
finds style '700 lines' src/nn/a.c "$(printf 'int x;\\n%.0s' {1..699})"
finds style 'finish it' src/nn/a.c "/* TO""DO: more */"

[ $failures -eq 0 ] || { echo "$failures failed"; exit 1; }
