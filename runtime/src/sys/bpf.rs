//! bpf(2), as far as programs of type `BPF_PROG_TYPE_CGROUP_DEVICE` need it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

use crate::plan::cgroup::Instruction;

// enum bpf_cmd of linux/bpf.h.
const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const PROG_DETACH: libc::c_int = 9;
const PROG_GET_FD_BY_ID: libc::c_int = 13;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const PROG_QUERY: libc::c_int = 16;

/// `BPF_PROG_TYPE_CGROUP_DEVICE`
const TYPE_CGROUP_DEVICE: u32 = 15;
/// `BPF_CGROUP_DEVICE`
const CGROUP_DEVICE: u32 = 6;
/// `BPF_F_ALLOW_MULTI`: several programs, which all have to agree.
const ALLOW_MULTI: u32 = 2;
/// `BPF_OBJ_NAME_LEN`
const NAME_LENGTH: usize = 16;
/// `BPF_CGROUP_MAX_PROGS` of kernel/bpf: a cgroup takes no more.
const MAX_PROGRAMS: usize = 64;

/// The part of `union bpf_attr` for BPF_PROG_LOAD up to the program's name.
#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; NAME_LENGTH],
}

/// The part for BPF_PROG_ATTACH and BPF_PROG_DETACH.
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

/// The part for BPF_PROG_QUERY.
#[repr(C)]
struct Query {
    target: u32,
    kind: u32,
    how: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    padding: u32,
}

/// The part for BPF_PROG_GET_FD_BY_ID.
#[repr(C)]
struct ById {
    id: u32,
    next: u32,
    flags: u32,
}

/// The part for BPF_OBJ_GET_INFO_BY_FD.
#[repr(C)]
struct InfoRequest {
    object: u32,
    length: u32,
    info: u64,
}

/// `struct bpf_prog_info` up to the name, which is at offset 64.
#[repr(C)]
#[derive(Default)]
struct ProgramInfo {
    before: [u64; 8],
    name: [u8; NAME_LENGTH],
}

/// One call of bpf(2) with a part of its attribute that begins at the first byte.
fn bpf<T>(command: libc::c_int, attribute: &mut T) -> io::Result<i32> {
    // SAFETY: the kernel reads and writes at most `size_of::<T>()` bytes of the attribute, which are
    // all initialised (none of the structures here has padding), and takes bytes beyond as zero. What
    // an attribute points to is kept alive by the caller, which is each function below.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attribute),
            size_of::<T>(),
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result as i32)
    }
}

fn owned(fd: i32) -> OwnedFd {
    // SAFETY: the kernel has just opened this descriptor for us, and nobody else knows its number.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn raw(fd: BorrowedFd) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

/// Loads a device program under a name of at most 15 bytes.
pub fn load(code: &[Instruction], name: &str) -> io::Result<OwnedFd> {
    // No function of the kernel that asks for the GPL is called; Apache-2.0 is the program's licence.
    let license = c"Apache-2.0";
    let mut attribute = Load {
        kind: TYPE_CGROUP_DEVICE,
        count: u32::try_from(code.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        instructions: code.as_ptr() as u64,
        license: license.as_ptr() as u64,
        ..Load::default()
    };
    let length = name.len().min(NAME_LENGTH - 1);
    attribute.name[..length].copy_from_slice(&name.as_bytes()[..length]);
    bpf(PROG_LOAD, &mut attribute).map(owned)
}

/// Attaches a device program to a cgroup, beside those that are there.
pub fn attach(cgroup: BorrowedFd, program: BorrowedFd) -> io::Result<()> {
    let (target, program) = (raw(cgroup), raw(program));
    let mut attribute = Attach {
        target,
        program,
        kind: CGROUP_DEVICE,
        flags: ALLOW_MULTI,
    };
    bpf(PROG_ATTACH, &mut attribute).map(drop)
}

/// Detaches a device program from a cgroup.
pub fn detach(cgroup: BorrowedFd, program: BorrowedFd) -> io::Result<()> {
    let (target, program) = (raw(cgroup), raw(program));
    let mut attribute = Attach {
        target,
        program,
        kind: CGROUP_DEVICE,
        flags: 0,
    };
    bpf(PROG_DETACH, &mut attribute).map(drop)
}

/// The ids of the device programs that are attached to this very cgroup.
pub fn attached(cgroup: BorrowedFd) -> io::Result<Vec<u32>> {
    let mut ids = vec![0u32; MAX_PROGRAMS];
    let mut attribute = Query {
        target: raw(cgroup),
        kind: CGROUP_DEVICE,
        how: 0,
        attach_flags: 0,
        ids: ids.as_mut_ptr() as u64,
        count: MAX_PROGRAMS as u32,
        padding: 0,
    };
    bpf(PROG_QUERY, &mut attribute)?;
    ids.truncate(attribute.count as usize);
    Ok(ids)
}

/// Opens a loaded program.
pub fn open(id: u32) -> io::Result<OwnedFd> {
    bpf(
        PROG_GET_FD_BY_ID,
        &mut ById {
            id,
            next: 0,
            flags: 0,
        },
    )
    .map(owned)
}

/// The name that a program was loaded under.
pub fn name(program: BorrowedFd) -> io::Result<String> {
    let mut info = ProgramInfo::default();
    let mut attribute = InfoRequest {
        object: raw(program),
        length: size_of::<ProgramInfo>() as u32,
        info: (&raw mut info) as u64,
    };
    bpf(OBJ_GET_INFO_BY_FD, &mut attribute)?;
    let length = info
        .name
        .iter()
        .position(|b| *b == 0)
        .unwrap_or(NAME_LENGTH);
    Ok(String::from_utf8_lossy(&info.name[..length]).into_owned())
}
