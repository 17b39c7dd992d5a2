//! Finds a system call's number by its name.
//!
//! Names are kept in the entries themselves: a table of string slices would need a relocation for
//! each one at every start of the (position independent) binary.

use super::arch::Arch;
use super::table::{COLUMNS, NAME_MAX, NO, TABLE};

/// Private calls of 32-bit ARM begin at `0x0f0000` (arch/arm/include/uapi/asm/unistd.h); the table
/// keeps them as `0xf000` and up.
const ARM_PRIVATE: u32 = 0x0f_0000;
const ARM_MARK: u16 = 0xf000;

/// A system call's name and its number on each architecture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    name: [u8; NAME_MAX],
    numbers: [u16; COLUMNS],
}

/// Makes an entry of the table.
pub(super) const fn entry(name: &str, numbers: [u16; COLUMNS]) -> Entry {
    let from = name.as_bytes();
    let mut bytes = [0; NAME_MAX];
    let mut at = 0;
    while at < from.len() {
        bytes[at] = from[at];
        at += 1;
    }
    Entry {
        name: bytes,
        numbers,
    }
}

impl Entry {
    /// The number on this architecture, with x32's bit; `None` where it lacks the call.
    pub(super) fn number(&self, arch: &Arch) -> Option<u32> {
        match self.numbers[arch.column] {
            NO => None,
            private if private >= ARM_MARK => Some(ARM_PRIVATE + u32::from(private - ARM_MARK)),
            number => Some(u32::from(number) | arch.bit),
        }
    }
}

/// The system call of this name, on whatever architecture.
pub(super) fn find(name: &str) -> Option<&'static Entry> {
    // Padded as the entries are, so that each comparison is one of a fixed length.
    let mut padded = [0; NAME_MAX];
    padded
        .get_mut(..name.len())?
        .copy_from_slice(name.as_bytes());
    let wanted = order(&padded);
    let at = TABLE
        .binary_search_by(|entry| order(&entry.name).cmp(&wanted))
        .ok()?;
    (!name.contains('\0')).then(|| &TABLE[at])
}

/// A name as numbers that compare as it does, in a few instructions: a profile takes thousands of comparisons.
fn order(name: &[u8; NAME_MAX]) -> (u128, u128) {
    const HALF: usize = size_of::<u128>();
    let number = |from: usize| {
        let mut bytes = [0; HALF];
        let part = &name[from..NAME_MAX.min(from + HALF)];
        bytes[..part.len()].copy_from_slice(part);
        u128::from_be_bytes(bytes)
    };
    (number(0), number(HALF))
}

/// All of a name takes part in the comparison.
const _: () = assert!(NAME_MAX > size_of::<u128>() && NAME_MAX <= 2 * size_of::<u128>());

#[cfg(test)]
mod tests {
    use super::super::arch;
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_the_search_finds_every_name() {
        for pair in TABLE.windows(2) {
            assert!(pair[0].name < pair[1].name, "{:?}", pair[1].name);
        }
    }

    #[test]
    fn numbers_are_those_of_the_kernel_headers() {
        let number = |name, arch| find(name).and_then(|entry| entry.number(arch));
        assert_eq!(number("getcwd", &arch::X86_64), Some(79));
        assert_eq!(number("getcwd", &arch::X86), Some(183));
        assert_eq!(number("getcwd", &arch::X32), Some(0x4000_0000 + 79));
        assert_eq!(number("getcwd", &arch::AARCH64), Some(17));
        assert_eq!(number("ptrace", &arch::X32), Some(0x4000_0000 + 521));
        assert_eq!(number("set_tls", &arch::ARM), Some(0x0f_0005));
        assert_eq!(number("open", &arch::AARCH64), None);
        assert_eq!(number("file_setattr", &arch::X86_64), Some(469));
        assert!(find("nosuchcall").is_none());
        assert!(find("").is_none());
        assert!(find("read\0").is_none());
        assert!(find("a_name_that_is_longer_than_every_one").is_none());
    }

    /// The C library's own numbers for the machine that runs the test.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn numbers_agree_with_the_c_library() {
        use nix::libc;
        for (name, number) in [
            ("read", libc::SYS_read),
            ("clone3", libc::SYS_clone3),
            ("openat2", libc::SYS_openat2),
            ("seccomp", libc::SYS_seccomp),
            ("mount_setattr", libc::SYS_mount_setattr),
        ] {
            let found = find(name).and_then(|entry| entry.number(&arch::X86_64));
            assert_eq!(found.map(i64::from), Some(number), "{name}");
        }
    }
}
