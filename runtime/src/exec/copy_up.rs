//! `tmpcopyup`: a tmpfs that begins with what lies beneath it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::dir::Dir;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstatat, mkdirat, mknodat};
use nix::unistd::{Gid, Uid, fchown, fchownat, symlinkat};

/// Copies the contents of a folder, with owners and modes, into another one. Both are open
/// folders; no path is resolved but single names, and no link is followed.
pub fn copy(from: &OwnedFd, to: &impl AsFd) -> io::Result<()> {
    let about = nix::sys::stat::fstat(from)?;
    let names = entries(from)?;
    for name in names {
        copy_entry(from, &name, to)?;
    }
    fchown(
        to,
        Some(Uid::from_raw(about.st_uid)),
        Some(Gid::from_raw(about.st_gid)),
    )?;
    fchmod(to, Mode::from_bits_truncate(about.st_mode))?;
    Ok(())
}

fn entries(dir: &OwnedFd) -> io::Result<Vec<std::ffi::CString>> {
    let mut listing = Dir::from_fd(openat(
        dir,
        ".",
        OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?)?;
    let mut names = Vec::new();
    for entry in listing.iter() {
        let name = entry?.file_name().to_owned();
        if name.as_bytes() != b"." && name.as_bytes() != b".." {
            names.push(name);
        }
    }
    Ok(names)
}

fn copy_entry(from: &OwnedFd, name: &std::ffi::CStr, to: &impl AsFd) -> io::Result<()> {
    let about = fstatat(from, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    let mode = Mode::from_bits_truncate(about.st_mode);
    let kind = SFlag::from_bits_truncate(about.st_mode & SFlag::S_IFMT.bits());
    if kind == SFlag::S_IFDIR {
        mkdirat(to, name, Mode::S_IRWXU)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let source = openat(from, name, flags, Mode::empty())?;
        let target = openat(to, name, flags, Mode::empty())?;
        return copy(&source, &target);
    }
    if kind == SFlag::S_IFLNK {
        let target = readlinkat(from, name)?;
        symlinkat(target.as_os_str(), to, OsStr::from_bytes(name.to_bytes()))?;
    } else if kind == SFlag::S_IFREG {
        let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut source = File::from(openat(from, name, flags, Mode::empty())?);
        let mut target = File::from(openat(
            to,
            name,
            flags | OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL,
            Mode::S_IRUSR | Mode::S_IWUSR,
        )?);
        io::copy(&mut source, &mut target)?;
    } else {
        mknodat(to, name, kind, mode, about.st_rdev)?;
    }
    fchownat(
        to,
        name,
        Some(Uid::from_raw(about.st_uid)),
        Some(Gid::from_raw(about.st_gid)),
        AtFlags::AT_SYMLINK_NOFOLLOW,
    )?;
    if kind != SFlag::S_IFLNK {
        nix::sys::stat::fchmodat(to, name, mode, nix::sys::stat::FchmodatFlags::FollowSymlink)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn files_folders_and_links_arrive_with_their_modes() {
        let from = tempfile::tempdir().expect("a folder");
        let to = tempfile::tempdir().expect("a folder");
        fs::create_dir(from.path().join("d")).expect("mkdir");
        fs::write(from.path().join("d/f"), "text").expect("write");
        fs::set_permissions(from.path().join("d/f"), fs::Permissions::from_mode(0o741))
            .expect("chmod");
        symlink("/nowhere", from.path().join("l")).expect("symlink");
        let source = OwnedFd::from(File::open(from.path()).expect("open"));
        let target = File::open(to.path()).expect("open");
        copy(&source, &target).expect("copied");
        assert_eq!(
            fs::read_to_string(to.path().join("d/f")).ok().as_deref(),
            Some("text")
        );
        let mode = fs::metadata(to.path().join("d/f"))
            .expect("stat")
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o741);
        assert_eq!(
            fs::read_link(to.path().join("l")).expect("readlink"),
            std::path::Path::new("/nowhere")
        );
    }
}
