//! The architectures that a filter can tell apart.

use oci_spec::runtime::Arch as Name;

/// Bit 30 marks the calls of x32 (arch/x86/include/uapi/asm/unistd.h).
pub(super) const X32_BIT: u32 = 0x4000_0000;

/// What the compiler knows of an architecture.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Arch {
    /// Its column in the table of system calls.
    pub(super) column: usize,
    /// `AUDIT_ARCH_*` of linux/audit.h, which the kernel puts into `seccomp_data.arch`.
    pub(super) audit: u32,
    /// What is set in each of its numbers besides the number.
    pub(super) bit: u32,
    /// Whether the kernel passes 64-bit arguments.
    pub(super) wide: bool,
    /// Whether the kernel keeps the high word of an argument first.
    pub(super) big_endian: bool,
}

impl Arch {
    const fn new(column: usize, audit: u32, wide: bool) -> Self {
        Self {
            column,
            audit,
            bit: 0,
            wide,
            // __AUDIT_ARCH_LE, linux/audit.h.
            big_endian: audit & 0x4000_0000 == 0,
        }
    }
}

pub(super) static X86_64: Arch = Arch::new(0, 0xc000_003e, true);
pub(super) static X86: Arch = Arch::new(1, 0x4000_0003, false);
/// Shares `AUDIT_ARCH_X86_64`; its registers are 64 bits wide.
pub(super) static X32: Arch = Arch {
    bit: X32_BIT,
    ..Arch::new(2, 0xc000_003e, true)
};
pub(super) static AARCH64: Arch = Arch::new(3, 0xc000_00b7, true);
pub(super) static ARM: Arch = Arch::new(4, 0x4000_0028, false);
static MIPS: Arch = Arch::new(5, 0x0000_0008, false);
static MIPSEL: Arch = Arch::new(5, 0x4000_0008, false);
static MIPS64: Arch = Arch::new(6, 0x8000_0008, true);
static MIPSEL64: Arch = Arch::new(6, 0xc000_0008, true);
static PPC: Arch = Arch::new(7, 0x0000_0014, false);
static PPC64: Arch = Arch::new(8, 0x8000_0015, true);
static PPC64LE: Arch = Arch::new(8, 0xc000_0015, true);
static S390X: Arch = Arch::new(9, 0x8000_0016, true);
static RISCV64: Arch = Arch::new(10, 0xc000_00f3, true);
static LOONGARCH64: Arch = Arch::new(11, 0xc000_0102, true);
static M68K: Arch = Arch::new(12, 0x0000_0004, false);

/// The architecture of a name in `architectures`; `None` where the compiler has no table for it.
pub(super) fn by_name(name: Name) -> Option<&'static Arch> {
    Some(match name {
        Name::ScmpArchX86_64 => &X86_64,
        Name::ScmpArchX86 => &X86,
        Name::ScmpArchX32 => &X32,
        Name::ScmpArchAarch64 => &AARCH64,
        Name::ScmpArchArm => &ARM,
        Name::ScmpArchMips => &MIPS,
        Name::ScmpArchMipsel => &MIPSEL,
        Name::ScmpArchMips64 => &MIPS64,
        Name::ScmpArchMipsel64 => &MIPSEL64,
        Name::ScmpArchPpc => &PPC,
        Name::ScmpArchPpc64 => &PPC64,
        Name::ScmpArchPpc64le => &PPC64LE,
        Name::ScmpArchS390x => &S390X,
        Name::ScmpArchRiscv64 => &RISCV64,
        Name::ScmpArchLoongarch64 => &LOONGARCH64,
        Name::ScmpArchM68k => &M68K,
        Name::ScmpArchNative
        | Name::ScmpArchMips64n32
        | Name::ScmpArchMipsel64n32
        | Name::ScmpArchS390
        | Name::ScmpArchParisc
        | Name::ScmpArchParisc64
        | Name::ScmpArchSh
        | Name::ScmpArchSheb => return None,
    })
}

/// The architecture that this binary runs on.
pub(super) fn native() -> &'static Arch {
    const BIG: bool = cfg!(target_endian = "big");
    match std::env::consts::ARCH {
        "x86" => &X86,
        "aarch64" => &AARCH64,
        "arm" => &ARM,
        "mips" if BIG => &MIPS,
        "mips" => &MIPSEL,
        "mips64" if BIG => &MIPS64,
        "mips64" => &MIPSEL64,
        "powerpc" => &PPC,
        "powerpc64" if BIG => &PPC64,
        "powerpc64" => &PPC64LE,
        "s390x" => &S390X,
        "riscv64" => &RISCV64,
        "loongarch64" => &LOONGARCH64,
        "m68k" => &M68K,
        _ => &X86_64,
    }
}
