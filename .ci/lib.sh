# shellcheck shell=bash
# Checks with a name, a time limit, a log and a count. Source it; .ci/run says what is checked.
# shellcheck disable=SC2154  # logs, budget: set by .ci/run
passed=0 failed=0 skipped=0

# What a build, apt, criu (its knowledge of the kernel) or crun (its own root, whatever --root says) leaves on any
# machine, and is not the suite's.
ci_ignore=(-i 'file /tmp/rustc*' -i 'file /tmp/cargo*' -i 'file /run/lock*' -i 'file /run/criu.kdat*' -i 'file /run/crun')

log_of() { printf '%s/%s.log\n' "$logs" "$(tr -cs 'A-Za-z0-9.\n' '-' <<<"$1" | sed 's/-*$//')"; }

# timed NAME LIMIT COMMAND...: runs a program within its own limit and what is left of the budget; sets
# status, took, limit and log.
timed() {
    local started=$SECONDS
    log=$(log_of "$1") limit=$2 status=0
    shift 2
    [ $((budget - SECONDS)) -ge "$limit" ] || limit=$((budget - SECONDS))
    if [ "$limit" -le 0 ]; then
        echo "no time left of $budget s" >"$log"
        status=1 took=0 limit=0
        return
    fi
    timeout -k 10 "$limit" "$@" >"$log" 2>&1 || status=$?
    took=$((SECONDS - started))
}

# judge NAME: counts what timed ran.
judge() {
    if [ "$status" = 0 ]; then
        passed=$((passed + 1))
        echo "ok    $1 ($took s)"
        return 0
    fi
    failed=$((failed + 1))
    if [ "$status" = 124 ] && [ "$took" -ge "$limit" ]; then
        echo "FAIL  $1: not done after $limit s"
    else
        echo "FAIL  $1: status $status ($took s)"
    fi
    tail -n 40 "$log" | sed 's/^/      /'
    return 1
}

# check NAME SECONDS COMMAND...
check() {
    local status took limit log
    timed "$@"
    judge "$1"
}

skip() { # NAME REASON
    skipped=$((skipped + 1))
    echo "skip  $1: $2"
}

# suite NAME SECONDS COMMAND...: a run of plimsoll; its log becomes counts and the reasons of its skips.
# Status 4 says that every case was skipped: then this check has shown nothing.
suite() {
    local status took limit log events
    events=$(log_of "$1")
    events=${events%.log}.jsonl
    rm -f "$events"
    timed "$@" --format human --format "jsonl=$events"
    if [ "$status" = 4 ]; then
        skip "$1" 'every case was skipped'
    else
        # a log without its footer is no result
        [ "$status" != 0 ] || grep -q '"event":"footer"' "$events" || status=97
        judge "$1"
    fi
    show_counts "$events"
}

# show_counts EVENTS: cases by runtime and status, and what was skipped for which reason.
show_counts() {
    [ -s "$1" ] || return 0
    sed -n 's/.*"event":"case","runtime":"\([^"]*\)".*"level":"[A-Z ]*","status":"\([a-z]*\)".*/\1: \2/p' "$1" |
        sort | uniq -c | sed 's/^/      /'
    sed -n '/"event":"case"/s/.*"status":"skip","reason":"\(\([^"\\]\|\\.\)*\)".*/skipped: \1/p' "$1" |
        sort | uniq -c | sort -rn | sed 's/^/      /'
}

# readme_command NAME: the shell block of README.md that follows the comment "<!-- command: NAME -->".
readme_command() {
    awk -v want="<!-- command: $1 -->" '
        $0 == want { armed = 1; next }
        armed && /^```sh$/ { inside = 1; armed = 0; next }
        inside && /^```$/ { exit }
        inside { print; found = 1 }
        END { if (!found) print "echo README.md has no command of this name >&2; exit 1" }' README.md ||
        echo 'echo README.md cannot be read >&2; exit 1'
}

# tree_state: what git sees as changed; a check that rewrites a tracked or makes an untracked file shows up.
tree_state() { git status --porcelain && git diff; }

# show NAME: the whole output of a check.
show() { sed 's/^/      /' "$(log_of "$1")"; }

# tests_of NAME: what the test binaries of a `cargo test` counted.
tests_of() {
    awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 }
        END { printf "      tests: %d passed, %d failed, %d ignored\n", passed, failed, ignored }' "$(log_of "$1")"
    grep -hiE '^ *(skip|skipped|skipping)\b' "$(log_of "$1")" | sort | uniq -c | sort -rn | head -n 40 | sed 's/^/      /'
}

finish() {
    echo "$skipped skipped; logs in target/ci; $SECONDS s"
    echo "$passed passed, $failed failed"
    [ $failed = 0 ]
    exit
}
