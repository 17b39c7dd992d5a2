//! config.md#process

use oci_spec::runtime::{LinuxSchedulerPolicy, Process, Scheduler};

use super::Checked;
use super::rules::{absolute, require};
use crate::spec::pointer::{Problem, child};

/// Checks a process whose pointer is `base`.
pub(super) fn check(process: &Process, base: &str) -> Checked {
    let at = |path: &str| format!("{base}/{path}");
    absolute(process.cwd(), &at("cwd"))?;
    let named = process.args().as_ref().is_some_and(|args| !args.is_empty());
    require(named, at("args"), "at least one entry is required")?;
    if let (Some(true), Some(size)) = (process.terminal(), process.console_size()) {
        let largest = u64::from(u16::MAX); // struct winsize, ioctl_tty(2)
        for (key, value) in [("height", size.height()), ("width", size.width())] {
            let pointer = child(&at("consoleSize"), key);
            require(value <= largest, pointer, "must not exceed 65535")?;
        }
    }
    let umask = process.user().umask();
    require(
        umask.is_none_or(|mask| mask <= 0o777),
        at("user/umask"),
        "must not exceed 511 (0777)",
    )?;
    rlimits(process, &at("rlimits"))?;
    let adjusted = process.oom_score_adj();
    require(
        adjusted.is_none_or(|value| (-1000..=1000).contains(&value)),
        at("oomScoreAdj"),
        "must be from -1000 to 1000",
    )?;
    if let Some(priority) = process.io_priority() {
        require(
            (0..=7).contains(&priority.priority()),
            at("ioPriority/priority"),
            "must be from 0 to 7",
        )?;
    }
    process
        .scheduler()
        .as_ref()
        .map_or(Ok(()), |it| scheduler(it, &at("scheduler")))
}

fn rlimits(process: &Process, base: &str) -> Checked {
    let limits = process.rlimits().as_deref().unwrap_or_default();
    for (index, limit) in limits.iter().enumerate() {
        let here = child(base, index);
        let twice = limits[..index]
            .iter()
            .any(|other| other.typ() == limit.typ());
        require(
            !twice,
            child(&here, "type"),
            format!("{} is given twice", limit.typ()),
        )?;
        require(
            limit.soft() <= limit.hard(),
            child(&here, "soft"),
            "must not exceed the hard limit",
        )?;
    }
    Ok(())
}

/// sched(7): each policy has parameters of its own.
fn scheduler(scheduler: &Scheduler, base: &str) -> Checked {
    use LinuxSchedulerPolicy::{
        SchedBatch, SchedDeadline, SchedFifo, SchedIso, SchedOther, SchedRr,
    };
    let at = |path: &str| format!("{base}/{path}");
    let policy = *scheduler.policy();
    if policy == SchedIso {
        return Err(Problem::at(
            at("policy"),
            "SCHED_ISO is reserved; no Linux kernel has it",
        ));
    }
    let nice = scheduler.nice().unwrap_or(0);
    require(
        (-20..=19).contains(&nice),
        at("nice"),
        "must be from -20 to 19",
    )?;
    require(
        nice == 0 || matches!(policy, SchedOther | SchedBatch),
        at("nice"),
        "only SCHED_OTHER and SCHED_BATCH have a nice value",
    )?;
    let priority = scheduler.priority().unwrap_or(0);
    if matches!(policy, SchedFifo | SchedRr) {
        let range = "SCHED_FIFO and SCHED_RR need a priority from 1 to 99";
        require((1..=99).contains(&priority), at("priority"), range)?;
    } else {
        let only = "only SCHED_FIFO and SCHED_RR have a priority";
        require(priority == 0, at("priority"), only)?;
    }
    let [runtime, deadline, period] = [
        scheduler.runtime(),
        scheduler.deadline(),
        scheduler.period(),
    ]
    .map(|it| it.unwrap_or(0));
    if policy == SchedDeadline {
        // A period of 0 means that of the deadline: sched_setattr(2).
        let ordered = runtime > 0 && runtime <= deadline && (period == 0 || deadline <= period);
        require(
            ordered,
            at("runtime"),
            "SCHED_DEADLINE needs 0 < runtime <= deadline <= period",
        )?;
    } else {
        for (key, value) in [
            ("runtime", runtime),
            ("deadline", deadline),
            ("period", period),
        ] {
            require(
                value == 0,
                at(key),
                format!("only SCHED_DEADLINE has a {key}"),
            )?;
        }
    }
    Ok(())
}
