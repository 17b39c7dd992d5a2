# shellcheck shell=bash
# podman with conmon.
# shellcheck disable=SC2154,SC2016  # set by session; meant for the container's shell
engine_parent=/plimsoll-podman-$name

pod() {
    timeout -k 5 "${operation_limit:?}" podman --root "$work/storage" --runroot /run/podman --tmpdir /run/podman-tmp --storage-driver vfs \
        --cgroup-manager cgroupfs --events-backend file --runtime "$runtime" "$@"
}

# ran OPTION... IMAGE CMD: in the foreground, removed afterwards.
ran() { pod run --rm --network none --cgroup-parent "$engine_parent" "$@"; }
kept() { pod run -d --network none --cgroup-parent "$engine_parent" "$@"; }
inspected() { pod inspect --format "$2" "$1"; }
status_is() { [ "$(inspected "$1" '{{.State.Status}}')" = "$2" ]; }
image=localhost/plim:latest

setup() {
    cat >"$work/containers.conf" <<CONF
[engine]
# errors are read from the JSON log as they are with the runtimes that podman knows
runtime_supports_json = ["crun", "runc", "kata", "runsc", "plimrun"]
CONF
    export CONTAINERS_CONF=$work/containers.conf
    op 'import an image' 0 '*' pod import "$work/rootfs.tar" "$image"
    pod image exists "$image"
}

quick() {
    op 'run' 0 'hello' ran $image echo hello
    op 'run: exit status' 7 '' ran $image sh -c 'exit 7'
    op 'run: 125 for a bad volume' 125 '*' ran -v /nowhere/at/all:/x $image true
    op 'run: 126 for what cannot be executed' 126 '*permission denied*' ran $image /etc/passwd
    op 'run: 127 for a missing path' 127 '*no such file or directory*' ran $image /nowhere
    op 'run: 127 for a missing command' 127 '*executable file not found in $PATH*' ran $image nowhere
    op 'run: terminal' 0 '/dev/pts/0*' on_terminal_run tty
    op 'run -d' 0 '*' kept --name a $image sh -c 'trap "exit 3" TERM; trap "echo usr1" USR1; echo started; while :; do sleep 0.1; done'
    op 'it is running' 0 '' eventually 10 status_is a running
    op 'logs' 0 'started' eventually_logs a started
    op 'exec' 0 'inside' pod exec a echo inside
    op 'exec: exit status' 5 '' pod exec a sh -c 'exit 5'
    op 'exec: 127' 127 '*' pod exec a nowhere
    op 'exec: 126' 126 '*' pod exec a /etc/passwd
    op 'exec: terminal' 0 '/dev/pts/*' on_terminal_exec a tty
    op 'top' 0 '*COMMAND*sh -c*' pod top a
    op 'stats' 0 '*"mem_usage"*' pod stats --no-stream --no-reset --format json a
    op 'pause' 0 'a' pod pause a
    op 'it is paused' 0 '' status_is a paused
    op 'unpause' 0 'a' pod unpause a
    op 'kill -s USR1' 0 'a' pod kill -s USR1 a
    op 'the signal arrived' 0 'started
usr1' eventually_logs a usr1
    op 'stop' 0 'a' pod stop -t 10 a
    op "stop: the payload's own status" 0 '3' inspected a '{{.State.ExitCode}}'
    op 'start again' 0 'a' pod start a
    op 'rm -f' 0 '*' pod rm -f -t 0 a
    ! checkpoints 'checkpoint and restore' || op 'checkpoint and restore' 0 'exited running goes on' saved
    op 'memory limit' 0 '67108864' ran --memory 64m $image cat /sys/fs/cgroup/memory/memory.limit_in_bytes
    op 'oom' 137 '*' ran --memory 16m --memory-swap 16m $image sh -c 'x=$(cat /dev/zero | tr "\0" x)'
}

# the count in NAME, and whether it goes beyond N
count() { pod exec "$1" cat /count; }
counts_beyond() { [ "$(count "$1")" -gt "$2" ]; }
saved() {
    local before states
    kept --name cp $image sh -c "$counting" >/dev/null && eventually 10 counts_beyond cp 3 || return 98
    before=$(count cp)
    pod container checkpoint cp >/dev/null && states=$(inspected cp '{{.State.Status}}') &&
        pod container restore cp >/dev/null && states="$states $(inspected cp '{{.State.Status}}')" &&
        eventually 10 counts_beyond cp "$before" && echo "$states goes on"
    local status=$?
    pod rm -f -t 0 cp >/dev/null
    return $status
}

on_terminal_run() { on_terminal_pod run --rm --network none --cgroup-parent "$engine_parent" -t $image "$@"; }
on_terminal_exec() { on_terminal_pod exec -t "$@"; }
on_terminal_pod() {
    on_terminal podman --root "$work/storage" --runroot /run/podman --tmpdir /run/podman-tmp --storage-driver vfs \
        --cgroup-manager cgroupfs --events-backend file --runtime "$runtime" "$@"
}
eventually_logs() {
    eventually 10 logs_hold "$@"
    pod logs "$1"
}
logs_hold() { pod logs "$1" 2>&1 | grep -q "$2"; }

limits() {
    op 'pids limit' 0 '33' ran --pids-limit 33 $image cat /sys/fs/cgroup/pids/pids.max
    op 'cpu quota' 0 '50000' ran --cpus 0.5 $image cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
    op 'cpu shares' 0 '512' ran --cpu-shares 512 $image cat /sys/fs/cgroup/cpu/cpu.shares
    op 'cpuset' 0 '0' ran --cpuset-cpus 0 $image cat /sys/fs/cgroup/cpuset/cpuset.cpus
    op 'memory reservation' 0 '33554432' ran --memory-reservation 32m $image cat /sys/fs/cgroup/memory/memory.soft_limit_in_bytes
    op 'ulimit' 0 '777' ran --ulimit nofile=777:777 --ulimit nproc=100:100 $image sh -c 'ulimit -n'
    op 'oom score' 0 '123' ran --oom-score-adj 123 $image cat /proc/self/oom_score_adj
    op 'update' 0 '*' updated
    op 'update: cpus' 0 '25000' pod exec u cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
    op 'update: memory' 0 '134217728' pod exec u cat /sys/fs/cgroup/memory/memory.limit_in_bytes
    op 'update: rm' 0 '*' pod rm -f -t 0 u
}
updated() {
    kept --name u --memory 64m $image sleep 100 && pod update --memory 128m --memory-swap 128m --cpus 0.25 u
}
identities() {
    op 'user' 0 'uid=1000(user) gid=1000(user)*' ran -u user $image id
    op 'user by number' 0 '4321:8765' ran -u 4321:8765 $image sh -c 'echo $(id -u):$(id -g)'
    op 'group-add' 0 '*2345*' ran --group-add 2345 $image id -G
    op 'exec: user' 0 '1000' exec_fresh -u 1000 id -u
    op 'exec: workdir' 0 '/tmp' exec_fresh -w /tmp pwd
    op 'exec: environment' 0 'b' exec_fresh -e A=b sh -c 'echo $A'
    op 'exec: privileged' 0 'CapEff:	*ffff' exec_fresh --privileged grep CapEff /proc/self/status
    op 'user namespace' 0 '*0     100000       5000' ran --uidmap 0:100000:5000 --gidmap 0:100000:5000 $image cat /proc/self/uid_map
    op 'capabilities: none' 0 'CapEff:	0000000000000000' ran --cap-drop ALL $image grep CapEff /proc/self/status
    op 'capabilities: one' 0 'CapEff:	0000000000001000' ran --cap-drop ALL --cap-add NET_ADMIN $image grep CapEff /proc/self/status
    op 'privileged' 0 '*/dev/null*' ran --privileged $image ls /dev/null
    op 'no new privileges' 0 'NoNewPrivs:	1' ran --security-opt no-new-privileges $image grep NoNewPrivs /proc/self/status
    op 'seccomp is on' 0 'Seccomp:	2' ran $image grep Seccomp: /proc/self/status
    op 'seccomp unconfined' 0 'Seccomp:	0' ran --security-opt seccomp=unconfined $image grep Seccomp: /proc/self/status
}
exec_fresh() {
    local options=() status=0
    while [[ ${1:-} == -* ]]; do
        options+=("$1")
        [ "$1" = --privileged ] || { options+=("$2"); shift; }
        shift
    done
    kept --name e $image sleep 100 >/dev/null || return 99
    pod exec "${options[@]}" e "$@" || status=$?
    pod rm -f -t 0 e >/dev/null
    return $status
}

filesystems() {
    op 'read-only' 1 '*Read-only file system*' ran --read-only --read-only-tmpfs=false $image touch /x
    op 'tmpfs' 0 '*size=1024k*' ran --tmpfs /t:size=1m $image grep ' /t ' /proc/mounts
    mkdir -p "$work/volume" && echo data >"$work/volume/file"
    op 'volume' 0 'data' ran -v "$work/volume:/v" $image cat /v/file
    op 'volume: written' 0 'more' volume_written
    op 'volume: read-only' 1 '*Read-only file system*' ran -v "$work/volume:/v:ro" $image touch /v/x
    op 'volume: named' 0 'kept' named_volume
    op 'volume: copied up' 0 '*passwd*' ran -v fresh:/etc $image ls /etc
    op 'device' 0 'c*1,*3*' ran --device /dev/null:/dev/other $image ls -l /dev/other
    op 'device denied' 1 '*' ran $image sh -c 'mknod /x b 1 1 && head -c 1 /x'
    op 'shm size' 0 '*size=2048k*' ran --shm-size 2m $image grep /dev/shm /proc/mounts
    op 'masked path' 0 '' ran $image cat /proc/keys
    op 'read-only path' 1 '*Read-only file system*' ran $image sh -c 'echo 1 >/proc/sys/kernel/panic'
    op 'workdir' 0 '/home/user' ran -w /home/user $image pwd
    op 'cp' 0 'data' copied
    op 'commit and diff' 0 '*A /new*' committed
}
volume_written() { ran -v "$work/volume:/v" $image sh -c 'echo more >/v/new' && cat "$work/volume/new"; }
named_volume() { ran -v keep:/k $image sh -c 'echo kept >/k/f' && ran -v keep:/k $image cat /k/f; }
copied() {
    kept --name c $image sleep 100 >/dev/null && pod cp "$work/volume/file" c:/tmp/f && pod exec c cat /tmp/f
    pod rm -f -t 0 c >/dev/null
}
committed() {
    kept --name d $image sh -c '>/new; sleep 100' >/dev/null && eventually 10 pod exec d test -e /new && pod diff d && pod commit -q d localhost/two >/dev/null &&
        ran localhost/two ls /new
    pod rm -f -t 0 d >/dev/null
}

namespaces() {
    op 'hostname' 0 'box' ran --hostname box $image hostname
    op 'sysctl' 0 '77' ran --sysctl net.ipv4.ping_group_range='0 77' $image sh -c 'set -- $(cat /proc/sys/net/ipv4/ping_group_range); echo $2'
    op 'pid namespace' 0 '1' ran $image sh -c 'echo $$'
    op 'pid of the host' 0 'no' ran --pid host $image sh -c '[ $$ = 1 ] && echo yes || echo no'
    op "another container's network" 0 '*' shared_network
    op 'ipc of the host' 0 '*' ran --ipc host $image true
    op 'environment' 0 'value' ran -e KEY=value $image sh -c 'echo $KEY'
    op 'entrypoint' 0 'e args' ran --entrypoint '["echo","e"]' $image args
    op 'standard input' 0 'fed' fed
    if "$runtime" --help | grep -q cgroup-manager; then
        op 'cgroups disabled' 0 'off' without_cgroups
    else
        skip 'cgroups disabled' 'this runtime has no --cgroup-manager'
    fi
}
shared_network() {
    kept --name n $image sleep 100 >/dev/null && pod run --rm --network container:n --cgroup-parent "$engine_parent" $image true
    local status=$?
    pod rm -f -t 0 n >/dev/null
    return $status
}
fed() { echo fed | pod run --rm -i --network none --cgroup-parent "$engine_parent" $image cat; }
# podman passes --cgroup-manager disabled to a runtime of the name crun, and refuses for runc
without_cgroups() {
    ln -sf "$runtime" "$work/crun"
    local cgroups
    cgroups=$(runtime=$work/crun pod run --rm --network none --cgroups disabled $image cat /proc/self/cgroup) || return 98
    [[ $cgroups == *libpod* || $cgroups == *plimsoll* ]] || echo off
}

lifecycle() {
    op 'create, start -a' 4 'attached' created
    op 'wait' 0 '9' waited
    op 'kill' 0 '137' killed
    op 'stop: KILL after its time' 0 '137' stubborn
    op 'restart' 0 'running' restarted
    op 'restart policy' 0 '2' restart_policy
    op 'healthcheck' 0 '' healthy healthcheck-passes true
    op 'healthcheck: unhealthy' 1 '*' healthy healthcheck-fails false
    op 'exec -d' 0 '' detached_exec
    op 'attach' 0 'late' attached
    op 'rename, ps' 0 'new Up*' renamed
    op 'init of an ended container' 0 'exited' ended
    op 'pod' 0 'in a pod' in_pod
    op 'build' 0 '*built by root*' built
}
created() {
    local status=0
    pod create --name f --network none --cgroup-parent "$engine_parent" $image sh -c 'echo attached; exit 4' >/dev/null
    pod start -a f || status=$?
    pod rm -f f >/dev/null
    return $status
}
waited() { kept --name w $image sh -c 'sleep 0.3; exit 9' >/dev/null; pod wait w; pod rm -f w >/dev/null; }
killed() { kept --name k $image sleep 100 >/dev/null; pod kill k >/dev/null; pod wait k; pod rm -f k >/dev/null; }
stubborn() {
    kept --name s $image sh -c 'trap "" TERM; while :; do sleep 0.1; done' >/dev/null
    eventually 10 status_is s running
    pod stop -t 1 s >/dev/null 2>&1
    inspected s '{{.State.ExitCode}}'
    pod rm -f -t 0 s >/dev/null
}
restarted() { kept --name r $image sleep 100 >/dev/null; pod restart -t 0 r >/dev/null; inspected r '{{.State.Status}}'; pod rm -f -t 0 r >/dev/null; }
restart_policy() {
    kept --name p --restart on-failure:2 $image sh -c 'exit 1' >/dev/null
    eventually 20 restarts_are p 2
    inspected p '{{.RestartCount}}'
    pod rm -f -t 0 p >/dev/null
}
restarts_are() { [ "$(inspected "$1" '{{.RestartCount}}')" = "$2" ]; }
healthy() {
    local status=0
    kept --name "$1" --health-cmd "$2" --health-interval disable $image sleep 100 >/dev/null
    pod healthcheck run "$1" || status=$?
    pod rm -f -t 0 "$1" >/dev/null
    return $status
}
detached_exec() {
    kept --name x $image sleep 100 >/dev/null
    pod exec -d x sh -c '>/tmp/done' >/dev/null
    eventually 10 pod exec x test -e /tmp/done
    local status=$?
    pod rm -f -t 0 x >/dev/null
    return $status
}
attached() {
    kept --name t $image sh -c 'sleep 1; echo late' >/dev/null
    pod attach --no-stdin t
    pod rm -f -t 0 t >/dev/null
}
renamed() { kept --name old $image sleep 100 >/dev/null; pod rename old new; pod ps --format '{{.Names}} {{.Status}}'; pod rm -f -t 0 new >/dev/null; }
ended() { kept --name z $image true >/dev/null; pod wait z >/dev/null; inspected z '{{.State.Status}}'; pod rm -f z >/dev/null; }
in_pod() {
    pod pod create --infra=false --name g --cgroup-parent "$engine_parent" >/dev/null && pod run --rm --pod g --network none $image echo in a pod
    pod pod rm -f g >/dev/null
}
built() {
    mkdir -p "$work/build"
    printf 'FROM %s\nRUN echo built by $(id -un)\nRUN >/made\nUSER user\n' $image >"$work/build/Containerfile"
    pod build --network none -t localhost/made "$work/build" && ran localhost/made ls /made
}

checkpointing() {
    checkpoints 'checkpoints' || return 0
    op 'checkpoint: it goes on' 0 'running' saved_running
    op 'checkpoint: exported and imported' 0 'goes on' moved
    op 'checkpoint: with a terminal' 0 '*' saved_terminal
}
saved_running() {
    kept --name cr $image sh -c "$counting" >/dev/null && eventually 10 counts_beyond cr 3 && pod container checkpoint --leave-running cr >/dev/null &&
        inspected cr '{{.State.Status}}'
    local status=$?
    pod rm -f -t 0 cr >/dev/null
    return $status
}
moved() {
    local before
    kept --name cm $image sh -c "$counting" >/dev/null && eventually 10 counts_beyond cm 3 || return 98
    before=$(count cm)
    pod container checkpoint --export "$work/cm.tar" cm >/dev/null && pod rm -f -t 0 cm >/dev/null &&
        pod container restore --import "$work/cm.tar" --name cn >/dev/null && eventually 10 counts_beyond cn "$before" && echo goes on
    local status=$?
    pod rm -f -t 0 -i cm cn >/dev/null
    return $status
}
saved_terminal() {
    local before
    kept -t --name ct $image sh -c "$counting" >/dev/null && eventually 10 counts_beyond ct 3 || return 98
    before=$(count ct)
    pod container checkpoint ct && pod container restore ct && eventually 10 counts_beyond ct "$before"
    local status=$?
    pod rm -f -t 0 ct >/dev/null
    return $status
}

thorough() {
    checkpointing
    limits
    identities
    filesystems
    namespaces
    lifecycle
}

teardown() {
    op 'nothing is left running' 0 '' pod ps -q
}
