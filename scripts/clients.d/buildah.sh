# shellcheck shell=bash
# buildah: builds and runs in working containers.
# shellcheck disable=SC2154,SC2016  # set by session; meant for the container's shell
image=localhost/plim:latest
box=''

b() {
    timeout -k 5 "${operation_limit:?}" buildah --root "$work/storage" --runroot /run/buildah --storage-driver vfs "$@"
}
ran() { b run --isolation oci --runtime "$runtime" "$@"; }

setup() {
    op 'an image from scratch' 0 '*' from_scratch
    box=$(b from $image) || return 1
}
from_scratch() {
    local scratch
    scratch=$(b from scratch) && b add -q "$scratch" "$work/rootfs.tar" / && b config --env PATH=/bin --cmd sh "$scratch" &&
        b commit -q --rm "$scratch" $image
}

quick() {
    op 'run' 0 'hello' ran "$box" echo hello
    op 'run: exit status' 7 '*' ran "$box" sh -c 'exit 7'
    op 'run: missing command' 1 '*executable file not found in $PATH*' ran "$box" nowhere
    op 'run: missing path' 1 '*no such file or directory*' ran "$box" /nowhere
    op 'run: terminal' 0 '*/dev/pts/0*' on_terminal buildah --root "$work/storage" --runroot /run/buildah --storage-driver vfs \
        run --isolation oci --runtime "$runtime" --terminal "$box" tty
    op 'run: standard input' 0 'fed' fed
    op 'what a run wrote stays' 0 'kept' stays
    op 'build' 0 '*built by root*' built
    op 'build: what failed says so' 3 '*exit status 3*' build_fails
}
fed() { echo fed | ran "$box" cat; }
stays() { ran "$box" sh -c 'echo kept >/kept' && ran "$box" cat /kept; }
containerfile() { mkdir -p "$work/build" && cat >"$work/build/Containerfile"; }
build() { b build --isolation oci --runtime "$runtime" -t localhost/made "$@" "$work/build"; }
built() {
    printf 'FROM %s\nRUN echo built by $(id -un)\nRUN >/made\nUSER user\n' $image | containerfile
    build
}
build_fails() {
    printf 'FROM %s\nRUN exit 3\n' $image | containerfile
    build
}

thorough() {
    op 'user' 0 'uid=1000(user)*' ran --user user "$box" id
    op 'environment' 0 'value' ran --env KEY=value "$box" sh -c 'echo $KEY'
    op 'hostname' 0 'box' ran --hostname box "$box" hostname
    mkdir -p "$work/volume" && echo data >"$work/volume/file"
    op 'volume' 0 'data' ran --volume "$work/volume:/v" "$box" cat /v/file
    op 'volume: read-only' 1 '*Read-only file system*' ran --volume "$work/volume:/v:ro" "$box" touch /v/x
    op 'mount: tmpfs' 0 '*tmpfs /t *' ran --mount type=tmpfs,dst=/t "$box" grep ' /t ' /proc/mounts
    op 'capabilities: one more' 0 'CapEff:	*1???' ran --cap-add CAP_NET_ADMIN "$box" grep CapEff /proc/self/status
    op 'no pivot' 0 'there' ran --no-pivot "$box" echo there
    op 'seccomp is on' 0 'Seccomp:	2' ran "$box" grep Seccomp: /proc/self/status
    op 'pid namespace' 0 '*' ran "$box" sh -c '[ "$(ls -d /proc/[0-9]* | wc -l)" -lt 6 ]'
    op 'network namespace of the host' 0 '*lo*' ran --network host "$box" ip link
    op 'twelve runs in a row' 0 '12' twelve
    op 'build: user, workdir, environment' 0 '*user /home/user value*' built_as
    op 'build: limits' 0 '*33*67108864*' built_within
    op 'build: copied from a stage' 0 '*from the stage*' built_in_stages
    op 'commit' 0 '*' b commit -q "$box" localhost/two
    op 'run what was committed' 0 'kept' run_committed
}
twelve() {
    for _ in {1..12}; do ran "$box" echo yes; done | grep -c yes
}
built_as() {
    printf 'FROM %s\nENV KEY=value\nUSER user\nWORKDIR /home/user\nRUN echo $(id -un) $(pwd) $KEY\n' $image | containerfile
    build
}
built_within() {
    printf 'FROM %s\nRUN ulimit -n; cat /sys/fs/cgroup/memory/memory.limit_in_bytes\n' $image | containerfile
    build --ulimit nofile=33:33 --memory 64m
}
built_in_stages() {
    printf 'FROM %s AS one\nRUN echo from the stage >/f\nFROM %s\nCOPY --from=one /f /g\nRUN cat /g\n' $image $image | containerfile
    build
}
run_committed() {
    local two
    two=$(b from localhost/two) && ran "$two" cat /kept
}

teardown() {
    op 'rm' 0 '*' b rm --all
}
