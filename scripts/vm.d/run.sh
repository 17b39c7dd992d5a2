# shellcheck shell=bash
# vm run: boots a guest for one command.

# A /dev/kvm that opens is no proof: a PVM host runs only kernels built for it. Boot one.
kvm_works() {
    local key
    key="$(uname -r) $(cat "$cache/cloud/release")"
    if ! stamp_is "$cache/kvm.yes" "$key" && ! stamp_is "$cache/kvm.no" "$key"; then
        if [ -r /dev/kvm ] && [ -w /dev/kvm ] && [ ! -d /sys/module/kvm_pvm ] &&
            [ "$("$0" run -b kvm -t 20 -- echo ok 2>/dev/null)" = ok ]; then
            echo "$key" >"$cache/kvm.yes"
        else
            echo "$key" >"$cache/kvm.no"
        fi
    fi
    stamp_is "$cache/kvm.yes" "$key"
}

kernel_words="quiet loglevel=3 panic=-1 security=apparmor cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1"
kernel_words+=" systemd.show_status=0"

# boot_uml: starts user-mode-linux in the background and sets pid.
boot_uml() {
    local line=(mem="${memory}M" con=null 'con0=null,fd:1' ssl=null uml_dir="$folder" umid=vm hostfs="$folder" vm.via=hostfs)
    case $guest in
    tiny) line+=(initrd="$cache/tiny.cpio.gz") ;;
    systemd) line+=(ubd0="$folder/cow,$cache/systemd.ext4" root=/dev/ubda rw) ;;
    esac
    # shellcheck disable=SC2086
    TMPDIR=/dev/shm setsid timeout -k 5 "$limit" "$cache/uml/linux" "${line[@]}" $kernel_words $append \
        </dev/null >"$folder/console" 2>&1 &
    pid=$!
}

# boot_qemu: likewise. One CPU under TCG (qemu 7.2 loses races of text patching with two: "Oops: int3"),
# and no TSC clock there (it is calibrated wrongly on a busy host: guest time then runs fast).
boot_qemu() {
    local model line=() channel file words=$kernel_words
    case $backend in
    kvm) model=host,-arch-capabilities; : "${cpus:=2}" ;;
    tcg) model=max; : "${cpus:=1}"; words+=' tsc=unstable cryptomgr.notests' ;;
    esac
    mv "$folder/in.tar" "$folder/vm-in.tar"
    (cd "$folder" && echo vm-in.tar | cpio -o -H newc -R 0:0 --quiet) >"$folder/in.cpio"
    # plain cpio first: the kernel wants it 4-byte aligned, a gzip one may follow anywhere
    case $guest in
    tiny) cat "$folder/in.cpio" "$cache/tiny.cpio.gz" >"$folder/initrd" ;;
    systemd)
        cat "$folder/in.cpio" "$cache/switch.cpio.gz" >"$folder/initrd"
        line+=(-drive "file=$cache/systemd.ext4,format=raw,if=none,id=root,snapshot=on,cache=unsafe"
            -device "virtio-blk-pci,drive=root")
        ;;
    esac
    line+=(-device virtio-serial-pci)
    for channel in log rc out; do
        file=$folder/$channel
        [ $channel != out ] || file=$folder/out.tar
        line+=(-chardev "file,id=$channel,path=$file" -device "virtserialport,chardev=$channel,name=vm_$channel")
    done
    setsid timeout -k 5 "$limit" qemu-system-x86_64 -accel "$backend" -cpu "$model" -m "$memory" -smp "$cpus" \
        -nodefaults -no-user-config -display none -no-reboot -serial "file:$folder/console" \
        -kernel "$cache/cloud/vmlinuz" -initrd "$folder/initrd" -append "console=ttyS0 $words $append" "${line[@]}" \
        </dev/null >"$folder/qemu.err" 2>&1 &
    pid=$!
}

# clean_run: ends what still runs and removes the run's folder.
clean_run() {
    local process
    for process in $pid $tail_pid; do
        kill "$process" 2>/dev/null || : # it may have ended by itself
    done
    [ -n "$keep" ] || rm -rf "$folder"
}

parse_run() {
    local OPTIND=1 option
    while getopts g:b:u:m:c:t:i:l:f:o:a:v option; do
        case $option in
        g) guest=$OPTARG ;;
        b) backend=$OPTARG ;;
        u) user=$OPTARG ;;
        m) memory=$OPTARG ;;
        c) cpus=$OPTARG ;;
        t) limit=$OPTARG ;;
        o) out=$OPTARG ;;
        a) append=$OPTARG ;;
        v) keep=1 ;;
        i)
            [ -e "$OPTARG" ] || die 2 "no file $OPTARG"
            cp -a "$OPTARG" "$stage/"
            ;;
        l) stage_binary "$stage" "$OPTARG" ;;
        f) stage_same_path "$stage" "$OPTARG" ;;
        *) exit 2 ;;
        esac
    done
    shift $((OPTIND - 1))
    words=("$@")
    [ $# -gt 0 ] || die 2 'run: no command given'
    [[ $guest =~ ^(tiny|systemd)$ ]] || die 2 "run: no guest '$guest' (tiny, systemd)"
    [[ $backend =~ ^(uml|kvm|tcg|auto)$ ]] || die 2 "run: no backend '$backend' (uml, kvm, tcg, auto)"
    [[ $limit =~ ^[1-9][0-9]*$ ]] || die 2 "run: -t wants seconds, not '$limit'"
    [[ -z $memory || $memory =~ ^[1-9][0-9]*$ ]] || die 2 "run: -m wants MiB, not '$memory'"
    [ "$user" = root ] || [ "$guest" = systemd ] || die 2 'run: -u needs -g systemd'
}

# take_results: what the command left, to $out. Files of /vm/live are there however the guest ended.
take_results() {
    mkdir -p "$out"
    [ ! -s "$folder/out.tar" ] || tar -xf "$folder/out.tar" -C "$out" --no-same-owner
    cp -r "$folder/live/." "$out"
}

# finish_run STATUS: the command's status, or a word on why there is none.
finish_run() {
    local answer
    answer=$(cat "$folder/rc")
    [ -z "$out" ] || take_results
    [ -z "$keep" ] || say "run folder: $folder (console, log, out.tar)"
    if [ -z "$answer" ]; then
        tail -n 15 "$folder/console" >&2
        [ ! -s "$folder/qemu.err" ] || cat "$folder/qemu.err" >&2
        [ "$1" != 124 ] || die 124 "timed out after $limit s"
        broken "the guest ended (status $1) before the command did"
    fi
    exit "$answer"
}

vm_run() {
    guest=tiny backend=uml user=root memory='' cpus='' limit=300 out='' append='' keep='' pid='' tail_pid='' words=()
    folder=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-vm.XXXXXX")
    stage=$folder/stage
    mkdir "$stage"
    mkdir -m 1777 "$folder/live"
    trap clean_run EXIT
    trap 'exit 130' INT TERM
    parse_run "$@"
    "$0" prepare -b "$backend" "$guest"
    if [ "$backend" = auto ]; then
        if kvm_works; then backend=kvm; else backend=uml; fi
    fi
    if [ -z "$memory" ]; then
        memory=512
        [ "$guest" = tiny ] || memory=1024
    fi
    stage_command "$stage" "$user" "${words[@]}"
    tar -cf "$folder/in.tar" -C "$stage" --owner=0 --group=0 .
    : >"$folder/log"
    : >"$folder/rc"
    : >"$folder/out.tar"
    if [ "$backend" = uml ]; then boot_uml; else boot_qemu; fi
    tail -q -n +1 -s 0.2 --pid="$pid" -f "$folder/log" &
    tail_pid=$!
    local status=0
    wait "$pid" || status=$?
    pid=''
    wait "$tail_pid" || : # its output is what counts
    tail_pid=''
    finish_run "$status"
}
