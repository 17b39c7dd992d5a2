# shellcheck shell=bash
# containerd with its own client, ctr, and the runc shim.
# shellcheck disable=SC2154,SC2016  # set by session; meant for the container's shell
address=/run/containerd.sock
image=docker.io/library/plim:latest
daemon=''
# ctr opens the pipes of a program while that runs already, and stops reading when it has ended: on a busy
# machine the output of one that ends at once is lost now and then.
again=2

c() { timeout -k 5 "${operation_limit:?}" ctr --address $address --namespace plimsoll "$@"; }
started() { c run --snapshotter native --runtime io.containerd.runc.v2 --runc-binary "$runtime" --cgroup "/plimsoll-containerd-$name/$RANDOM$RANDOM" "$@"; }
ran() { started --rm "$@"; }
status_is() { c task ls | grep -qE "^$1 +[0-9]+ +$2"; }

setup() {
    cat >"$work/containerd.toml" <<CONF
version = 2
root = "$work/containerd-root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "$address"
CONF
    containerd --config "$work/containerd.toml" >"$logs/containerd-$name.daemon.log" 2>&1 &
    daemon=$!
    eventually 30 c version || return 1
    docker_archive "$work/plim.tar" $image
    op 'import an image' 0 '*' c image import --snapshotter native "$work/plim.tar"
}

quick() {
    op 'run' 0 'hello' ran $image r1 echo hello
    op 'run: exit status' 7 '' ran $image r2 sh -c 'exit 7'
    op 'run: missing path' 1 '*no such file or directory*' ran $image r3 /nowhere
    op 'run: missing command' 1 '*executable file not found in $PATH*' ran $image r4 nowhere
    op 'run: not executable' 1 '*permission denied*' ran $image r5 /etc/passwd
    op 'run: what failed can be deleted' 0 '' deleted_after_failure
    op 'run: terminal' 0 '*/dev/pts/0*' on_terminal ctr --address $address --namespace plimsoll run --rm -t --snapshotter native \
        --runc-binary "$runtime" --cgroup "/plimsoll-containerd-$name/tty" $image r6 tty
    op 'run -d' 0 '' started -d $image a sleep 1000
    op 'it is running' 0 '' eventually 10 status_is a RUNNING
    op 'exec' 0 'inside' c task exec --exec-id e1 a echo inside
    op 'exec: exit status' 5 '' c task exec --exec-id e2 a sh -c 'exit 5'
    op 'exec: missing command' 1 '*executable file not found*' c task exec --exec-id e3 a nowhere
    op 'exec: terminal' 0 '*/dev/pts/*' on_terminal ctr --address $address --namespace plimsoll task exec -t --exec-id e4 a tty
    op 'ps' 0 'PID*INFO*' c task ps a
    op 'metrics' 0 '*memory*pids.current*' c task metrics a
    op 'pause' 0 '' c task pause a
    op 'it is paused' 0 '' status_is a PAUSED
    op 'resume' 0 '' c task resume a
    op 'it runs again' 0 '' status_is a RUNNING
    op 'kill' 0 '' c task kill -s SIGKILL a
    op 'it is stopped' 0 '' eventually 10 status_is a STOPPED
    op 'delete the task: its status' 0 '*exit code 137*' c task delete a
    op 'delete the container' 0 '' c container delete a
}

count() { c task exec --exec-id "$RANDOM$RANDOM" "$1" cat /count; }
counts_beyond() { [ "$(count "$1")" -gt "$2" ]; }
ended() {
    c task kill -s KILL "$1"
    eventually 10 status_is "$1" STOPPED
    c task delete "$1" >/dev/null 2>&1
    c container delete "$1"
}
saved() {
    local before
    started -d $image cp sh -c "$counting" && eventually 10 counts_beyond cp 3 || return 98
    before=$(count cp)
    c container checkpoint --rw --task cp localhost/saved:1 >/dev/null && ended cp &&
        c container restore --rw --live cr localhost/saved:1 && eventually 10 counts_beyond cr "$before" && echo goes on
    local status=$?
    ended cr
    return $status
}
saved_ends() {
    started -d $image ce sh -c "$counting" && eventually 10 counts_beyond ce 3 || return 98
    c task checkpoint --exit --image-path "$work/saved" --work-path "$work/saved-work" ce && eventually 10 status_is ce STOPPED &&
        c task delete ce >/dev/null
    c container delete ce && ls "$work/saved/inventory.img"
}

# the client may or may not have removed what it could not start; in the end nothing must be there
deleted_after_failure() {
    c container delete r3 r4 r5 >/dev/null 2>&1
    [ -z "$(c container ls -q)" ]
}

thorough() {
    if checkpoints 'checkpoints'; then
        op 'checkpoint and restore' 0 '*goes on' saved
        op 'checkpoint: it ends' 0 '*inventory.img' saved_ends
    fi
    op 'memory limit' 0 '67108864' ran --memory-limit 67108864 --mount type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro $image m1 cat /sys/fs/cgroup/memory/memory.limit_in_bytes
    op 'cpu quota' 0 '50000' ran --cpus 0.5 --mount type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro $image m2 cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
    op 'environment' 0 'value' ran --env KEY=value $image m4 sh -c 'echo $KEY'
    op 'workdir' 0 '/tmp' ran --cwd /tmp $image m5 pwd
    op 'read-only' 1 '*Read-only file system*' ran --read-only $image m6 touch /x
    mkdir -p "$work/volume" && echo data >"$work/volume/file"
    op 'mount' 0 'data' ran --mount "type=bind,src=$work/volume,dst=/v,options=rbind:ro" $image m7 cat /v/file
    op 'mount: read-only' 1 '*Read-only file system*' ran --mount "type=bind,src=$work/volume,dst=/v,options=rbind:ro" $image m8 touch /v/x
    op 'privileged' 0 '*' ran --privileged $image m9 ls /dev/null
    op 'seccomp' 0 'Seccomp:	2' ran --seccomp $image m10 grep Seccomp: /proc/self/status
    op 'no new privileges is the default' 0 'NoNewPrivs:	1' ran $image m11 grep NoNewPrivs /proc/self/status
    op 'capability added' 0 'CapEff:	*35fb' ran --cap-add CAP_NET_ADMIN $image m15 grep CapEff /proc/self/status
    op 'device' 0 '*' ran --device /dev/null $image m12 ls -l /dev/null
    op 'network of the host' 0 '*lo*' ran --net-host $image m13 ip link
    op 'a joined namespace' 0 'net:*' joined
    op 'user namespace' 0 '*0     100000*' ran --uidmap 0:100000:65536 --gidmap 0:100000:65536 $image m16 cat /proc/self/uid_map
    op 'oom is seen' 0 '137' oom
    op 'TERM to init' 0 '*exit code 143*' ended_by TERM
    op 'update: pause and kill' 0 '' paused_and_killed
    op 'pid file' 0 '' pid_file
    op 'detached exec' 0 '' detached_exec
    op 'a second container of the same id' 1 '*already exists*' twice
    op 'twenty at once' 0 '20' twenty
}

joined() { ran --with-ns "network:/proc/self/ns/net" $image j1 readlink /proc/self/ns/net; }
oom() {
    local status=0
    ran --memory-limit 16777216 $image o sh -c 'x=$(cat /dev/zero | tr "\0" x)' >/dev/null 2>&1 || status=$?
    echo $status
}
ended_by() {
    started -d $image t sh -c 'trap "exit 143" TERM; while :; do sleep 0.1; done'
    sleep 0.5 # the shell's trap shows nowhere
    c task kill -s "$1" t
    eventually 10 status_is t STOPPED
    c task delete t
    c container delete t
}
paused_and_killed() {
    started -d $image p sleep 100
    c task pause p
    c task kill -s KILL p
    c task resume p 2>/dev/null # where a frozen cgroup keeps even KILL
    eventually 10 status_is p STOPPED || return 1
    c task delete p >/dev/null 2>&1
    c container delete p
}
pid_file() {
    started -d --pid-file "$work/pid" $image f sleep 100
    [ -d "/proc/$(cat "$work/pid")" ] || return 1
    c task kill -s KILL f
    eventually 10 status_is f STOPPED
    c task delete f >/dev/null 2>&1
    c container delete f
}
detached_exec() {
    started -d $image x sleep 100
    c task exec -d --exec-id d x sh -c '>/tmp/done'
    eventually 10 c task exec --exec-id "$RANDOM" x test -e /tmp/done
    local status=$?
    c task kill -s KILL x
    eventually 10 status_is x STOPPED
    c task delete x >/dev/null 2>&1
    c container delete x
    return $status
}
twice() {
    started -d $image s sleep 100
    local status=0
    started -d $image s sleep 100 || status=$?
    c task kill -s KILL s
    eventually 10 status_is s STOPPED
    c task delete s >/dev/null 2>&1
    c container delete s
    return $status
}
twenty() {
    local i
    for i in {1..20}; do ran $image "w$i" echo yes & done | grep -c yes
}

teardown() {
    op 'nothing is left' 0 '' c container ls -q
    kill "$daemon"
    wait "$daemon"
}
