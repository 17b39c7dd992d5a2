# shellcheck shell=bash
# Counted checks for the scripts' own tests. Source it, call the check functions, end with check_end.
check_passed=0 check_failed=0 check_skipped=0

pass() {
    check_passed=$((check_passed + 1))
    echo "ok    $1"
}

fail() { # NAME [DETAIL]
    check_failed=$((check_failed + 1))
    echo "FAIL  $1"
    [ -z "${2:-}" ] || printf '      %s\n' "${2//$'\n'/$'\n      '}"
}

skip() { # NAME REASON
    check_skipped=$((check_skipped + 1))
    echo "skip  $1: $2"
}

# expect NAME STATUS PATTERN COMMAND...: exit status and, as a glob, all output.
expect() {
    local name=$1 status=$2 pattern=$3 output got=0
    shift 3
    output=$("$@" 2>&1 </dev/null) || got=$?
    # shellcheck disable=SC2053  # a pattern
    if [ "$got" = "$status" ] && [[ $output == $pattern ]]; then
        pass "$name"
    else
        fail "$name" "status $got, wanted $status; wanted output $pattern
$output"
    fi
}

# check_that NAME COMMAND...: the command succeeds.
check_that() {
    local name=$1
    shift
    if "$@"; then pass "$name"; else fail "$name"; fi
}

# check_end: the line of counts; fails if a check did.
check_end() {
    echo "$check_passed passed, $check_failed failed, $check_skipped skipped"
    [ $check_failed = 0 ]
}
