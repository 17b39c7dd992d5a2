//! capabilities(7): capget(2), capset(2) and the prctl(2) calls about sets.

use std::io;

use nix::libc;

use super::check;

/// `_LINUX_CAPABILITY_VERSION_3` of linux/capability.h: two 32-bit words a set.
const VERSION_3: u32 = 0x2008_0522;

/// The three sets that capset(2) changes, one bit a capability.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sets {
    /// What the kernel checks.
    pub effective: u64,
    /// What `effective` may hold.
    pub permitted: u64,
    /// What execve(2) keeps for files that ask for it.
    pub inheritable: u64,
}

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Word {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The sets of this thread.
pub fn get() -> io::Result<Sets> {
    let mut header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let mut words = [Word::default(); 2];
    // SAFETY: version 3 makes the kernel write exactly two words, which is what `words` holds.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, words.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    Ok(Sets {
        effective: join(words[0].effective, words[1].effective),
        permitted: join(words[0].permitted, words[1].permitted),
        inheritable: join(words[0].inheritable, words[1].inheritable),
    })
}

/// Sets the sets of this thread.
pub fn set(sets: Sets) -> io::Result<()> {
    let header = Header {
        version: VERSION_3,
        pid: 0,
    };
    let word = |shift: u32| Word {
        effective: (sets.effective >> shift) as u32,
        permitted: (sets.permitted >> shift) as u32,
        inheritable: (sets.inheritable >> shift) as u32,
    };
    let words = [word(0), word(32)];
    // SAFETY: version 3 makes the kernel read exactly two words, which is what `words` holds.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, words.as_ptr()) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The bounding set of this thread. The kernel refuses numbers that it does not know, which ends
/// the search.
pub fn bounding() -> u64 {
    let mut set = 0;
    for capability in 0..64 {
        // SAFETY: PR_CAPBSET_READ takes a number and touches no memory.
        match unsafe { libc::prctl(libc::PR_CAPBSET_READ, capability, 0, 0, 0) } {
            1 => set |= 1 << capability,
            0 => {}
            _ => break,
        }
    }
    set
}

/// Drops a capability from the bounding set.
pub fn drop_bounding(capability: u8) -> nix::Result<()> {
    prctl(libc::PR_CAPBSET_DROP, u64::from(capability), 0)
}

/// Raises a capability in the ambient set.
pub fn raise_ambient(capability: u8) -> nix::Result<()> {
    prctl(
        libc::PR_CAP_AMBIENT,
        libc::PR_CAP_AMBIENT_RAISE as u64,
        u64::from(capability),
    )
}

/// Empties the ambient set.
pub fn clear_ambient() -> nix::Result<()> {
    prctl(
        libc::PR_CAP_AMBIENT,
        libc::PR_CAP_AMBIENT_CLEAR_ALL as u64,
        0,
    )
}

/// Keeps the permitted set over a change of user, or no longer.
pub fn keep(on: bool) -> nix::Result<()> {
    prctl(libc::PR_SET_KEEPCAPS, u64::from(on), 0)
}

fn prctl(option: i32, second: u64, third: u64) -> nix::Result<()> {
    // SAFETY: the options used in this file take numbers and touch no memory.
    let result = unsafe { libc::prctl(option, second, third, 0u64, 0u64) };
    check(result.into()).map(drop)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_effective_set_lies_within_the_permitted_one() {
        let sets = super::get().expect("capget takes no privilege");
        assert_eq!(sets.effective & !sets.permitted, 0);
    }
}
