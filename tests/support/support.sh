# For shell tests: source "$LOWBIT_SOURCE/tests/support/support.sh".

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

# refused STATUS PIECE COMMAND...: it exits with this status, says PIECE in one line, prints nothing else
refused()
{
    local wanted=$1 piece=$2 status=0
    shift 2
    "$@" >printed 2>errors || status=$?
    [ $status -eq "$wanted" ] || fail "$*: exit status $status, wanted $wanted: $(cat errors)"
    grep -qF -- "$piece" errors || fail "$*: '$(cat errors)' does not say '$piece'"
    [ "$(wc -l <errors)" -eq 1 ] || fail "$*: not one line of error: $(cat errors)"
    [ ! -s printed ] || fail "$*: printed $(cat printed)"
}

# says PIECE COMMAND...
says()
{
    local piece=$1
    shift
    "$@" >printed || fail "$*: exit status $?: $(cat printed)"
    grep -qF -- "$piece" printed || fail "$*: '$(cat printed)' does not say '$piece'"
}
