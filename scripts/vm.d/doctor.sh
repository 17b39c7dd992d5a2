# shellcheck shell=bash
# vm doctor: which backends work on this machine; tries only what is installed.

vm_doctor() {
    local backend started answer failed=1
    vm_prepare tiny
    for backend in uml kvm tcg; do
        if [ $backend != uml ] && ! command -v qemu-system-x86_64 >/dev/null; then
            echo "$backend: not tried, qemu is not installed (scripts/vm prepare -b $backend brings it)"
            continue
        elif [ $backend = kvm ] && [ ! -w /dev/kvm ]; then
            echo 'kvm: not there, /dev/kvm cannot be opened'
            continue
        elif [ $backend = kvm ] && [ -d /sys/module/kvm_pvm ]; then
            echo 'kvm: not usable, /dev/kvm is PVM, which runs no Debian kernel'
            continue
        fi
        started=$(date +%s%3N)
        # shellcheck disable=SC2016  # for the guest's shell
        if answer=$("$0" run -b $backend -t 60 -- sh -c \
            'echo "$(uname -r), init at $VM_UPTIME s, controllers: $(cat /sys/fs/cgroup/cgroup.controllers)"' 2>/dev/null); then
            echo "$backend: works, $(($(date +%s%3N) - started)) ms: $answer"
            failed=0
        else
            echo "$backend: fails (scripts/vm run -v -b $backend -- true says how)"
        fi
    done
    return $failed
}
