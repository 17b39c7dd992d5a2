//! Terminals: ioctl_tty(2).

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

use super::check;

nix::ioctl_write_int_bad!(
    /// TIOCSCTTY.
    set_controlling, libc::TIOCSCTTY);
nix::ioctl_write_ptr_bad!(
    /// TIOCSPTLCK.
    set_lock, libc::TIOCSPTLCK, libc::c_int);
nix::ioctl_write_ptr_bad!(
    /// TIOCSWINSZ.
    set_size, libc::TIOCSWINSZ, libc::winsize);
nix::ioctl_read_bad!(
    /// TIOCGWINSZ.
    get_size, libc::TIOCGWINSZ, libc::winsize);

/// Unlocks the terminal behind a master.
pub fn unlock(master: BorrowedFd<'_>) -> nix::Result<()> {
    // SAFETY: TIOCSPTLCK reads one int, which the reference is.
    unsafe { set_lock(master.as_raw_fd(), &0) }.map(drop)
}

/// The terminal behind a master, opened without any path (TIOCGPTPEER, Linux 4.13).
pub fn peer(master: BorrowedFd<'_>) -> nix::Result<OwnedFd> {
    // SAFETY: TIOCGPTPEER takes open flags as a number.
    let fd = unsafe {
        libc::ioctl(
            master.as_raw_fd(),
            libc::TIOCGPTPEER,
            libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC,
        )
    };
    let fd = check(libc::c_long::from(fd))?;
    // SAFETY: the kernel returned a new descriptor that nothing else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Makes the terminal the controlling one of this session.
pub fn control(terminal: BorrowedFd<'_>) -> nix::Result<()> {
    // SAFETY: TIOCSCTTY takes a number; 0 steals from nobody.
    unsafe { set_controlling(terminal.as_raw_fd(), 0) }.map(drop)
}

/// Sets the size in characters.
pub fn resize(terminal: BorrowedFd<'_>, rows: u16, columns: u16) -> nix::Result<()> {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCSWINSZ reads one winsize, which the reference is.
    unsafe { set_size(terminal.as_raw_fd(), &raw const size) }.map(drop)
}

/// The size in characters, rows first.
pub fn size(terminal: BorrowedFd<'_>) -> nix::Result<(u16, u16)> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes one winsize, which the reference is.
    unsafe { get_size(terminal.as_raw_fd(), &raw mut size) }?;
    Ok((size.ws_row, size.ws_col))
}
