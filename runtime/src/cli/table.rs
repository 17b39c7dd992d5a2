//! The one table of commands and flags.

use super::commands;
use super::context::Context;
use super::error::CommandError;
use super::parse::Matches;

/// A flag: of a command, or one that stands before the command.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Long name, without dashes; one dash and two both introduce it.
    pub name: &'static str,
    /// One-letter name.
    pub short: Option<char>,
    /// What help calls the flag's value; `None` for a switch.
    pub value: Option<&'static str>,
    /// One line for help, man page and completions.
    pub help: &'static str,
}

/// A command.
#[derive(Debug)]
pub struct Command {
    /// Name.
    pub name: &'static str,
    /// The positional arguments, as help shows them.
    pub args: &'static str,
    /// Fewest and most positional arguments.
    pub arity: (usize, usize),
    /// One line.
    pub help: &'static str,
    /// Whether help leaves it out.
    pub hidden: bool,
    /// Whether everything after the first positional argument is positional, as in `exec`.
    pub stops_at_positional: bool,
    /// Its flags.
    pub flags: &'static [Flag],
    /// Does the work and gives the exit status.
    pub run: fn(&Context, &Matches) -> Result<u8, CommandError>,
}

const fn switch(name: &'static str, short: Option<char>, help: &'static str) -> Flag {
    Flag {
        name,
        short,
        value: None,
        help,
    }
}

const fn option(
    name: &'static str,
    short: Option<char>,
    value: &'static str,
    help: &'static str,
) -> Flag {
    Flag {
        name,
        short,
        value: Some(value),
        help,
    }
}

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

const BUNDLE: Flag = option(
    "bundle",
    Some('b'),
    "DIR",
    "folder of the bundle (default: the current one)",
);
const CONSOLE_SOCKET: Flag = option(
    "console-socket",
    None,
    "PATH",
    "socket that receives the terminal",
);
const PIDFD_SOCKET: Flag = option(
    "pidfd-socket",
    None,
    "PATH",
    "socket that receives a pidfd of the process",
);
const PID_FILE: Flag = option(
    "pid-file",
    None,
    "FILE",
    "write the PID of the process to FILE",
);
const PRESERVE_FDS: Flag = option(
    "preserve-fds",
    None,
    "N",
    "pass N further descriptors, from 3 on, to the process",
);
const NO_PIVOT: Flag = switch(
    "no-pivot",
    None,
    "use chroot in place of pivot_root, where the root is a ramdisk",
);
const NO_NEW_KEYRING: Flag = switch("no-new-keyring", None, "keep the caller's session keyring");
const NO_SUBREAPER: Flag = switch("no-subreaper", None, "do not adopt orphaned processes");
const DETACH: Flag = switch("detach", Some('d'), "do not wait for the process to end");
const HELP: Flag = switch("help", Some('h'), "print help and exit");
const IMAGE_PATH: Flag = option("image-path", None, "DIR", "folder of the images");
const WORK_PATH: Flag = option("work-path", None, "DIR", "folder of CRIU's logs");
const TCP_ESTABLISHED: Flag = switch("tcp-established", None, "allow open TCP connections");
const EXT_UNIX_SK: Flag = switch("ext-unix-sk", None, "allow external unix sockets");
const SHELL_JOB: Flag = switch("shell-job", None, "allow shell jobs");
const FILE_LOCKS: Flag = switch("file-locks", None, "allow file locks");
const LAZY_PAGES: Flag = switch("lazy-pages", None, "fetch memory pages on demand");
const AUTO_DEDUP: Flag = switch("auto-dedup", None, "deduplicate memory images");
const EMPTY_NS: Flag = option(
    "empty-ns",
    None,
    "NAMESPACE",
    "make the namespace, but do not restore what is in it",
);
const MANAGE_CGROUPS: Flag = option(
    "manage-cgroups-mode",
    None,
    "MODE",
    "soft, full, strict or ignore",
);

/// The commands, in the order of help.
pub static COMMANDS: &[Command] = &[
    Command {
        name: "create",
        args: "ID",
        arity: (1, 1),
        help: "make a container that waits for start",
        flags: &[
            BUNDLE,
            CONSOLE_SOCKET,
            PIDFD_SOCKET,
            PID_FILE,
            NO_PIVOT,
            NO_NEW_KEYRING,
            PRESERVE_FDS,
            NO_SUBREAPER,
            HELP,
        ],
        run: commands::create::run,
        ..Command::BASE
    },
    Command {
        name: "start",
        args: "ID",
        arity: (1, 1),
        help: "run the user's program in a container that was created",
        flags: &[HELP],
        run: commands::start::run,
        ..Command::BASE
    },
    Command {
        name: "state",
        args: "ID",
        arity: (1, 1),
        help: "print the state of a container as JSON",
        flags: &[HELP],
        run: commands::state::run,
        ..Command::BASE
    },
    Command {
        name: "kill",
        args: "ID [SIGNAL]",
        arity: (1, 2),
        help: "send a signal, by default SIGTERM, to the container's first process",
        flags: &[
            switch(
                "all",
                Some('a'),
                "send it to every process of the container",
            ),
            HELP,
        ],
        run: commands::kill::run,
        ..Command::BASE
    },
    Command {
        name: "delete",
        args: "ID",
        arity: (1, 1),
        help: "delete what create made for a container that has stopped",
        flags: &[
            switch(
                "force",
                Some('f'),
                "end the container first; no error where there is none",
            ),
            HELP,
        ],
        run: commands::delete::run,
        ..Command::BASE
    },
    Command {
        name: "list",
        args: "",
        arity: (0, 0),
        help: "list the containers",
        flags: &[
            option("format", Some('f'), "FORMAT", "table or json"),
            switch("quiet", Some('q'), "print ids only"),
            HELP,
        ],
        run: commands::list::run,
        ..Command::BASE
    },
    Command {
        name: "run",
        args: "ID",
        arity: (1, 1),
        help: "create a container, start it, wait for it and delete it",
        flags: &[
            BUNDLE,
            CONSOLE_SOCKET,
            PIDFD_SOCKET,
            PID_FILE,
            DETACH,
            switch(
                "keep",
                None,
                "do not delete the container when it has ended",
            ),
            NO_SUBREAPER,
            NO_PIVOT,
            NO_NEW_KEYRING,
            PRESERVE_FDS,
            HELP,
        ],
        run: commands::run::run,
        ..Command::BASE
    },
    Command {
        name: "exec",
        args: "ID [COMMAND [ARG]...]",
        arity: (1, usize::MAX),
        help: "run a further process in a container",
        stops_at_positional: true,
        flags: &[
            CONSOLE_SOCKET,
            PIDFD_SOCKET,
            option("cwd", None, "DIR", "working directory"),
            option(
                "env",
                Some('e'),
                "NAME=VALUE",
                "set an environment variable",
            ),
            switch("tty", Some('t'), "give the process a terminal"),
            option("user", Some('u'), "UID[:GID]", "user, by number"),
            option(
                "additional-gids",
                Some('g'),
                "GID",
                "a further group, by number",
            ),
            option(
                "process",
                Some('p'),
                "FILE",
                "take the process object from FILE",
            ),
            DETACH,
            PID_FILE,
            option("process-label", None, "LABEL", "SELinux label"),
            option("apparmor", None, "PROFILE", "AppArmor profile"),
            switch("no-new-privs", None, "set no_new_privs"),
            option("cap", Some('c'), "CAPABILITY", "add a capability"),
            PRESERVE_FDS,
            option(
                "cgroup",
                None,
                "PATH",
                "a cgroup below the container's, as PATH or CONTROLLER:PATH",
            ),
            switch("ignore-paused", None, "allow it in a paused container"),
            HELP,
        ],
        run: commands::exec::run,
        ..Command::BASE
    },
    Command {
        name: "spec",
        args: "",
        arity: (0, 0),
        help: "write a config.json to start from",
        flags: &[
            BUNDLE,
            switch("rootless", None, "for a container without root"),
            option(
                "upgrade",
                None,
                "OLD",
                "write a valid configuration from one of the 1.0.0-rc2 shape",
            ),
            HELP,
        ],
        run: commands::spec::run,
        ..Command::BASE
    },
    Command {
        name: "ps",
        args: "ID [PS-OPTION]...",
        arity: (1, usize::MAX),
        help: "list the container's processes",
        stops_at_positional: true,
        flags: &[option("format", Some('f'), "FORMAT", "table or json"), HELP],
        run: commands::ps::run,
        ..Command::BASE
    },
    Command {
        name: "pause",
        args: "ID",
        arity: (1, 1),
        help: "freeze the container's processes",
        flags: &[HELP],
        run: commands::pause::run,
        ..Command::BASE
    },
    Command {
        name: "resume",
        args: "ID",
        arity: (1, 1),
        help: "let frozen processes go on",
        flags: &[HELP],
        run: commands::resume::run,
        ..Command::BASE
    },
    Command {
        name: "update",
        args: "ID",
        arity: (1, 1),
        help: "change the container's limits",
        flags: &[
            option(
                "resources",
                Some('r'),
                "FILE",
                "take a resources object from FILE, or from standard input if -",
            ),
            option(
                "blkio-weight",
                None,
                "N",
                "relative weight of block IO, 10 to 1000",
            ),
            option("cpu-period", None, "USEC", "length of a CFS period"),
            option("cpu-quota", None, "USEC", "time in each CFS period"),
            option("cpu-burst", None, "USEC", "time that may be saved up"),
            option("cpu-share", None, "N", "relative share of CPU time"),
            option("cpu-rt-period", None, "USEC", "length of a realtime period"),
            option(
                "cpu-rt-runtime",
                None,
                "USEC",
                "time in each realtime period",
            ),
            option("cpu-idle", None, "N", "1 for SCHED_IDLE, 0 for not"),
            option("cpuset-cpus", None, "LIST", "CPUs to run on"),
            option("cpuset-mems", None, "LIST", "memory nodes to use"),
            option("kernel-memory", None, "BYTES", "limit of kernel memory"),
            option(
                "kernel-memory-tcp",
                None,
                "BYTES",
                "limit of kernel memory for TCP buffers",
            ),
            option("memory", None, "BYTES", "limit of memory"),
            option("memory-reservation", None, "BYTES", "soft limit of memory"),
            option(
                "memory-swap",
                None,
                "BYTES",
                "limit of memory and swap together; -1 for none",
            ),
            option("pids-limit", None, "N", "most processes; -1 for no limit"),
            option("l3-cache-schema", None, "SCHEMA", "Intel RDT: L3 cache"),
            option(
                "mem-bw-schema",
                None,
                "SCHEMA",
                "Intel RDT: memory bandwidth",
            ),
            HELP,
        ],
        run: commands::update::run,
        ..Command::BASE
    },
    Command {
        name: "events",
        args: "ID",
        arity: (1, 1),
        help: "print resource use and notices of memory shortage",
        flags: &[
            option(
                "interval",
                None,
                "DURATION",
                "time between two prints, such as 5s",
            ),
            switch("stats", None, "print once and exit"),
            HELP,
        ],
        run: commands::events::run,
        ..Command::BASE
    },
    Command {
        name: "checkpoint",
        args: "ID",
        arity: (1, 1),
        help: "save a running container with CRIU",
        flags: &[
            IMAGE_PATH,
            WORK_PATH,
            option("parent-path", None, "DIR", "images of an earlier pre-dump"),
            switch("leave-running", None, "let the container go on"),
            TCP_ESTABLISHED,
            switch("tcp-skip-in-flight", None, "skip TCP connections in flight"),
            switch("link-remap", None, "allow files that were unlinked"),
            EXT_UNIX_SK,
            SHELL_JOB,
            LAZY_PAGES,
            option(
                "status-fd",
                None,
                "FD",
                "CRIU writes a NUL there when it is ready for lazy pages",
            ),
            option(
                "page-server",
                None,
                "ADDRESS:PORT",
                "send memory pages there",
            ),
            FILE_LOCKS,
            switch("pre-dump", None, "dump memory only and go on"),
            MANAGE_CGROUPS,
            EMPTY_NS,
            AUTO_DEDUP,
            HELP,
        ],
        run: commands::checkpoint::run,
        ..Command::BASE
    },
    Command {
        name: "restore",
        args: "ID",
        arity: (1, 1),
        help: "bring back a container saved by checkpoint",
        flags: &[
            BUNDLE,
            CONSOLE_SOCKET,
            PID_FILE,
            IMAGE_PATH,
            WORK_PATH,
            DETACH,
            TCP_ESTABLISHED,
            switch("tcp-close", None, "restore TCP connections as closed"),
            EXT_UNIX_SK,
            SHELL_JOB,
            FILE_LOCKS,
            MANAGE_CGROUPS,
            NO_SUBREAPER,
            NO_PIVOT,
            EMPTY_NS,
            AUTO_DEDUP,
            LAZY_PAGES,
            option(
                "lsm-profile",
                None,
                "TYPE:NAME",
                "LSM profile of the restored processes",
            ),
            option(
                "lsm-mount-context",
                None,
                "CONTEXT",
                "LSM mount context of the restored mounts",
            ),
            HELP,
        ],
        run: commands::restore::run,
        ..Command::BASE
    },
    Command {
        name: "features",
        args: "",
        arity: (0, 0),
        help: "print what this runtime can do, as JSON",
        flags: &[HELP],
        run: commands::features::run,
        ..Command::BASE
    },
    Command {
        name: "completion",
        args: "SHELL",
        arity: (1, 1),
        help: "print a completion script for bash, zsh or fish",
        hidden: true,
        flags: &[HELP],
        run: commands::completion::run,
        ..Command::BASE
    },
    Command {
        name: "man",
        args: "",
        arity: (0, 0),
        help: "print the man page",
        hidden: true,
        flags: &[HELP],
        run: commands::man::run,
        ..Command::BASE
    },
];

impl Command {
    /// What most commands share.
    const BASE: Self = Self {
        name: "",
        args: "",
        arity: (0, 0),
        help: "",
        hidden: false,
        stops_at_positional: false,
        flags: &[],
        run: |_, _| Ok(0),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_taken_twice() {
        let mut lists = vec![("plimrun", GLOBALS)];
        lists.extend(COMMANDS.iter().map(|command| (command.name, command.flags)));
        for (owner, flags) in lists {
            for (i, flag) in flags.iter().enumerate() {
                for other in &flags[i + 1..] {
                    assert_ne!(flag.name, other.name, "{owner}");
                    assert!(
                        flag.short.is_none() || flag.short != other.short,
                        "{owner} {}",
                        flag.name
                    );
                }
            }
            assert!(flags.iter().any(|flag| flag.name == "help"), "{owner}");
        }
        for (i, command) in COMMANDS.iter().enumerate() {
            assert!(
                COMMANDS[i + 1..]
                    .iter()
                    .all(|other| other.name != command.name)
            );
        }
    }
}
