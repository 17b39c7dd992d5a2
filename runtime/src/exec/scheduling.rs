//! Applies scheduling, I/O priority, memory policy and personality to this process.

use super::{Context, StepError};
use crate::plan::Origin;
use crate::plan::scheduling::Scheduling;
use crate::sys::sched;

/// Applies all to the calling thread, which is to become the container's process.
///
/// Real-time and deadline policies, and lower nice values, take `CAP_SYS_NICE`: it is called before
/// capabilities are dropped. `cpu.rt_runtime_us` must be in the cgroup by then.
pub fn apply(scheduling: &Scheduling) -> Result<(), StepError> {
    if let Some(personality) = &scheduling.personality {
        sched::set_personality(personality.domain)
            .step(&personality.origin, || "set the personality")?;
    }
    if let Some(policy) = &scheduling.memory_policy {
        sched::set_memory_policy(policy.mode, &policy.nodes)
            .step(&policy.origin, || "set the memory policy")?;
    }
    if let Some(priority) = &scheduling.io_priority {
        sched::set_io_priority(priority.value).step(&priority.origin, || "set the I/O priority")?;
    }
    if let Some(scheduler) = &scheduling.scheduler {
        sched::set_scheduler(scheduler).step(&scheduler.origin, || {
            format!("set scheduling policy {}", scheduler.policy)
        })?;
    }
    Ok(())
}

/// Keeps the calling thread to these CPUs; an empty mask changes nothing.
pub fn pin(cpus: &[u64], origin: &Origin) -> Result<(), StepError> {
    if cpus.is_empty() {
        return Ok(());
    }
    sched::set_affinity(cpus).step(origin, || "set the CPU affinity")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::scheduling::{IoPriority, MemoryPolicy, Personality, Scheduler};

    /// Runs in a thread of its own, since all these bind a thread; the lines of its status file.
    fn in_a_thread(act: impl FnOnce() -> Result<(), StepError> + Send) -> Vec<String> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                act().expect("the kernel takes it");
                let read = |name| {
                    std::fs::read_to_string(format!("/proc/thread-self/{name}")).expect("proc")
                };
                let stat = read("stat");
                let (_, after) = stat.rsplit_once(") ").expect("a name in brackets");
                // proc_pid_stat(5): nice is field 19, policy field 41; `after` begins with field 3.
                let fields: Vec<&str> = after.split(' ').collect();
                let status = read("status");
                let allowed = status
                    .lines()
                    .find_map(|line| line.strip_prefix("Cpus_allowed_list:").map(str::trim));
                [fields[16], fields[38], allowed.expect("a list")]
                    .map(str::to_owned)
                    .to_vec()
            });
            thread.join().expect("the thread's assertions hold")
        })
    }

    fn scheduler(policy: u32, nice: i32) -> Scheduler {
        Scheduler {
            policy,
            flags: 0,
            nice,
            priority: 0,
            runtime: 0,
            deadline: 0,
            period: 0,
            origin: Origin::at("/process/scheduler"),
        }
    }

    #[test]
    fn a_policy_and_a_nice_value_reach_the_kernel() {
        let seen = in_a_thread(|| {
            apply(&Scheduling {
                scheduler: Some(scheduler(3, 7)),
                io_priority: Some(IoPriority {
                    value: 3 << 13,
                    origin: Origin::at("/process/ioPriority"),
                }),
                ..Scheduling::default()
            })
        });
        assert_eq!(seen[..2], ["7", "3"]);
    }

    #[test]
    fn a_thread_is_kept_to_its_cpus() {
        let origin = Origin::at("/process/execCPUAffinity/final");
        let seen = in_a_thread(|| pin(&[1], &origin));
        assert_eq!(seen[2], "0");
        let error = pin(&[0, 1 << 63], &origin).expect_err("no such CPU");
        assert!(error.to_string().contains("EINVAL"), "{error}");
    }

    #[test]
    fn a_personality_and_a_memory_policy_reach_the_kernel() {
        in_a_thread(|| {
            apply(&Scheduling {
                personality: Some(Personality {
                    domain: 8,
                    origin: Origin::at("/linux/personality"),
                }),
                ..Scheduling::default()
            })?;
            let machine = nix::sys::utsname::uname().expect("uname");
            #[cfg(target_arch = "x86_64")]
            assert_eq!(machine.machine(), "i686");
            Ok(())
        });
        let policy = |mode, nodes| Scheduling {
            memory_policy: Some(MemoryPolicy {
                mode,
                nodes,
                origin: Origin::at("/linux/memoryPolicy"),
            }),
            ..Scheduling::default()
        };
        let asked = std::thread::spawn(move || {
            // Every machine has node 0; a kernel without NUMA has no such call.
            let set = apply(&policy(2, vec![1]));
            (set, apply(&policy(99, vec![])))
        });
        let (set, wrong) = asked.join().expect("no assertion there");
        match set {
            Ok(()) => assert!(
                wrong
                    .expect_err("no such mode")
                    .to_string()
                    .contains("EINVAL")
            ),
            Err(error) => {
                println!("skipped: {error}");
                assert!(error.to_string().contains("ENOSYS"), "{error}");
            }
        }
    }

    #[test]
    fn a_policy_that_no_kernel_has_is_an_error_that_names_its_entry() {
        let error = apply(&Scheduling {
            scheduler: Some(scheduler(4, 0)),
            ..Scheduling::default()
        })
        .expect_err("SCHED_ISO");
        assert_eq!(
            error.to_string(),
            "set scheduling policy 4: EINVAL: Invalid argument (config.json /process/scheduler)"
        );
    }
}
