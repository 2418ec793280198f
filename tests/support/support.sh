# For shell tests: source "$LOWBIT_SOURCE/tests/support/support.sh".
export PYTHONPATH=$LOWBIT_SOURCE/tests/support

# test_data NAME: set `data` to the folder of a real data set. Without it the test is skipped, or fails
# where CI=true.
test_data()
{
    data=${LOWBIT_DATA:-}/$1
    if [ -n "${LOWBIT_DATA:-}" ] && [ -d "$data" ]; then return; fi
    echo "data set '$1' is not in LOWBIT_DATA=${LOWBIT_DATA:-(unset)}"
    if [ "${CI:-}" = true ]; then
        echo "and CI=true wants it"
        exit 1
    fi
    exit 77
}

# fail MESSAGE
fail()
{
    echo "$1"
    exit 1
}

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

# refused STATUS PIECE COMMAND...: exits so, and prints nothing besides
refused()
{
    exits "$@"
    [ ! -s printed ] || fail "${*:3}: printed $(cat printed)"
}

# says PIECE COMMAND...
says()
{
    local piece=$1
    shift
    "$@" >printed || fail "$*: exit status $?: $(cat printed)"
    grep -qF -- "$piece" printed || fail "$*: '$(cat printed)' does not say '$piece'"
}

# part_skipped WHAT [PACKAGE]: tell of a part of the test that cannot be done here; see part_skipped.py
part_skipped() { python3 -m part_skipped "$@"; }

milliseconds() { date +%s%3N; }

sleep_milliseconds() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }

# wait_for PROCESS COMMAND...: until the command succeeds; the test fails where the process ends before, with its errors
wait_for()
{
    local process=$1
    shift
    until "$@"; do
        kill -0 "$process" 2>gone || fail "ended before '$*': $(cat errors)"
        sleep 0.05
    done
}
