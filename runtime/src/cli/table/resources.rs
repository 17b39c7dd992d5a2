//! Commands on what a container may use, and does use.

use super::flags::HELP;
use super::{Command, option, switch};
use crate::cli::commands;

pub(super) const PAUSE: Command = Command {
    name: "pause",
    args: "ID",
    arity: (1, 1),
    help: "freeze the container's processes",
    flags: &[HELP],
    run: commands::pause::run,
    ..Command::BASE
};

pub(super) const RESUME: Command = Command {
    name: "resume",
    args: "ID",
    arity: (1, 1),
    help: "let frozen processes go on",
    flags: &[HELP],
    run: commands::resume::run,
    ..Command::BASE
};

pub(super) const UPDATE: Command = Command {
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
};

pub(super) const EVENTS: Command = Command {
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
};
