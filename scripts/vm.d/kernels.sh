# shellcheck shell=bash
# Kernels of the guests: fetched from Debian's packages, unpacked in the cache, never installed.
# Each leaves $cache/NAME/{linux or vmlinuz, release, modules/}.

host_suite() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

# unpack_packages DIR SUITE PACKAGE...
unpack_packages() {
    local dir=$1 from=$2 apt_options=(-q -o APT::Sandbox::User=root) deb url
    shift 2
    if [ "$from" != "$(host_suite)" ]; then
        url=$(mirror) || exit 125
        apt_of_suite "$cache/apt-$from" "$from" "$url"
        apt-get "${apt_options[@]}" update >"$cache/apt.log" 2>&1 ||
            broken "apt-get update for $from failed, see $cache/apt.log"
    elif ! apt-cache show "$1" >/dev/null 2>&1; then
        apt-get -q update >"$cache/apt.log" 2>&1 || broken "apt-get update failed, see $cache/apt.log"
    fi
    rm -rf "$dir.part"
    mkdir -p "$dir.part"
    (cd "$dir.part" && apt-get "${apt_options[@]}" download "$@" >>"$cache/apt.log" 2>&1) ||
        broken "apt-get could not download $*, see $cache/apt.log"
    for deb in "$dir.part"/*.deb; do
        dpkg -x "$deb" "$dir.part" || broken "cannot unpack $deb"
        rm -f "$deb"
    done
    rm -rf "$dir"
    mv "$dir.part" "$dir"
}

# pick_modules TREE RELEASE DEST: flat, uncompressed copies and their load order.
pick_modules() {
    local tree=$1 release=$2 dest=$3 module ko name
    rm -rf "$dest"
    mkdir -p "$dest"
    : >"$dest/order"
    depmod -b "$tree" "$release"
    for module in "${guest_modules[@]}"; do
        # built in, or not there at all: both are fine
        modprobe -d "$tree" -S "$release" --show-depends "$module" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p' || :
    done | awk '!seen[$0]++' | while read -r ko; do
        name=${ko##*/}
        name=${name%%.ko*}.ko
        case $ko in
        *.xz) xz -dc "$ko" ;;
        *.zst) zstd -qdc "$ko" ;;
        *) cat "$ko" ;;
        esac >"$dest/$name"
        echo "$name" >>"$dest/order"
    done
}

kernel_uml() {
    local dir=$cache/uml release
    [ ! -f "$dir/ok" ] || return 0
    say 'unpacking user-mode-linux'
    if [ "$uml_suite" = "$suite" ]; then
        unpack_packages "$dir" "$suite" user-mode-linux
    else
        vm_packages patchelf
        unpack_packages "$dir" "$uml_suite" user-mode-linux libc6
    fi
    release=$(ls "$dir/usr/lib/uml/modules")
    mkdir -p "$dir/tree/lib"
    ln -sfn ../../usr/lib/uml/modules "$dir/tree/lib/modules"
    pick_modules "$dir/tree" "$release" "$dir/modules"
    cp "$dir/usr/bin/linux.uml" "$dir/linux"
    if [ "$uml_suite" != "$suite" ]; then
        mkdir "$dir/libc"
        cp -a "$dir"/usr/lib/x86_64-linux-gnu/*.so* "$dir/libc/"
        patchelf --set-interpreter "$dir/libc/ld-linux-x86-64.so.2" --set-rpath "$dir/libc" "$dir/linux"
    fi
    rm -rf "${dir:?}"/{usr,tree,lib,lib64,etc}
    echo "$release" >"$dir/release"
    touch "$dir/ok"
}

kernel_qemu() {
    local dir=$cache/cloud package release
    [ ! -f "$dir/ok" ] || return 0
    # the newest cloud kernel of the configured suites; the -unsigned build is the same code
    package=$(apt-cache pkgnames linux-image- | grep -E '^linux-image-[0-9].*-cloud-amd64(-unsigned)?$' | sort -V | tail -n 1)
    [ -n "$package" ] || broken 'no linux-image-*-cloud-amd64 in the package lists (apt-get update?)'
    say "unpacking $package"
    unpack_packages "$dir" "$suite" "$package"
    release=$(ls "$dir/lib/modules" 2>/dev/null || ls "$dir/usr/lib/modules")
    if [ ! -d "$dir/lib/modules" ]; then
        mkdir -p "$dir/lib"
        ln -sfn ../usr/lib/modules "$dir/lib/modules"
    fi
    pick_modules "$dir" "$release" "$dir/modules"
    cp "$dir"/boot/vmlinuz-* "$dir/vmlinuz"
    echo "$release" >"$dir/release"
    rm -rf "${dir:?}"/{lib,usr,boot}
    touch "$dir/ok"
}
