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
