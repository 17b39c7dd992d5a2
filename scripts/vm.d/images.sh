# shellcheck shell=bash
# The guests' root file systems, built from busybox or Debian's packages and the files in guest/.

# What an image is made from; a change rebuilds it.
recipe() {
    cat "$scripts"/vm.d/images.sh "$scripts"/vm.d/settings.sh "$scripts"/guest/* | cksum | cut -d' ' -f1
    cat "$cache"/uml/release "$cache"/cloud/release 2>/dev/null || :
}

# pack DIR FILE: a gzipped initramfs.
pack() {
    (cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) | gzip -1 >"$2.part"
    mv "$2.part" "$2"
}

install_modules() { # ROOT
    local kernel
    for kernel in uml cloud; do
        [ -f "$cache/$kernel/ok" ] || continue
        mkdir -p "$1/lib/vm-modules"
        cp -r "$cache/$kernel/modules" "$1/lib/vm-modules/$(cat "$cache/$kernel/release")"
    done
}

image_tiny() {
    stamp_is "$cache/tiny.stamp" "$(recipe)" && return 0
    say 'building the tiny guest'
    local root=$cache/tiny.root
    rm -rf "$root"
    mkdir -p "$root/bin" "$root/etc" "$root/sbin"
    cp /bin/busybox "$root/bin/busybox"
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$root/etc/passwd"
    printf 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n' >"$root/etc/group"
    install_modules "$root"
    install -m 755 "$scripts/guest/agent" "$root/init"
    pack "$root" "$cache/tiny.cpio.gz"
    install -m 755 "$scripts/guest/switch" "$root/init"
    pack "$root" "$cache/switch.cpio.gz"
    rm -rf "$root"
    recipe >"$cache/tiny.stamp"
}

# Debian's packages: the slow part, kept across changes of these scripts, for the guests of every kernel.
base_tar() {
    stamp_is "$images/base.stamp" "$suite $guest_packages" && return 0
    local url
    url=$(mirror) || exit 125
    say "bootstrapping Debian $suite (a minute or two)"
    mmdebstrap --quiet --format=tar --variant=minbase --include="$guest_packages" \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' "$suite" "$images/base.part.tar" "deb $url $suite main" \
        </dev/null >"$images/mmdebstrap.log" 2>&1 || broken "mmdebstrap failed, see $images/mmdebstrap.log"
    mv "$images/base.part.tar" "$images/base.tar"
    echo "$suite $guest_packages" >"$images/base.stamp"
}

# Services that cost boot time and serve nothing in a guest that lives for seconds.
masked_services=(systemd-timesyncd systemd-random-seed systemd-update-utmp systemd-journal-flush
    systemd-sysusers systemd-pcrphase systemd-pcrphase-sysinit systemd-firstboot
    systemd-machine-id-commit systemd-network-generator systemd-boot-system-token
    systemd-hwdb-update ldconfig e2scrub_reap modprobe@)

configure_systemd() { # ROOT
    local root=$1 units=$1/etc/systemd/system service
    echo plimsoll-guest >"$root/etc/hostname"
    echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
    : >"$root/etc/fstab"
    echo 'tester:x:1000:1000::/home/tester:/bin/bash' >>"$root/etc/passwd"
    echo 'tester:x:1000:' >>"$root/etc/group"
    echo 'tester:!:19000:0:99999:7:::' >>"$root/etc/shadow"
    echo 'tester:100000:65536' >"$root/etc/subuid"
    echo 'tester:100000:65536' >"$root/etc/subgid"
    install -d -o 1000 -g 1000 "$root/home/tester"
    # every controller for the user's manager
    mkdir -p "$units/user@.service.d"
    printf '[Service]\nDelegate=cpu cpuset io memory pids\n' >"$units/user@.service.d/delegate.conf"
    install -m 644 "$scripts/guest/vm-agent.service" "$scripts/guest/vm.target" "$units/"
    ln -sf /etc/systemd/system/vm.target "$units/default.target"
    for service in "${masked_services[@]}"; do
        ln -sf /dev/null "$units/$service.service"
    done
}

image_systemd() {
    image_tiny
    base_tar
    stamp_is "$cache/systemd.stamp" "$(recipe)" && return 0
    say 'building the systemd guest'
    local root=$cache/systemd.root used
    rm -rf "$root"
    mkdir -p "$root"
    tar -xf "$images/base.tar" -C "$root" --exclude='./dev/*'
    rm -rf "${root:?}"/{var/cache/apt,var/lib/apt/lists,boot}/*
    install_modules "$root"
    install -D -m 755 "$scripts/guest/agent" "$root/sbin/vm-agent"
    mkdir -p "$root/vm"
    configure_systemd "$root"
    used=$(du -sm "$root" | cut -f1)
    rm -f "$cache/systemd.ext4" "$cache/systemd.ext4.part"
    mke2fs -q -F -t ext4 -O ^has_journal -m 0 -L vmroot -d "$root" "$cache/systemd.ext4.part" \
        "$((used + used / 4 + 1024))M" >"$cache/mke2fs.log" 2>&1 || broken "mke2fs failed, see $cache/mke2fs.log"
    mv "$cache/systemd.ext4.part" "$cache/systemd.ext4"
    rm -rf "$root"
    recipe >"$cache/systemd.stamp"
}

# vm_prepare [-b BACKEND] [GUEST]...
vm_prepare() {
    local OPTIND=1 option backend=uml name guests
    while getopts b: option; do
        case $option in
        b) backend=$OPTARG ;;
        *) exit 2 ;;
        esac
    done
    shift $((OPTIND - 1))
    guests=("$@")
    [ $# -gt 0 ] || guests=(tiny systemd)
    for name in "${guests[@]}"; do
        [[ $name =~ ^(tiny|systemd)$ ]] || die 2 "no guest '$name' (tiny, systemd)"
    done
    mkdir -p "$cache"
    (
        flock 9 # one builder at a time; others wait, and find it done
        vm_packages busybox-static cpio kmod xz-utils zstd e2fsprogs
        case $backend in
        uml) kernel_uml ;;
        kvm | tcg) vm_packages qemu-system-x86; kernel_qemu ;;
        auto) kernel_uml; vm_packages qemu-system-x86; kernel_qemu ;;
        *) die 2 "no backend '$backend' (uml, kvm, tcg, auto)" ;;
        esac
        for name in "${guests[@]}"; do
            [ "$name" = tiny ] || vm_packages mmdebstrap
            "image_$name"
        done
    ) 9>"$images/lock"
}
