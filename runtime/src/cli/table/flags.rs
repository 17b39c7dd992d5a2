//! The flags before the command, and those that several commands share.

use super::{Flag, option, switch};

/// The flags that stand before the command.
pub const GLOBALS: &[Flag] = &[
    option(
        "root",
        None,
        "DIR",
        "folder with the containers' state, best on a tmpfs",
    ),
    option(
        "log",
        None,
        "FILE",
        "append errors to FILE as well as writing them to standard error",
    ),
    option(
        "log-format",
        None,
        "FORMAT",
        "format of the log: text or json",
    ),
    switch("debug", None, "log what is being done"),
    switch(
        "systemd-cgroup",
        None,
        "let systemd make the control groups",
    ),
    option(
        "rootless",
        None,
        "BOOL",
        "whether to tolerate what cannot be had without root: true, false or auto",
    ),
    option(
        "cgroup-manager",
        None,
        "NAME",
        "who makes control groups: cgroupfs, systemd or disabled",
    ),
    option("criu", None, "PATH", "ignored; criu is found through PATH"),
    switch("version", Some('v'), "print the version and exit"),
    switch("help", Some('h'), "print help and exit"),
];

pub(super) const BUNDLE: Flag = option(
    "bundle",
    Some('b'),
    "DIR",
    "folder of the bundle (default: the current one)",
);
pub(super) const CONSOLE_SOCKET: Flag = option(
    "console-socket",
    None,
    "PATH",
    "socket that receives the terminal",
);
pub(super) const PIDFD_SOCKET: Flag = option(
    "pidfd-socket",
    None,
    "PATH",
    "socket that receives a pidfd of the process",
);
pub(super) const PID_FILE: Flag = option(
    "pid-file",
    None,
    "FILE",
    "write the PID of the process to FILE",
);
pub(super) const PRESERVE_FDS: Flag = option(
    "preserve-fds",
    None,
    "N",
    "pass N further descriptors, from 3 on, to the process",
);
pub(super) const NO_PIVOT: Flag = switch(
    "no-pivot",
    None,
    "use chroot in place of pivot_root, where the root is a ramdisk",
);
pub(super) const NO_NEW_KEYRING: Flag =
    switch("no-new-keyring", None, "keep the caller's session keyring");
pub(super) const NO_SUBREAPER: Flag =
    switch("no-subreaper", None, "do not adopt orphaned processes");
pub(super) const DETACH: Flag = switch("detach", Some('d'), "do not wait for the process to end");
pub(super) const HELP: Flag = switch("help", Some('h'), "print help and exit");
pub(super) const IMAGE_PATH: Flag = option("image-path", None, "DIR", "folder of the images");
pub(super) const WORK_PATH: Flag = option("work-path", None, "DIR", "folder of CRIU's logs");
pub(super) const TCP_ESTABLISHED: Flag =
    switch("tcp-established", None, "allow open TCP connections");
pub(super) const EXT_UNIX_SK: Flag = switch("ext-unix-sk", None, "allow external unix sockets");
pub(super) const SHELL_JOB: Flag = switch("shell-job", None, "allow shell jobs");
pub(super) const FILE_LOCKS: Flag = switch("file-locks", None, "allow file locks");
pub(super) const LAZY_PAGES: Flag = switch("lazy-pages", None, "fetch memory pages on demand");
pub(super) const AUTO_DEDUP: Flag = switch("auto-dedup", None, "deduplicate memory images");
pub(super) const EMPTY_NS: Flag = option(
    "empty-ns",
    None,
    "NAMESPACE",
    "make the namespace, but do not restore what is in it",
);
pub(super) const MANAGE_CGROUPS: Flag = option(
    "manage-cgroups-mode",
    None,
    "MODE",
    "soft, full, strict or ignore",
);
