//! How the kernel schedules the process's CPU time, I/O, memory and personality.
//! config.md#linux-process, config-linux.md#memory-policy, config-linux.md#personality

use oci_spec::runtime::{
    IOPriorityClass, Linux, LinuxMemoryPolicy, LinuxPersonalityDomain, LinuxSchedulerPolicy,
    MemoryPolicyFlagType, MemoryPolicyModeType, Process,
};

use super::{Origin, PlanError, id_list};
use crate::spec::ProcessGaps;

/// What the process is to have of its own; `None` leaves what it inherited.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scheduling {
    /// The CPU scheduler's policy.
    pub scheduler: Option<Scheduler>,
    /// The I/O priority.
    pub io_priority: Option<IoPriority>,
    /// From which memory nodes pages come.
    pub memory_policy: Option<MemoryPolicy>,
    /// The execution domain.
    pub personality: Option<Personality>,
}

/// What sched_setattr(2) takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scheduler {
    /// `SCHED_*` of linux/sched.h.
    pub policy: u32,
    /// `SCHED_FLAG_*` of linux/sched.h.
    pub flags: u64,
    /// From -20 to 19, lower is more.
    pub nice: i32,
    /// From 1 to 99 for real-time policies, higher is more; else 0.
    pub priority: u32,
    /// Nanoseconds in each period.
    pub runtime: u64,
    /// Nanoseconds from a period's start.
    pub deadline: u64,
    /// Nanoseconds.
    pub period: u64,
    /// Who asked.
    pub origin: Origin,
}

/// What ioprio_set(2) takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IoPriority {
    /// Class and level, as `IOPRIO_PRIO_VALUE` of linux/ioprio.h joins them.
    pub value: i32,
    /// Who asked.
    pub origin: Origin,
}

/// What set_mempolicy(2) takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MemoryPolicy {
    /// `MPOL_*`, with flags.
    pub mode: i32,
    /// Bits by node number.
    pub nodes: Vec<u64>,
    /// Who asked.
    pub origin: Origin,
}

/// What personality(2) takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Personality {
    /// `PER_*` of linux/personality.h.
    pub domain: u64,
    /// Who asked.
    pub origin: Origin,
}

/// CPUs on which `exec` runs, as masks; an empty one changes nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Affinity {
    /// Before the process moves to the container's cgroup.
    pub initial: Vec<u64>,
    /// After it moved there.
    pub last: Vec<u64>,
    /// Who asked.
    pub origin: Origin,
}

/// Plans what both the container's process and one that `exec` adds get. `origin` is where the
/// process stands.
pub fn plan(
    linux: Option<&Linux>,
    process: &Process,
    gaps: &ProcessGaps,
    origin: &Origin,
) -> Result<Scheduling, PlanError> {
    let memory_policy = linux.and_then(|linux| linux.memory_policy().as_ref());
    let personality = linux.and_then(|linux| linux.personality().as_ref());
    Ok(Scheduling {
        scheduler: scheduler(process, gaps, origin),
        io_priority: io_priority(process, origin),
        memory_policy: memory_policy.map(memory).transpose()?,
        personality: personality
            .map(|personality| {
                let origin = Origin::at("/linux/personality");
                if personality.flags().iter().any(|flags| !flags.is_empty()) {
                    let why = "the specification defines none";
                    return Err(PlanError::invalid(origin.child("flags"), "flags", why));
                }
                let domain = match personality.domain() {
                    LinuxPersonalityDomain::PerLinux => 0,
                    LinuxPersonalityDomain::PerLinux32 => 8,
                };
                Ok(Personality { domain, origin })
            })
            .transpose()?,
    })
}

/// Plans the CPUs of a process that `exec` adds; the container's own process has none.
pub fn affinity(gaps: &ProcessGaps, origin: &Origin) -> Result<Affinity, PlanError> {
    let origin = origin.child("execCPUAffinity");
    let Some(affinity) = &gaps.exec_cpu_affinity else {
        return Ok(Affinity::default());
    };
    let mask = |list: &Option<String>, key| {
        let list = list.as_deref().unwrap_or_default();
        id_list::mask(list, &origin.child(key))
    };
    Ok(Affinity {
        initial: mask(&affinity.initial, "initial")?,
        last: mask(&affinity.last, "final")?,
        origin,
    })
}

fn scheduler(process: &Process, gaps: &ProcessGaps, origin: &Origin) -> Option<Scheduler> {
    let scheduler = process.scheduler().as_ref()?;
    // linux/sched.h. SCHED_ISO is reserved there; the kernel answers EINVAL.
    let policy = match scheduler.policy() {
        LinuxSchedulerPolicy::SchedOther => 0,
        LinuxSchedulerPolicy::SchedFifo => 1,
        LinuxSchedulerPolicy::SchedRr => 2,
        LinuxSchedulerPolicy::SchedBatch => 3,
        LinuxSchedulerPolicy::SchedIso => 4,
        LinuxSchedulerPolicy::SchedIdle => 5,
        LinuxSchedulerPolicy::SchedDeadline => 6,
    };
    let flags = gaps.scheduler_flags.iter();
    Some(Scheduler {
        policy,
        flags: flags.fold(0, |all, &flag| all | flag as u64),
        nice: scheduler.nice().unwrap_or(0),
        // Validation refuses negative ones.
        priority: u32::try_from(scheduler.priority().unwrap_or(0)).unwrap_or(u32::MAX),
        runtime: scheduler.runtime().unwrap_or(0),
        deadline: scheduler.deadline().unwrap_or(0),
        period: scheduler.period().unwrap_or(0),
        origin: origin.child("scheduler"),
    })
}

fn io_priority(process: &Process, origin: &Origin) -> Option<IoPriority> {
    /// `IOPRIO_CLASS_SHIFT` of linux/ioprio.h.
    const CLASS_SHIFT: i32 = 13;
    let priority = process.io_priority().as_ref()?;
    let class = match priority.class() {
        IOPriorityClass::IoprioClassRt => 1,
        IOPriorityClass::IoprioClassBe => 2,
        IOPriorityClass::IoprioClassIdle => 3,
    };
    Some(IoPriority {
        // Validation keeps the level from 0 to 7.
        value: class << CLASS_SHIFT | priority.priority() as i32 & 7,
        origin: origin.child("ioPriority"),
    })
}

fn memory(policy: &LinuxMemoryPolicy) -> Result<MemoryPolicy, PlanError> {
    let origin = Origin::at("/linux/memoryPolicy");
    // linux/mempolicy.h; and whether set_mempolicy(2) takes nodes: never, maybe, always.
    let (mode, allowed, required) = match policy.mode() {
        MemoryPolicyModeType::MpolDefault => (0, false, false),
        MemoryPolicyModeType::MpolPreferred => (1, true, false),
        MemoryPolicyModeType::MpolBind => (2, true, true),
        MemoryPolicyModeType::MpolInterleave => (3, true, true),
        MemoryPolicyModeType::MpolLocal => (4, false, false),
        MemoryPolicyModeType::MpolPreferredMany => (5, true, true),
        MemoryPolicyModeType::MpolWeightedInterleave => (6, true, true),
    };
    let list = policy.nodes().as_deref().unwrap_or_default();
    let nodes = id_list::mask(list, &origin.child("nodes"))?;
    let wrong = |why| PlanError::invalid(origin.child("nodes"), policy.mode().to_string(), why);
    if required && nodes.is_empty() {
        return Err(wrong("it needs at least one node"));
    }
    if !allowed && !nodes.is_empty() {
        return Err(wrong("it takes no nodes"));
    }
    let flags = policy.flags().iter().flatten().fold(0, |all, flag| {
        all | match flag {
            MemoryPolicyFlagType::MpolFNumaBalancing => 1 << 13,
            MemoryPolicyFlagType::MpolFRelativeNodes => 1 << 14,
            MemoryPolicyFlagType::MpolFStaticNodes => 1 << 15,
        }
    });
    Ok(MemoryPolicy {
        mode: mode | flags,
        nodes,
        origin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(json: &str) -> Process {
        serde_json::from_str(&format!(r#"{{"user":{{}},"cwd":"/","args":["x"]{json}}}"#))
            .expect(json)
    }

    fn of(process_json: &str, linux: &str) -> Result<Scheduling, PlanError> {
        let linux: Linux = serde_json::from_str(linux).expect(linux);
        let gaps = ProcessGaps {
            scheduler_flags: vec![crate::spec::SchedulerFlag::ResetOnFork],
            ..ProcessGaps::default()
        };
        let process = process(process_json);
        plan(Some(&linux), &process, &gaps, &Origin::at("/process"))
    }

    #[test]
    fn what_is_absent_is_left_alone() {
        assert_eq!(of("", "{}"), Ok(Scheduling::default()));
        let affinity = affinity(&ProcessGaps::default(), &Origin::at("/process"));
        assert_eq!(affinity, Ok(Affinity::default()));
    }

    #[test]
    fn values_are_the_kernel_s() {
        let plan = of(
            r#","scheduler":{"policy":"SCHED_DEADLINE","runtime":1,"deadline":2,"period":3},"ioPriority":{"class":"IOPRIO_CLASS_IDLE","priority":4}"#,
            r#"{"personality":{"domain":"LINUX32"},"memoryPolicy":{"mode":"MPOL_INTERLEAVE","nodes":"0,2-3","flags":["MPOL_F_STATIC_NODES"]}}"#,
        )
        .expect("valid");
        let scheduler = plan.scheduler.expect("asked");
        assert_eq!((scheduler.policy, scheduler.flags), (6, 1));
        let times = (scheduler.runtime, scheduler.deadline, scheduler.period);
        assert_eq!(times, (1, 2, 3));
        assert_eq!((scheduler.nice, scheduler.priority), (0, 0));
        assert_eq!(scheduler.origin.as_str(), "/process/scheduler");
        assert_eq!(plan.io_priority.expect("asked").value, 3 << 13 | 4);
        assert_eq!(plan.personality.expect("asked").domain, 8);
        let memory = plan.memory_policy.expect("asked");
        assert_eq!((memory.mode, memory.nodes), (3 | 1 << 15, vec![0b1101]));
    }

    #[test]
    fn modes_say_whether_they_take_nodes() {
        for (mode, nodes, valid) in [
            ("DEFAULT", "", true),
            ("DEFAULT", "0", false),
            ("LOCAL", "0", false),
            ("BIND", "", false),
            ("BIND", "0-0", true),
            ("PREFERRED", "", true),
            ("PREFERRED_MANY", "", false),
            ("WEIGHTED_INTERLEAVE", "1", true),
            ("BIND", "x", false),
        ] {
            let linux = format!(r#"{{"memoryPolicy":{{"mode":"MPOL_{mode}","nodes":"{nodes}"}}}}"#);
            match of("", &linux) {
                Ok(_) => assert!(valid, "{linux}"),
                Err(error) => {
                    assert!(!valid, "{linux}");
                    assert!(error.to_string().contains("/linux/memoryPolicy/nodes"));
                }
            }
        }
    }

    #[test]
    fn an_affinity_is_two_masks() {
        let gaps = ProcessGaps {
            exec_cpu_affinity: Some(crate::spec::Affinity {
                initial: Some("1".into()),
                last: Some(" 0-1,3".into()),
            }),
            ..ProcessGaps::default()
        };
        let affinity = affinity(&gaps, &Origin::at("")).expect("valid");
        assert_eq!((affinity.initial, affinity.last), (vec![2], vec![0b1011]));
    }
}
