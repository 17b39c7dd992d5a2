# shellcheck shell=bash
# vm conform, vm selftest: plimsoll on this machine and in the guests, as one result.

# Machines as columns name them: guest and user; v1 is this machine.
declare -A machine_guest=([v1]='' [v2]=tiny [v2+systemd]=systemd [rootless]=systemd)
declare -A machine_user=([v2]=root [v2+systemd]=root [rootless]=tester)

# What runtimes are called with there: the second machine is about the systemd driver.
declare -A machine_options=([v2+systemd]=' --systemd-cgroup')

# What plimsoll calls each of this script's commands.
declare -A plimsoll_command=([conform]=run [selftest]=selftest)

# built_folder PROFILE: where cargo puts the binaries.
built_folder() {
    local triple folder=$1
    triple=$(rustc -vV | sed -n 's/^host: //p')
    [ "$folder" != dev ] || folder=debug
    printf '%s/%s/%s\n' "${CARGO_TARGET_DIR:-$scripts/../target}" "$triple" "$folder"
}

# parse_suite WORDS...: sets machines, at_once, limit, chosen_backend, runtimes, formats, keep_folder, files;
# passed is what all runs get.
parse_suite() {
    local value
    machines=v1,v2,v2+systemd,rootless at_once=$(nproc) limit=1200 chosen_backend=uml
    runtimes=() formats=() keep_folder='' files=() passed=()
    while [ $# -gt 0 ]; do
        case $1 in
        --machines | --guests | --limit | --backend | --runtime | --format | --keep)
            [ $# -gt 1 ] || die 2 "$1 wants a value"
            value=$2
            set -- "$1=$2" "${@:3}"
            ;;
        *) value=${1#*=} ;;
        esac
        case $1 in
        --machines=*) machines=$value ;;
        --guests=*) at_once=$value ;;
        --limit=*) limit=$value ;;
        --backend=*) chosen_backend=$value ;;
        --runtime=*) runtimes+=("$value") ;;
        --format=*) formats+=(--format "$value") ;;
        --keep=*) keep_folder=$value ;;
        --expect=*)
            files+=("$(realpath "$value")")
            passed+=("--expect=$(realpath "$value")")
            ;;
        *) passed+=("$1") ;;
        esac
        shift
    done
    [[ $at_once =~ ^[1-9][0-9]*$ ]] || die 2 "--guests wants a number, not '$at_once'"
    [[ $limit =~ ^[1-9][0-9]*$ ]] || die 2 "--limit wants seconds, not '$limit'"
    local machine
    for machine in ${machines//,/ }; do
        [ -n "${machine_guest[$machine]+there}" ] || die 2 "no machine '$machine' (v1, v2, v2+systemd, rootless)"
    done
}

# runtime_path VALUE: the binary in NAME='PATH ARG...'
runtime_path() {
    local path=${1#*=}
    printf '%s\n' "${path%% *}"
}

# Without KVM a guest is several times slower than the machine: its time limits are stretched.
guest_patience=(--timeout-factor 5)

# suite_words LOG KEEP OPTIONS: what plimsoll is called with.
suite_words() {
    local runtime
    words=("$plimsoll" "${plimsoll_command[$mode]}" "${passed[@]}" --format "jsonl=$1")
    [ -z "$keep_folder" ] || words+=(--keep "$2")
    for runtime in "${runtimes[@]}"; do words+=(--runtime "$runtime${3:-}"); done
}

# on_machine MACHINE: leaves $results/MACHINE.jsonl, returns plimsoll's status.
on_machine() {
    local machine=$1 runtime file take=() inner=$results/$1.out status=0
    if [ -z "${machine_guest[$machine]}" ]; then
        suite_words "$results/$machine.jsonl" "$keep_folder/$machine" ''
        "${words[@]}" >&2 || status=$?
        return "$status"
    fi
    suite_words /vm/out/log.jsonl /vm/out/keep "${machine_options[$machine]:-}"
    [[ " ${passed[*]} " == *' --timeout-factor'* ]] || words+=("${guest_patience[@]}")
    for runtime in "${runtimes[@]}"; do take+=(-l "$(runtime_path "$runtime")"); done
    for file in "${files[@]}"; do take+=(-f "$file"); done
    rm -rf "$inner"
    "$0" run -b "$chosen_backend" -g "${machine_guest[$machine]}" -u "${machine_user[$machine]}" -t "$limit" -o "$inner" \
        -l "$plimsoll" "${take[@]}" -- "${words[@]}" >&2 || status=$?
    [ ! -e "$inner/log.jsonl" ] || mv "$inner/log.jsonl" "$results/$machine.jsonl"
    if [ -e "$inner/keep" ]; then
        mkdir -p "$keep_folder"
        rm -rf "${keep_folder:?}/$machine"
        mv "$inner/keep" "$keep_folder/$machine"
    fi
    rm -rf "$inner"
    return "$status"
}

# judge_machine MACHINE: leaves its result, and its status in $results/MACHINE.status. What it says is shown
# when it is done, so that machines side by side do not mix.
judge_machine() {
    local machine=$1 started=$SECONDS status=0
    on_machine "$machine" >"$results/$machine.said" 2>&1 || status=$?
    if ! [ -s "$results/$machine.jsonl" ]; then
        echo "$program: $machine: no result" >>"$results/$machine.said"
        [ "$status" = 2 ] || status=3
    fi
    (
        flock 8
        cat "$results/$machine.said" >&2
        say "$machine: status $status after $((SECONDS - started)) s"
    ) 8>"$results/said.lock"
    echo "$status" >"$results/$machine.status"
}

# judge_machines: this one alone, since it is busy on every CPU; of the guests, which have one each, as
# many as $at_once says.
judge_machines() {
    local machine
    trap 'trap "" TERM; kill -TERM 0; exit 130' INT
    for machine in ${machines//,/ }; do
        rm -f "$results/$machine.jsonl" "$results/$machine.status"
        [ -n "${machine_guest[$machine]}" ] || judge_machine "$machine"
    done
    for machine in ${machines//,/ }; do
        [ -n "${machine_guest[$machine]}" ] || continue
        while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n || :; done
        judge_machine "$machine" &
    done
    wait
}

# joined_status STATUS...: as one run of plimsoll over all machines would exit: usage, broken, failed;
# skips count as nothing as long as any machine showed something.
joined_status() {
    local status worst=4
    for status in "$@"; do
        # anything that plimsoll does not say is the guest's: it broke or ran out of time
        [[ $status =~ ^[0-4]$ ]] || status=3
        case $worst:$status in
        2:* | *:2) worst=2 ;;
        3:* | *:3) worst=3 ;;
        1:* | *:1) worst=1 ;;
        0:* | *:0) worst=0 ;;
        4:4) ;;
        esac
    done
    echo "$worst"
}

vm_suite() {
    mode=$1
    shift
    parse_suite "$@"
    local built profile=${PLIMSOLL_PROFILE:-release} machine status statuses=() logs=()
    built=$(built_folder "$profile")
    (cd "$scripts/.." && cargo build --quiet --profile "$profile") || die 3 'the build failed'
    plimsoll=$(realpath "$built/plimsoll")
    [ ${#runtimes[@]} -gt 0 ] || runtimes=("plimrun=$(realpath "$built/plimrun")")
    results=$scripts/../target/vm
    mkdir -p "$results"
    results=$(realpath "$results")
    judge_machines
    for machine in ${machines//,/ }; do
        status=$(cat "$results/$machine.status" 2>/dev/null || echo 3)
        [ "$status" != 2 ] || exit 2
        statuses+=("$status")
        [ ! -s "$results/$machine.jsonl" ] || logs+=("$machine=$results/$machine.jsonl")
    done
    [ ${#logs[@]} -gt 0 ] || die 3 'no machine gave a result'
    "$plimsoll" merge "${logs[@]}" --format "jsonl=$results/$mode.jsonl" || status=$?
    [ -s "$results/$mode.jsonl" ] || die 3 "the logs could not be joined"
    show_result
    exit "$(joined_status "${statuses[@]}")"
}

show_result() {
    if [ "$mode" = selftest ]; then
        "$plimsoll" coverage "$results/$mode.jsonl" "${formats[@]}"
    else
        [ ${#formats[@]} -gt 0 ] || formats=(--format human)
        # a view of a log that holds failures exits as the run did; the status comes from the machines
        "$plimsoll" merge "$results/$mode.jsonl" "${formats[@]}" || :
    fi
}
