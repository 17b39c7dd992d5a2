# shellcheck shell=bash
# What goes into a guest: one tar of files, binaries with their libraries, and the command.

quote() {
    local word
    for word in "$@"; do printf "'%s' " "${word//\'/\'\\\'\'}"; done
}

# loader_of FILE: the dynamic loader that FILE asks for; nothing for a static one.
loader_of() {
    local loader
    # patchelf and Go put the name in different places, so try what looks like one
    while read -r loader; do
        if [ -x "$loader" ] && "$loader" --list "$1" >/dev/null 2>&1; then
            echo "$loader"
            return 0
        fi
    done < <(LC_ALL=C grep -aoE '/[A-Za-z0-9/._+-]*/ld-linux[A-Za-z0-9_.-]*\.so\.[0-9]+' "$1" | sort -u)
}

# files_of BINARY: itself, its loader and its libraries.
files_of() {
    local loader
    echo "$1"
    loader=$(loader_of "$1")
    if [ -n "$loader" ]; then
        echo "$loader"
        "$loader" --list "$1" | grep -o '/[^ )]*' || :
    fi
}

# stage_same_path STAGE FILE: FILE will lie at the same path in the guest.
stage_same_path() {
    local path
    path=$(realpath -s "$2")
    [ -e "$path" ] || die 2 "no file $2"
    mkdir -p "$1/.vm/root$(dirname "$path")"
    cp -L "$path" "$1/.vm/root$path"
}

# stage_binary STAGE BINARY
stage_binary() {
    local file path
    path=$(command -v "$2") || die 2 "no executable $2"
    while read -r file; do
        stage_same_path "$1" "$file"
    done < <(files_of "$(realpath -s "$path")" | sort -u)
}

# stage_command STAGE USER CMD...
stage_command() {
    local stage=$1 user=$2
    shift 2
    mkdir -p "$stage/.vm"
    echo "$user" >"$stage/.vm/user"
    quote "$@" >"$stage/.vm/cmd"
    # systemd-run's own status would hide whether the service ran at all
    # shellcheck disable=SC2016
    [ "$user" = root ] || printf '\necho $? >/vm/in/.vm/status\n' >>"$stage/.vm/cmd"
}
