# For shell tests of sweeps: source "$LOWBIT_SOURCE/tests/support/lab.sh".

. "$LOWBIT_SOURCE/tests/support/support.sh"

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
