//! What is measured, and how often.

use std::time::Duration;

/// The cgroup layout that everything is measured in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// The machine's own; on a hybrid one a pure v1 view, which more runtimes accept.
    #[default]
    Auto,
    /// The machine's own.
    Host,
    /// A private view of the v1 hierarchies.
    V1,
    /// A private view with a cgroup v2 file system.
    V2,
}

/// What is measured, and how often.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rounds of each part.
    pub rounds: usize,
    /// Pauses between starts; each is a run of its own, for a tight loop flatters everyone.
    pub pauses: Vec<Duration>,
    /// The time limit of each command.
    pub timeout: Duration,
    /// The cgroup layout.
    pub layout: Layout,
    /// Whether to climb the ladder, one feature at a time.
    pub ladder: bool,
    /// Whether to start several containers at once.
    pub scaling: bool,
    /// Numbers of resident containers beside which to list and to start another; empty: none.
    pub resident: Vec<usize>,
    /// Whether to measure the memory of an idle created container.
    pub memory: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rounds: 30,
            pauses: vec![Duration::ZERO, Duration::from_millis(100)],
            timeout: Duration::from_secs(20),
            layout: Layout::Auto,
            ladder: false,
            scaling: false,
            resident: Vec::new(),
            memory: false,
        }
    }
}
