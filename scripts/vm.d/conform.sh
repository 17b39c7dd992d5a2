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

# parse_suite WORDS...: sets machines, at_once, parts, limit, chosen_backend, shard, runtimes, formats,
# keep_folder, files; passed is what all runs get.
parse_suite() {
    local value
    machines=v1,v2,v2+systemd,rootless at_once=$(nproc) parts=2 limit=1200 chosen_backend=uml shard=1/1
    runtimes=() formats=() keep_folder='' files=() passed=()
    while [ $# -gt 0 ]; do
        case $1 in
        --machines | --guests | --parts | --limit | --backend | --shard | --runtime | --format | --keep)
            [ $# -gt 1 ] || die 2 "$1 wants a value"
            value=$2
            set -- "$1=$2" "${@:3}"
            ;;
        *) value=${1#*=} ;;
        esac
        case $1 in
        --machines=*) machines=$value ;;
        --guests=*) at_once=$value ;;
        --parts=*) parts=$value ;;
        --shard=*) shard=$value ;;
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
    [[ $parts =~ ^[1-9][0-9]*$ ]] || die 2 "--parts wants a number, not '$parts'"
    [[ $shard =~ ^[1-9][0-9]*/[1-9][0-9]*$ ]] || die 2 "--shard wants I/N, not '$shard'"
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

# part_of PART: that part of what was asked for, as plimsoll's --shard. Every N-th case, and of those
# every P-th, are every N*P-th.
part_of() {
    local index=${shard%/*} count=${shard#*/}
    echo "$((index + ($1 - 1) * count))/$((count * parts))"
}

# suite_words LOG KEEP SHARD OPTIONS: what plimsoll is called with.
suite_words() {
    local runtime
    words=("$plimsoll" "${plimsoll_command[$mode]}" "${passed[@]}" --format "jsonl=$1")
    [ "$3" = 1/1 ] || words+=(--shard "$3")
    [ -z "$keep_folder" ] || words+=(--keep "$2")
    for runtime in "${runtimes[@]}"; do words+=(--runtime "$runtime${4:-}"); done
}

# on_machine MACHINE PART: leaves $results/MACHINE.PART.jsonl, returns plimsoll's status.
on_machine() {
    local machine=$1 runtime file take=() inner=$results/$1.$2.out log=$results/$1.$2.jsonl status=0
    if [ -z "${machine_guest[$machine]}" ]; then
        suite_words "$log" "$keep_folder/$machine" "$shard"
        "${words[@]}" >&2 || status=$?
        return "$status"
    fi
    suite_words /vm/live/log.jsonl /vm/out/keep "$(part_of "$2")" "${machine_options[$machine]:-}"
    [[ " ${passed[*]} " == *' --timeout-factor'* ]] || words+=("${guest_patience[@]}")
    for runtime in "${runtimes[@]}"; do take+=(-l "$(runtime_path "$runtime")"); done
    for file in "${files[@]}"; do take+=(-f "$file"); done
    rm -rf "$inner"
    "$0" run -b "$chosen_backend" -g "${machine_guest[$machine]}" -u "${machine_user[$machine]}" -t "$limit" -o "$inner" \
        -l "$plimsoll" "${take[@]}" -- "${words[@]}" >&2 || status=$?
    [ ! -e "$inner/log.jsonl" ] || mv "$inner/log.jsonl" "$log"
    if [ -e "$inner/keep" ]; then
        mkdir -p "$keep_folder/$machine"
        cp -r "$inner/keep/." "$keep_folder/$machine"
    fi
    rm -rf "$inner"
    return "$status"
}

# end_of STATUS: why a log has no end.
end_of() {
    case $1 in
    124) echo "the guest did not come to an end within $limit s" ;;
    125) echo 'the guest died' ;;
    *) echo "plimsoll ended with status $1" ;;
    esac
}

# recover LOG STATUS: makes a result of the log of a run that was cut off, and says what it was at.
recover() {
    ! tail -n 1 "$1" | grep -q '"event":"footer"' || return 0
    say "$(end_of "$2")"
    "$plimsoll" merge --killed "$(end_of "$2")" "$1" --format "jsonl=$1.whole" || : # broken, as it says
    if [ -s "$1.whole" ]; then
        mv "$1.whole" "$1"
        sed -n 's/.*"runtime":"\([^"]*\)","case":"\([^"]*\)".*"status":"broken","reason":"the run was cut off.*/\1 was at \2/p' "$1" >&2
    else
        rm -f "$1" "$1.whole"
    fi
}

# judge_machine MACHINE PART: leaves its result, and its status in $results/MACHINE.PART.status. What it
# says is shown when it is done, so that machines side by side do not mix.
judge_machine() {
    local machine=$1 base=$results/$1.$2 started=$SECONDS status=0 name=$1
    [ -z "${machine_guest[$machine]}" ] || [ "$parts" = 1 ] || name="$1, part $2 of $parts"
    on_machine "$machine" "$2" >"$base.said" 2>&1 || status=$?
    [ ! -s "$base.jsonl" ] || recover "$base.jsonl" "$status" >>"$base.said" 2>&1
    if ! [ -s "$base.jsonl" ]; then
        echo "$program: $name: no result" >>"$base.said"
        [ "$status" = 2 ] || status=3
    fi
    (
        flock 8
        cat "$base.said" >&2
        say "$name: status $status after $((SECONDS - started)) s"
    ) 8>"$results/said.lock"
    echo "$status" >"$base.status"
}

# parts_of MACHINE: the numbers of the runs that it takes; this machine is busy on every CPU with one.
parts_of() { if [ -n "${machine_guest[$1]}" ]; then seq "$parts"; else echo 1; fi; }

# judge_machines: this one alone, since it is busy on every CPU; of the guests, which have one each, as
# many as $at_once says.
judge_machines() {
    local machine part
    trap 'trap "" TERM; kill -TERM 0; exit 130' INT
    for machine in ${machines//,/ }; do
        rm -f "$results/$machine".*.{jsonl,status}
        [ -n "${machine_guest[$machine]}" ] || judge_machine "$machine" 1
    done
    for machine in ${machines//,/ }; do
        [ -n "${machine_guest[$machine]}" ] || continue
        [ -z "$keep_folder" ] || rm -rf "${keep_folder:?}/$machine"
        for part in $(parts_of "$machine"); do
            while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n || :; done
            judge_machine "$machine" "$part" &
        done
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
    local built profile=${PLIMSOLL_PROFILE:-release} machine part status statuses=() logs=()
    built=$(built_folder "$profile")
    (cd "$scripts/.." && cargo build --quiet --profile "$profile") || die 3 'the build failed'
    plimsoll=$(realpath "$built/plimsoll")
    [ ${#runtimes[@]} -gt 0 ] || runtimes=("plimrun=$(realpath "$built/plimrun")")
    results=$scripts/../target/vm
    mkdir -p "$results"
    results=$(realpath "$results")
    judge_machines
    for machine in ${machines//,/ }; do
        for part in $(parts_of "$machine"); do
            status=$(cat "$results/$machine.$part.status" 2>/dev/null || echo 3)
            [ "$status" != 2 ] || exit 2
            statuses+=("$status")
            [ ! -s "$results/$machine.$part.jsonl" ] || logs+=("$machine=$results/$machine.$part.jsonl")
        done
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
