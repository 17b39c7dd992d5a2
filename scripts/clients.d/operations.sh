# shellcheck shell=bash
# What the clients' files are written with: an image made on the spot, and operations that count.
# shellcheck disable=SC2154  # client, name, logs, work: set by session

# Seconds for one operation.
operation_limit=${operation_limit:-60}

# How often a client is asked again where the status is right and the output is not.
again=${again:-0}

# op NAME STATUS PATTERN COMMAND...: one line; status may be a list (125|126), the pattern is a glob over
# all output, without its carriage returns.
op() {
    local operation=$1 wanted=$2 pattern=$3 output status attempt passed=0
    shift 3
    for ((attempt = 0; attempt <= again; attempt++)); do
        status=0
        output=$(limited "$@" 2>&1 </dev/null) || status=$?
        output=${output//$'\r'/}
        [[ "|$wanted|" == *"|$status|"* ]] || break
        # shellcheck disable=SC2053  # a pattern
        if [[ $output == $pattern ]]; then
            passed=1
            break
        fi
    done
    if [ $passed = 1 ]; then
        echo "ok    $client $name: $operation"
    else
        echo "FAIL  $client $name: $operation"
        {
            echo "$operation: status $status, wanted $wanted; wanted output '$pattern'; called: $*"
            printf '%s\n\n' "$output"
        } >>"$logs/$client-$name.log"
    fi
}

# limited COMMAND...: a program within the time limit, or a function, which limits itself.
limited() {
    if [ "$(type -t "$1")" = function ]; then "$@"; else timeout -k 5 "$operation_limit" "$@"; fi
}

skip() { echo "skip  $client $name: $1 ($2)"; }

# eventually SECONDS COMMAND...: repeats it until it succeeds.
eventually() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

# checkpoints OPERATION: whether they can be tried; says why if not.
checkpoints() {
    [ -z "${criu:-}" ] || return 0
    skip "$1" 'no CRIU works on this kernel'
    return 1
}

# For sh -c: a program whose count shows whether it goes on or begins anew.
# shellcheck disable=SC2034,SC2016  # for the clients' files; meant for the container's shell
counting='i=0; while :; do i=$((i + 1)); echo $i >/count; sleep 0.1; done'

# all_capabilities: whether this machine's root may have every capability that the kernel knows.
all_capabilities() {
    local last bounding
    last=$(cat /proc/sys/kernel/cap_last_cap)
    bounding=$(sed -n 's/^CapBnd:\t//p' /proc/self/status)
    [ $((16#$bounding)) = $(((1 << (last + 1)) - 1)) ]
}

# on_terminal COMMAND...: with a pseudo-terminal for standard input and output.
on_terminal() {
    local words
    printf -v words '%q ' "$@"
    timeout -k 5 "$operation_limit" script -qefc "$words" /dev/null
}

# A root file system of busybox, and images of it in the form of docker save and of OCI.
make_rootfs() {
    local root=$work/rootfs applet
    mkdir -p "$root"/{bin,etc,tmp,proc,sys,dev,root,home/user}
    cp /bin/busybox "$root/bin/"
    for applet in $(/bin/busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n' >"$root/etc/group"
    chmod 1777 "$root/tmp"
    chown 1000:1000 "$root/home/user"
    tar -C "$root" -cf "$work/rootfs.tar" .
}

# docker_archive FILE TAG: as `docker save` writes it.
docker_archive() {
    local folder=$work/archive layer config
    mkdir -p "$folder"
    cp "$work/rootfs.tar" "$folder/layer.tar"
    layer=$(sha256sum "$folder/layer.tar" | cut -d' ' -f1)
    printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created_by":"plimsoll"}]}' \
        "$layer" >"$folder/config.json"
    config=config.json
    printf '[{"Config":"%s","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$config" "$2" >"$folder/manifest.json"
    tar -C "$folder" -cf "$1" .
    rm -rf "$folder"
}
