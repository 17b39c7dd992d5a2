//! Calls that some architectures reach through another call: `socketcall` and `ipc`.
//!
//! A rule for `socket` must also hold for `socketcall(SYS_SOCKET, …)`. The first argument then says
//! which call is meant, and the call's own arguments lie in memory where a filter cannot look. As in
//! libseccomp, the test for the call takes the place of a condition on argument 0, and other
//! conditions are kept as they are.

use super::arch::Arch;
use super::rules::{Condition, Operator};
use super::syscalls::{self, Entry};

/// The call through which others go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Through {
    /// socketcall(2); numbers from linux/net.h.
    Socket(u64),
    /// ipc(2); numbers from linux/ipc.h.
    Ipc(u64),
}

impl Through {
    /// How the call of this name is reached where it is multiplexed.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "socket" => Self::Socket(1),
            "bind" => Self::Socket(2),
            "connect" => Self::Socket(3),
            "listen" => Self::Socket(4),
            "accept" => Self::Socket(5),
            "getsockname" => Self::Socket(6),
            "getpeername" => Self::Socket(7),
            "socketpair" => Self::Socket(8),
            "send" => Self::Socket(9),
            "recv" => Self::Socket(10),
            "sendto" => Self::Socket(11),
            "recvfrom" => Self::Socket(12),
            "shutdown" => Self::Socket(13),
            "setsockopt" => Self::Socket(14),
            "getsockopt" => Self::Socket(15),
            "sendmsg" => Self::Socket(16),
            "recvmsg" => Self::Socket(17),
            "accept4" => Self::Socket(18),
            "recvmmsg" => Self::Socket(19),
            "sendmmsg" => Self::Socket(20),
            "semop" => Self::Ipc(1),
            "semget" => Self::Ipc(2),
            "semctl" => Self::Ipc(3),
            "semtimedop" => Self::Ipc(4),
            "msgsnd" => Self::Ipc(11),
            "msgrcv" => Self::Ipc(12),
            "msgget" => Self::Ipc(13),
            "msgctl" => Self::Ipc(14),
            "shmat" => Self::Ipc(21),
            "shmdt" => Self::Ipc(22),
            "shmget" => Self::Ipc(23),
            "shmctl" => Self::Ipc(24),
            _ => return None,
        })
    }
}

/// The multiplexers of one architecture.
#[derive(Debug)]
pub(super) struct Mux {
    socketcall: Option<u32>,
    ipc: Option<u32>,
}

impl Mux {
    /// Those of this architecture; none on the modern ones.
    pub(super) fn new(arch: &Arch) -> Self {
        let number = |name| syscalls::find(name).and_then(|entry: &Entry| entry.number(arch));
        Self {
            socketcall: number("socketcall"),
            ipc: number("ipc"),
        }
    }

    /// The number and the conditions of the multiplexed form of a rule.
    pub(super) fn rule(
        &self,
        through: Option<Through>,
        conditions: &[Condition],
    ) -> Option<(u32, Vec<Condition>)> {
        let (number, value) = match through? {
            Through::Socket(call) => (self.socketcall?, call),
            Through::Ipc(call) => (self.ipc?, call),
        };
        let which = Condition {
            index: 0,
            operator: Operator::Equal,
            value,
        };
        let rest = conditions.iter().filter(|condition| condition.index != 0);
        Some((
            number,
            std::iter::once(which).chain(rest.copied()).collect(),
        ))
    }
}
