# For shell tests of sweeps: source "$LOWBIT_SOURCE/tests/support/lab.sh".

. "$LOWBIT_SOURCE/tests/support/support.sh"

# exits STATUS PIECE COMMAND...: it exits with this status and says PIECE in one line of error
exits()
{
    local wanted=$1 piece=$2 status=0
    shift 2
    "$@" >printed 2>errors || status=$?
    [ $status -eq "$wanted" ] || fail "$*: exit status $status, wanted $wanted: $(cat printed errors)"
    grep -qF -- "$piece" errors || fail "$*: '$(cat errors)' does not say '$piece'"
    [ "$(wc -l <errors)" -eq 1 ] || fail "$*: not one line of error: $(cat errors)"
}

# query STORE SQL: the first value that it gives; a statement that changes the store gives none
query()
{
    python3 - "$@" <<'PYTHON'
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    row = database.execute(sys.argv[2]).fetchone()
    if row:
        print(row[0])
PYTHON
}

# same WHAT GOT WANTED
same() { [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"; }
