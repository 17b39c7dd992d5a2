# shellcheck shell=bash disable=SC2034
# Where things lie and what the images are made of.

suite=bookworm
uml_suite=${PLIMSOLL_VM_UML_SUITE:-sid}
images=${PLIMSOLL_VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/plimsoll/vm}
cache=$images/$uml_suite

# Loaded in every guest, in dependency order, where its kernel has them as modules.
guest_modules=(virtio_pci virtio_console virtio_blk overlay loop dummy veth bridge tun zram bfq br_netfilter fuse)

# Debian packages of the systemd guest.
guest_packages=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,uidmap,apparmor,busybox-static
guest_packages+=,iproute2,procps,polkitd,kmod,runc,crun

# die for this script: a guest that cannot be made is 125, as a guest that breaks.
broken() { die 125 "$@"; }

stamp_is() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

mirror() {
    local m=${PLIMSOLL_VM_MIRROR:-$(debian_mirror)}
    [ -n "$m" ] || broken 'no Debian mirror in the apt sources of this machine: set PLIMSOLL_VM_MIRROR'
    printf '%s\n' "$m"
}

vm_packages() { (need_packages "$cache/apt.log" "$@") || exit 125; }
