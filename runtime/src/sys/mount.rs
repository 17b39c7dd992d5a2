//! Mounts by descriptor: open_tree(2), move_mount(2), mount_setattr(2), fsopen(2) and friends.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

use super::check;

/// `MOUNT_ATTR_*` of linux/mount.h.
pub mod attr {
    /// Read-only.
    pub const RDONLY: u64 = 0x1;
    /// Ignore set-user-ID bits and file capabilities.
    pub const NOSUID: u64 = 0x2;
    /// Refuse device files.
    pub const NODEV: u64 = 0x4;
    /// Refuse execution.
    pub const NOEXEC: u64 = 0x8;
    /// The mask of the access time settings, of which `relatime` is 0.
    pub const ATIME: u64 = 0x70;
    /// Do not update access times.
    pub const NOATIME: u64 = 0x10;
    /// Always update access times.
    pub const STRICTATIME: u64 = 0x20;
    /// Do not update access times of directories.
    pub const NODIRATIME: u64 = 0x80;
    /// Map ids by a user namespace (Linux 5.12).
    pub const IDMAP: u64 = 0x0010_0000;
    /// Do not follow symbolic links (Linux 5.14).
    pub const NOSYMFOLLOW: u64 = 0x0020_0000;
}

/// `struct mount_attr` of linux/mount.h.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MountAttr {
    /// Attributes to set, of [`attr`].
    pub set: u64,
    /// Attributes to clear.
    pub clear: u64,
    /// A propagation type of mount(2): `MS_SHARED` and so on; 0 leaves it.
    pub propagation: u64,
    /// The user namespace of [`attr::IDMAP`].
    pub userns_fd: u64,
}

/// open_tree(2) with OPEN_TREE_CLONE: a detached copy of the mount at `dir`/`path`, with those
/// below it if `recursive`. An empty path means `dir` itself.
pub fn clone_tree(dir: BorrowedFd<'_>, path: &CStr, recursive: bool) -> nix::Result<OwnedFd> {
    let mut flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_EMPTY_PATH as u32;
    if recursive {
        flags |= libc::AT_RECURSIVE as u32;
    }
    // SAFETY: `path` is a terminated string that lives through the call.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, dir.as_raw_fd(), path.as_ptr(), flags) };
    owned(fd)
}

/// move_mount(2): puts the detached mount `tree` on the object that `target` stands for.
pub fn move_onto(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> nix::Result<()> {
    // MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH of linux/mount.h.
    let flags: libc::c_uint = 0x4 | 0x40;
    // SAFETY: both paths are the terminated empty string.
    let result = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.as_raw_fd(),
            c"".as_ptr(),
            target.as_raw_fd(),
            c"".as_ptr(),
            flags,
        )
    };
    check(result).map(drop)
}

/// mount_setattr(2) on the mount that `tree` stands for, and all below it if `recursive`.
pub fn set_attr(tree: BorrowedFd<'_>, attr: &MountAttr, recursive: bool) -> nix::Result<()> {
    let mut flags = libc::AT_EMPTY_PATH;
    if recursive {
        flags |= libc::AT_RECURSIVE;
    }
    // SAFETY: the path is the terminated empty string; `attr` has the layout and the size that
    // are passed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(attr),
            size_of::<MountAttr>(),
        )
    };
    check(result).map(drop)
}

/// fsopen(2): a context in which to make a file system of this type.
pub fn fs_open(fstype: &CStr) -> nix::Result<OwnedFd> {
    // FSOPEN_CLOEXEC of linux/mount.h is 1.
    // SAFETY: `fstype` is a terminated string that lives through the call.
    owned(unsafe { libc::syscall(libc::SYS_fsopen, fstype.as_ptr(), 1) })
}

/// fsconfig(2) with FSCONFIG_SET_STRING.
pub fn fs_set(context: BorrowedFd<'_>, key: &CStr, value: &CStr) -> nix::Result<()> {
    fs_config(context, 1, key.as_ptr(), value.as_ptr())
}

/// fsconfig(2) with FSCONFIG_CMD_CREATE, then fsmount(2): the file system as a detached mount.
pub fn fs_mount(context: BorrowedFd<'_>, attributes: u64) -> nix::Result<OwnedFd> {
    fs_config(context, 6, std::ptr::null(), std::ptr::null())?;
    // FSMOUNT_CLOEXEC of linux/mount.h is 1.
    // SAFETY: the call takes numbers only.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), 1, attributes) })
}

fn fs_config(
    context: BorrowedFd<'_>,
    command: libc::c_uint,
    key: *const libc::c_char,
    value: *const libc::c_char,
) -> nix::Result<()> {
    // SAFETY: key and value are null where the command takes none, else terminated strings of the
    // callers that live through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_fsconfig,
            context.as_raw_fd(),
            command,
            key,
            value,
            0,
        )
    };
    check(result).map(drop)
}

fn owned(result: libc::c_long) -> nix::Result<OwnedFd> {
    let fd = check(result)?;
    // SAFETY: the kernel returned a new descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
