#!/usr/bin/env bash
# The frame of the command: help, errors and their exit statuses, man page, completion.
set -uo pipefail
. "$LOWBIT_SOURCE/tests/support/support.sh"

failures=0
# check NAME STATUS STREAM TEXT ARGUMENT...: exit status, and a piece of what stdout or stderr says
check()
{
    local name=$1 status=$2 stream=$3 text=$4
    shift 4
    "$LOWBIT" "$@" >out.txt 2>err.txt
    local got=$?
    if [ $got -ne "$status" ]; then
        echo "$name: exit status $got, wanted $status; stderr: $(cat err.txt)"
        failures=$((failures + 1))
    elif ! grep -qF -e "$text" "$stream.txt"; then
        echo "$name: $stream has no '$text' but: $(cat "$stream.txt")"
        failures=$((failures + 1))
    elif [ "$status" -ne 0 ] && { [ "$(wc -l <err.txt)" -gt 3 ] || [ -s out.txt ]; }; then
        echo "$name: an error is at most three lines, all on stderr"
        failures=$((failures + 1))
    elif [ "$status" -eq 0 ] && [ -s err.txt ]; then
        echo "$name: stderr is not empty: $(cat err.txt)"
        failures=$((failures + 1))
    fi
}
complain()
{
    echo "$1"
    failures=$((failures + 1))
}

check 'overview' 0 out 'Usage: lowbit COMMAND' --help
check 'overview, environment' 0 out 'LOWBIT_EXPERIMENTS' --help
check 'overview, short' 0 out 'completion' -h
check 'overview by help' 0 out 'completion' help
check 'version' 0 out 'lowbit 0.' --version
check 'help of a command' 0 out 'Usage: lowbit completion' completion --help
check 'help of a command, other way' 0 out 'bash|zsh|fish' help completion
check 'nothing' 2 err 'no command given'
check 'unknown command' 2 err "did you mean 'completion'?" completoin
check 'unknown command, nothing near' 2 err 'lowbit --help' qqqqqqqq
check 'help of an unknown command' 2 err "did you mean 'completion'?" help completio
check 'unknown option before a command' 2 err "unknown option '--hlp'" --hlp
check 'unknown option' 2 err "did you mean '--help'?" completion --hepl
check 'unknown option, nothing near' 2 err 'lowbit completion --help' completion --qqqqqqqq
check 'option with a value it does not take' 2 err '--man=3' help --man=3
check 'no shell' 2 err 'wanted bash, zsh or fish' completion
check 'unknown shell' 2 err "unknown shell 'ksh'" completion ksh

check 'value that is no number' 2 err "option '--threads many': invalid numeric value" eval --threads many
check 'value that is no number, with =' 2 err "'--threads=many': invalid numeric" eval --threads=many
check 'value of a setting that is no number' 2 err "epochs 'many': wanted a whole number" train --epochs many
check 'number too large' 2 err 'too large' eval --threads 99999999999999999999
for number in 0x10 010 nan inf; do
    check "number $number" 2 err "option '--threads $number': invalid numeric value" eval --threads "$number"
done
check 'real number in hexadecimal' 2 err "option '--clock 0x10': invalid" cost sparse --clock 0x10
check 'real number that is none' 2 err "option '--clock nan': invalid" cost sparse --clock nan
check 'setting in hexadecimal' 2 err "lr '0x10': wanted a number" train --lr 0x10
check 'no images' 2 err 'synth-digits:0: wanted the number' data synth --count 0 --out none
check 'text with letters' 5 err 'there is no such run' impq --stop 'top1 >= 9' --groups 1@1 --iterations 1 none
check 'empty number' 2 err "option '--threads' needs a number" eval --threads=
check 'empty number as a word' 2 err "option '--threads' needs a number" eval --threads ''
check 'option at the end without its value' 2 err "option '--epochs' needs a value" train --epochs
check 'misspelt option with a value' 2 err "did you mean '--epochs'?" train --epoch=3

# every command of the overview has help with a usage line, its options and a summary
commands=$("$LOWBIT" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
[ -n "$commands" ] || complain 'the overview lists no commands'
for command in $commands; do
    check "help of $command" 0 out "Usage: lowbit $command" "$command" --help
    grep -q -e '--help' out.txt || complain "$command --help does not list --help"
    [ "$(awk '{ if (length($0) > 100) n++ } END { print n + 0 }' out.txt)" -eq 0 ] ||
        complain "$command --help has lines of more than 100 columns"
done

# a full disk behind standard output, and a reader that goes away
"$LOWBIT" --help >/dev/full 2>err.txt
[ $? -eq 5 ] || complain 'a full disk behind stdout: exit status is not 5'
grep -q 'cannot write to standard output' err.txt || complain 'a full disk behind stdout: no message'
exec 3> >(true)
wait $! # now nobody reads the pipe
(trap '' PIPE; exec "$LOWBIT" help --man >&3 2>err.txt)
[ $? -eq 141 ] || complain 'a closed pipe: not ended by SIGPIPE'
exec 3>&-
[ ! -s err.txt ] || complain "a closed pipe: $(cat err.txt)"

# the man page names every command; man finds nothing to complain about, where it is there
"$LOWBIT" help --man >lowbit.1
for command in $commands; do
    grep -q "^.SS lowbit $command" lowbit.1 || complain "the man page does not have $command"
done
if command -v groff >/dev/null; then
    complaints=$(groff -man -Tascii -ww -z lowbit.1 2>&1)
    [ -z "$complaints" ] || complain "groff: $complaints"
else
    part_skipped "the man page: groff"
fi

# bash completes commands, options, choices
"$LOWBIT" completion bash >complete.bash
completes() # WANTED WORD...: the last word is the one being completed
{
    local wanted=$1
    shift
    COMP_WORDS=(lowbit "$@") COMP_CWORD=$# COMPREPLY=()
    _lowbit
    [ "${COMPREPLY[*]}" = "$wanted" ] || complain "completing 'lowbit $*' gave '${COMPREPLY[*]}', wanted '$wanted'"
}
complete() { :; } # the shell's own wants an interactive shell
source ./complete.bash
completes 'completion' compl
completes 'completion' completion
completes '--version' --v
completes 'bash' completion b
completes 'zsh' completion z
completes '--man' help --m
completes 'yes no' train --bias ''
completes 'yes' train --bias = y
completes 'yes no' train --bias =
completes '' train --init ''
completes '' pack run -o ''
completes '' report ST
completes 'info' data in
completes 'syq' cost sy
for shell in zsh fish; do
    "$LOWBIT" completion "$shell" >"complete.$shell"
    if command -v "$shell" >/dev/null; then
        "$shell" -n "complete.$shell" || complain "$shell does not like its completion"
    else
        part_skipped "completion: $shell"
    fi
    for command in $commands; do
        grep -q -w -e "$command" "complete.$shell" || complain "$shell's completion does not have $command"
    done
done

[ $failures -eq 0 ] || { echo "$failures failed"; exit 1; }
