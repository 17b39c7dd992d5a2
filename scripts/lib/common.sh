# shellcheck shell=bash
# What every script here uses: messages and Debian packages. Source it; it runs nothing.
# The name before the colon of every message.
program=${program:-${0##*/}}

say() { printf '%s: %s\n' "$program" "$*" >&2; }

# die [STATUS] TEXT: STATUS defaults to 1.
die() {
    local status=1
    if [[ ${1:-} =~ ^[0-9]+$ ]]; then
        status=$1
        shift
    fi
    say "$*"
    exit "$status"
}

# usage_of FILE: the comment block that FILE opens with, without shellcheck's directives.
usage_of() { awk 'NR > 1 { if (!/^#/ || /^# shellcheck/) exit; sub(/^# ?/, ""); print }' "$1"; }

# missing_packages PACKAGE...: those that are not installed, one a line.
missing_packages() {
    local p
    for p in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || printf '%s\n' "$p"
    done
}

# need_packages LOG PACKAGE...: installs what is missing; the package lists are fetched only where
# they turn out to be too old or absent.
need_packages() {
    local log=$1 missing
    shift
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "install first: ${missing[*]} (there is no apt-get here)"
    [ "$(id -u)" = 0 ] || die "install first: ${missing[*]}"
    say "installing ${missing[*]}"
    local -x DEBIAN_FRONTEND=noninteractive
    apt-get install -y -q --no-install-recommends "${missing[@]}" </dev/null >"$log" 2>&1 ||
        { apt-get update -q </dev/null >>"$log" 2>&1 &&
            apt-get install -y -q --no-install-recommends "${missing[@]}" </dev/null >>"$log" 2>&1; } ||
        die "apt-get could not install ${missing[*]}, see $log"
}

# debian_mirror: the Debian mirror that this machine's own apt sources name, if any.
debian_mirror() {
    # shellcheck disable=SC2016  # apt-get expands it
    apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep '/debian/$' | head -n 1
}

# shellcheck disable=SC2034  # the callers use apt_options
# apt_of_suite DIR SUITE MIRROR: sets the array apt_options so that apt-get works on lists of SUITE
# kept in DIR, apart from the machine's own: nothing of SUITE can be installed by mistake.
apt_of_suite() {
    mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
    printf 'deb %s %s main\n' "$3" "$2" >"$1/sources.list"
    apt_options=(-q -o "Dir::Etc::sourcelist=$1/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$1/lists" -o "Dir::Cache=$1/cache" -o APT::Sandbox::User=root)
}
