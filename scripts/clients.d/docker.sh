# shellcheck shell=bash
# docker: dockerd with a containerd of its own.
# shellcheck disable=SC2154,SC2016  # set by session; meant for the container's shell
image=plim:latest
daemon=''

d() { timeout -k 5 "${operation_limit:?}" docker --host unix:///run/docker.sock "$@"; }
ran() { d run --rm --network none "$@"; }
kept() { d run -d --network none "$@"; }
inspected() { d inspect --format "$2" "$1"; }
status_is() { [ "$(inspected "$1" '{{.State.Status}}')" = "$2" ]; }

setup() {
    mkdir -p "$work/docker-config"
    export DOCKER_CONFIG=$work/docker-config
    # its address, and the state of the containerd that it starts, lie in the private /run
    dockerd --experimental --host unix:///run/docker.sock --data-root "$work/docker" --exec-root /run/docker --pidfile /run/docker.pid \
        --bridge none --iptables=false --ip6tables=false --storage-driver vfs --cgroup-parent "/plimsoll-docker-$name" \
        --add-runtime "judged=$runtime" --default-runtime judged >"$logs/docker-$name.daemon.log" 2>&1 &
    daemon=$!
    eventually 60 d version || return 1
    docker_archive "$work/plim.tar" $image
    op 'load an image' 0 '*plim:latest*' d load -i "$work/plim.tar"
    op 'it is the default runtime' 0 '*judged*' d info --format '{{.DefaultRuntime}}'
}

quick() {
    op 'run' 0 'hello' ran $image echo hello
    op 'run: exit status' 7 '' ran $image sh -c 'exit 7'
    op 'run: 125 for a bad volume' 125 '*' ran -v /a:b:c:d $image true
    op 'run: 126 for what cannot be executed' 126 '*permission denied*' ran $image /etc/passwd
    op 'run: 127 for a missing path' 127 '*no such file or directory*' ran $image /nowhere
    op 'run: 127 for a missing command' 127 '*executable file not found in $PATH*' ran $image nowhere
    op 'run: terminal' 0 '*/dev/pts/0*' on_terminal docker --host unix:///run/docker.sock run --rm --network none -t $image tty
    op 'run -d' 0 '*' kept --name box-a $image sh -c 'trap "exit 3" TERM; trap "echo usr1" USR1; echo started; while :; do sleep 0.1; done'
    op 'it is running' 0 '' eventually 10 status_is box-a running
    op 'logs' 0 'started*' eventually_logs box-a started
    op 'exec' 0 'inside' d exec box-a echo inside
    op 'exec: exit status' 5 '' d exec box-a sh -c 'exit 5'
    op 'exec: 127' '126|127' '*executable file not found*' d exec box-a nowhere
    op 'exec: 126' 126 '*permission denied*' d exec box-a /etc/passwd
    op 'exec: terminal' 0 '*/dev/pts/*' on_terminal docker --host unix:///run/docker.sock exec -t box-a tty
    op 'top' 0 '*PID*sh -c*' d top box-a
    op 'stats' 0 '*iB / *' d stats --no-stream box-a
    op 'pause' 0 'box-a' d pause box-a
    op 'it is paused' 0 '' status_is box-a paused
    op 'unpause' 0 'box-a' d unpause box-a
    op 'kill -s USR1' 0 'box-a' d kill -s USR1 box-a
    op 'the signal arrived' 0 'started
usr1' eventually_logs box-a usr1
    op 'update' 0 'box-a' d update --memory 128m --memory-swap 128m --cpus 0.25 --pids-limit 44 box-a
    op 'update: memory' 0 '134217728' d exec box-a cat /sys/fs/cgroup/memory/memory.limit_in_bytes
    op 'update: cpus' 0 '25000' d exec box-a cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
    op 'update: pids' 0 '44' d exec box-a cat /sys/fs/cgroup/pids/pids.max
    op 'stop' 0 'box-a' d stop -t 10 box-a
    op "stop: the payload's own status" 0 '3' inspected box-a '{{.State.ExitCode}}'
    op 'start again' 0 'box-a' d start box-a
    op 'rm -f' 0 'box-a' d rm -f box-a
    op 'memory limit' 0 '67108864' ran --memory 64m $image cat /sys/fs/cgroup/memory/memory.limit_in_bytes
    op 'oom is noted' 0 'true 137' oom_noted
}
eventually_logs() {
    eventually 10 logs_hold "$@"
    d logs "$1"
}
logs_hold() { d logs "$1" 2>&1 | grep -q "$2"; }
oom_noted() {
    d run --network none --name box-o --memory 16m --memory-swap 16m $image sh -c 'x=$(cat /dev/zero | tr "\0" x)' >/dev/null 2>&1
    inspected box-o '{{.State.OOMKilled}} {{.State.ExitCode}}'
    d rm -f box-o >/dev/null
}

checkpointing() {
    checkpoints 'checkpoints' || return 0
    op 'checkpoint and restore' 0 'exited running goes on' saved
    op 'checkpoint: it goes on' 0 'running' saved_running
}
count() { d exec "$1" cat /count; }
counts_beyond() { [ "$(count "$1")" -gt "$2" ]; }
saved() {
    local before states
    kept --name box-i $image sh -c "$counting" >/dev/null && eventually 10 counts_beyond box-i 3 || return 98
    before=$(count box-i)
    d checkpoint create box-i one >/dev/null && eventually 10 status_is box-i exited && states=$(inspected box-i '{{.State.Status}}') &&
        d start --checkpoint one box-i && states="$states $(inspected box-i '{{.State.Status}}')" &&
        eventually 10 counts_beyond box-i "$before" && echo "$states goes on"
    local status=$?
    d rm -f box-i >/dev/null
    return $status
}
saved_running() {
    kept --name box-j $image sh -c "$counting" >/dev/null && eventually 10 counts_beyond box-j 3 &&
        d checkpoint create --leave-running box-j one >/dev/null && inspected box-j '{{.State.Status}}'
    local status=$?
    d rm -f box-j >/dev/null
    return $status
}

limits() {
    op 'pids limit' 0 '33' ran --pids-limit 33 $image cat /sys/fs/cgroup/pids/pids.max
    op 'cpu quota' 0 '50000' ran --cpus 0.5 $image cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
    op 'cpu shares' 0 '512' ran --cpu-shares 512 $image cat /sys/fs/cgroup/cpu/cpu.shares
    op 'cpuset' 0 '0' ran --cpuset-cpus 0 $image cat /sys/fs/cgroup/cpuset/cpuset.cpus
    op 'memory reservation' 0 '33554432' ran --memory-reservation 32m $image cat /sys/fs/cgroup/memory/memory.soft_limit_in_bytes
    op 'ulimit' 0 '777' ran --ulimit nofile=777:777 $image sh -c 'ulimit -n'
    op 'oom score' 0 '123' ran --oom-score-adj 123 $image cat /proc/self/oom_score_adj
}

identities() {
    op 'user' 0 'uid=1000(user) gid=1000(user)*' ran -u user $image id
    op 'user by number' 0 '4321:8765' ran -u 4321:8765 $image sh -c 'echo $(id -u):$(id -g)'
    op 'group-add' 0 '*2345*' ran --group-add 2345 $image id -G
    op 'exec: user' 0 '1000' exec_fresh -u 1000 id -u
    op 'exec: workdir' 0 '/tmp' exec_fresh -w /tmp pwd
    op 'exec: environment' 0 'b' exec_fresh -e A=b sh -c 'echo $A'
    op 'capabilities: none' 0 'CapEff:	0000000000000000' ran --cap-drop ALL $image grep CapEff /proc/self/status
    op 'capabilities: one' 0 'CapEff:	0000000000001000' ran --cap-drop ALL --cap-add NET_ADMIN $image grep CapEff /proc/self/status
    if all_capabilities; then
        op 'privileged' 0 '*/dev/null*' ran --privileged $image ls /dev/null
        op 'exec: privileged' 0 'CapEff:	*ffffffff' exec_fresh --privileged grep CapEff /proc/self/status
    else
        skip 'privileged, exec: privileged' 'root lacks a capability on this machine, and docker asks for all'
    fi
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
    kept --name box-e $image sleep 100 >/dev/null || return 99
    d exec "${options[@]}" box-e "$@" || status=$?
    d rm -f box-e >/dev/null
    return $status
}

filesystems() {
    op 'read-only' 1 '*Read-only file system*' ran --read-only $image touch /x
    op 'tmpfs' 0 '*size=1024k*' ran --tmpfs /t:size=1m $image grep ' /t ' /proc/mounts
    mkdir -p "$work/volume" && echo data >"$work/volume/file"
    op 'volume' 0 'data' ran -v "$work/volume:/v" $image cat /v/file
    op 'volume: written' 0 'more' volume_written
    op 'volume: read-only' 1 '*Read-only file system*' ran -v "$work/volume:/v:ro" $image touch /v/x
    op 'volume: named' 0 'kept' named_volume
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
    kept --name box-c $image sleep 100 >/dev/null && d cp "$work/volume/file" box-c:/tmp/f >/dev/null 2>&1 && d exec box-c cat /tmp/f
    d rm -f box-c >/dev/null
}
committed() {
    kept --name box-f $image sh -c '>/new; sleep 100' >/dev/null && eventually 10 d exec box-f test -e /new && d diff box-f && d commit box-f two >/dev/null &&
        ran two ls /new
    d rm -f box-f >/dev/null
}

namespaces() {
    op 'hostname' 0 'box' ran --hostname box $image hostname
    op 'sysctl' 0 '77' ran --sysctl net.ipv4.ping_group_range='0 77' $image sh -c 'set -- $(cat /proc/sys/net/ipv4/ping_group_range); echo $2'
    op 'pid of the host' 0 'no' ran --pid host $image sh -c '[ $$ = 1 ] && echo yes || echo no'
    op "another container's pid and network" 0 '*sleep 100*' shared
    op 'network of the host' 0 '*lo*' d run --rm --network host $image ip link
    op 'init' 0 '*docker-init*' ran --init $image cat /proc/1/comm
    op 'environment' 0 'value' ran -e KEY=value $image sh -c 'echo $KEY'
    op 'entrypoint' 0 'args' ran --entrypoint echo $image args
    op 'standard input' 0 'fed' fed
}
shared() {
    kept --name box-n $image sleep 100 >/dev/null && d run --rm --pid container:box-n --network container:box-n $image ps
    d rm -f box-n >/dev/null
}
fed() { echo fed | d run --rm -i --network none $image cat; }

lifecycle() {
    op 'create, start -a' 4 'attached' created
    op 'wait' 0 '9' waited
    op 'kill' 0 '137' killed
    op 'stop: KILL after its time' 0 '137' stubborn
    op 'restart' 0 'running' restarted
    op 'restart policy' 0 '2' restart_policy
    op 'healthcheck' 0 'healthy' healthy
    op 'exec -d' 0 '' detached_exec
    op 'attach' 0 'late' attached
    op 'five at once' 0 '5' five
    op 'init of an ended container' 0 'exited' ended
    op 'build' 0 '*built by root*' built
}
created() {
    local status=0
    d create --name box-g --network none $image sh -c 'echo attached; exit 4' >/dev/null
    d start -a box-g || status=$?
    d rm -f box-g >/dev/null
    return $status
}
waited() { kept --name box-w $image sh -c 'sleep 0.3; exit 9' >/dev/null; d wait box-w; d rm -f box-w >/dev/null; }
killed() { kept --name box-k $image sleep 100 >/dev/null; d kill box-k >/dev/null; d wait box-k; d rm -f box-k >/dev/null; }
stubborn() {
    kept --name box-s $image sh -c 'trap "" TERM; while :; do sleep 0.1; done' >/dev/null
    d stop -t 1 box-s >/dev/null
    inspected box-s '{{.State.ExitCode}}'
    d rm -f box-s >/dev/null
}
restarted() { kept --name box-r $image sleep 100 >/dev/null; d restart -t 0 box-r >/dev/null; inspected box-r '{{.State.Status}}'; d rm -f box-r >/dev/null; }
restart_policy() {
    kept --name box-p --restart on-failure:2 $image sh -c 'exit 1' >/dev/null
    eventually 20 restarts_are box-p 2
    inspected box-p '{{.RestartCount}}'
    d rm -f box-p >/dev/null
}
restarts_are() { [ "$(inspected "$1" '{{.RestartCount}}')" = "$2" ]; }
health_is() { [ "$(inspected "$1" '{{.State.Health.Status}}')" = "$2" ]; }
healthy() {
    kept --name box-h --health-cmd true --health-interval 500ms $image sleep 100 >/dev/null
    eventually 20 health_is box-h healthy
    inspected box-h '{{.State.Health.Status}}'
    d rm -f box-h >/dev/null
}
detached_exec() {
    kept --name box-x $image sleep 100 >/dev/null
    d exec -d box-x sh -c '>/tmp/done'
    eventually 10 d exec box-x test -e /tmp/done
    local status=$?
    d rm -f box-x >/dev/null
    return $status
}
attached() {
    kept --name box-t $image sh -c 'sleep 1; echo late' >/dev/null
    d attach --no-stdin box-t
    d rm -f box-t >/dev/null
}
five() {
    for _ in {1..5}; do ran $image echo yes & done | grep -c yes
}
ended() { kept --name box-z $image true >/dev/null; d wait box-z >/dev/null; inspected box-z '{{.State.Status}}'; d rm -f box-z >/dev/null; }
built() {
    mkdir -p "$work/build"
    printf 'FROM %s\nRUN echo built by $(id -un)\nRUN >/made\nUSER user\n' $image >"$work/build/Dockerfile"
    DOCKER_BUILDKIT=0 d build --network none -t made "$work/build" && ran made ls /made
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
    op 'nothing is left running' 0 '' d ps -q
    kill "$daemon"
    wait "$daemon"
}
