//! Paths inside the root file system, resolved beneath its descriptor and never as strings.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::fchdir;

/// As many symbolic links as the kernel follows, path_resolution(7).
const MAX_LINKS: usize = 40;

/// The root of the container, before it becomes the root.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    /// The empty file system that was mounted last, as long as all that came since was made in it.
    fresh: RefCell<Option<Fresh>>,
}

/// A file system that nobody but this process has written to.
#[derive(Debug)]
struct Fresh {
    path: PathBuf,
    /// Its root, once that is asked for.
    fd: Option<OwnedFd>,
}

impl Root {
    /// The root that this descriptor stands for.
    pub fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            fresh: RefCell::new(None),
        }
    }

    /// Takes note of an empty file system that was just mounted.
    pub fn note_fresh(&self, path: &Path) {
        let path = path.to_owned();
        self.fresh.replace(Some(Fresh { path, fd: None }));
    }

    /// Makes a folder right below the file system that was mounted last, if that is where `path` lies and
    /// nothing is there: no link can have led to it. Any other path ends that: what is mounted there may cover it.
    pub fn make_in_fresh(&self, path: &Path) -> Option<OwnedFd> {
        let mut fresh = self.fresh.take()?;
        let name = path.file_name()?;
        if path.parent() != Some(&fresh.path) {
            return None;
        }
        let folder = match fresh.fd.take() {
            Some(folder) => folder,
            None => self
                .open(&fresh.path, OFlag::O_PATH | OFlag::O_DIRECTORY)
                .ok()?,
        };
        let made = make_dir(&folder, name).ok();
        if made.is_some() {
            fresh.fd = Some(folder);
            self.fresh.replace(Some(fresh));
        }
        made
    }

    /// Opens what is there.
    pub fn open(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        self.resolve(path, flags, ResolveFlag::empty())
    }

    /// Opens what is there, refusing symbolic links anywhere on the way (ELOOP).
    pub fn open_plain(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        self.resolve(path, flags, ResolveFlag::RESOLVE_NO_SYMLINKS)
    }

    fn resolve(&self, path: &Path, flags: OFlag, extra: ResolveFlag) -> nix::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS | extra);
        loop {
            match openat2(&self.fd, path, how) {
                // openat2(2): a rename elsewhere made a ".." unsafe to judge; try again.
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                result => return result,
            }
        }
    }

    /// Opens a folder as O_PATH, making what is missing with mode 755.
    pub fn dir(&self, path: &Path) -> nix::Result<OwnedFd> {
        match self.open(path, OFlag::O_PATH | OFlag::O_DIRECTORY) {
            Err(Errno::ENOENT) => match self.make_last(path) {
                Err(Errno::ENOENT | Errno::EEXIST) => self.make_dirs(path),
                result => result,
            },
            result => result,
        }
    }

    /// Makes a folder whose parent is there: the usual case, in three calls. ENOENT where the parent
    /// is missing, EEXIST where there is a dangling link, or somebody else made something meanwhile.
    fn make_last(&self, path: &Path) -> nix::Result<OwnedFd> {
        let name = path.file_name().ok_or(Errno::ENOENT)?;
        let above = path.parent().unwrap_or(Path::new(""));
        let parent = self.open(above, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        make_dir(&parent, name)
    }

    /// Opens the folder that holds `path`, making what is missing, and names the last component.
    pub fn parent(&self, path: &Path) -> nix::Result<(OwnedFd, OsString)> {
        let name = path.file_name().ok_or(Errno::EINVAL)?.to_owned();
        let parent = self.dir(path.parent().unwrap_or(Path::new("")))?;
        Ok((parent, name))
    }

    /// Opens a file as O_PATH, making an empty one where nothing is.
    pub fn file(&self, path: &Path) -> nix::Result<OwnedFd> {
        match self.open(path, OFlag::O_PATH) {
            Err(Errno::ENOENT) => {
                let (parent, name) = self.parent(path)?;
                let made = openat(
                    &parent,
                    name.as_os_str(),
                    OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
                    Mode::from_bits_truncate(0o644),
                )?;
                drop(made);
                openat(
                    &parent,
                    name.as_os_str(),
                    OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
                    Mode::empty(),
                )
            }
            result => result,
        }
    }

    /// Makes a folder, component by component. A dangling link on the way is followed by making
    /// what it points to, inside the root.
    fn make_dirs(&self, path: &Path) -> nix::Result<OwnedFd> {
        let mut rest: VecDeque<OsString> = names(path).collect();
        let mut done = PathBuf::new();
        let mut current = self.open(&done, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
        let mut links = 0;
        while let Some(name) = rest.pop_front() {
            let next = done.join(&name);
            match self.open(&next, OFlag::O_PATH | OFlag::O_DIRECTORY) {
                Ok(fd) => current = fd,
                Err(Errno::ENOENT) => {
                    match mkdirat(&current, name.as_os_str(), Mode::from_bits_truncate(0o755)) {
                        Ok(()) => {}
                        Err(Errno::EEXIST) => {
                            links += 1;
                            if links > MAX_LINKS {
                                return Err(Errno::ELOOP);
                            }
                            let Ok(target) = readlinkat(&current, name.as_os_str()) else {
                                // Somebody else made it meanwhile.
                                rest.push_front(name);
                                continue;
                            };
                            let target = PathBuf::from(target);
                            if target.is_absolute() {
                                done = PathBuf::new();
                                current = self.open(&done, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
                            }
                            for name in names(&target).collect::<Vec<_>>().into_iter().rev() {
                                rest.push_front(name);
                            }
                            continue;
                        }
                        Err(errno) => return Err(errno),
                    }
                    current = self.open(&next, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
                }
                Err(errno) => return Err(errno),
            }
            done = next;
        }
        Ok(current)
    }
}

/// Makes a folder and opens it. What was put in its place meanwhile is no folder or is one, but is never a link
/// followed.
fn make_dir(parent: &OwnedFd, name: &OsStr) -> nix::Result<OwnedFd> {
    mkdirat(parent, name, Mode::from_bits_truncate(0o755))?;
    openat(
        parent,
        name,
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The components that name something; `..` stays, since the kernel resolves it inside the root.
fn names(path: &Path) -> impl Iterator<Item = OsString> {
    path.components()
        .filter(|component| matches!(component, Component::Normal(_) | Component::ParentDir))
        .map(|component| component.as_os_str().to_owned())
}

/// Enters a folder, so that "." names it in the system calls that take only paths. A path below
/// `/proc/self/fd` would do so too, but would trust whatever a joined mount namespace has at `/proc`
/// (CVE-2025-52881).
pub fn here(folder: impl AsFd) -> nix::Result<&'static str> {
    fchdir(folder).map(|()| ".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn root(dir: &Path) -> Root {
        Root::new(
            nix::fcntl::open(dir, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
                .expect("the folder exists"),
        )
    }

    #[test]
    fn a_link_to_the_outside_ends_inside() {
        let outside = tempfile::tempdir().expect("a folder");
        let inside = tempfile::tempdir().expect("a folder");
        let name = outside.path().strip_prefix("/").expect("absolute");
        symlink(outside.path(), inside.path().join("dev")).expect("a link");
        root(inside.path()).dir(Path::new("dev/pts")).expect("made");
        assert!(inside.path().join(name).join("pts").is_dir());
        assert!(!outside.path().join("pts").exists());
    }

    #[test]
    fn dots_do_not_leave_the_root() {
        let inside = tempfile::tempdir().expect("a folder");
        root(inside.path())
            .file(Path::new("../../a/b"))
            .expect("made");
        assert!(inside.path().join("a/b").is_file());
    }

    #[test]
    fn a_dangling_link_at_the_end_is_followed_inside() {
        let inside = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(inside.path().join("run")).expect("a folder");
        symlink("/deep/er", inside.path().join("run/lock")).expect("a link");
        root(inside.path())
            .dir(Path::new("run/lock"))
            .expect("made");
        assert!(inside.path().join("deep/er").is_dir());
        root(inside.path()).dir(Path::new("run/new")).expect("made");
        assert!(inside.path().join("run/new").is_dir());
    }

    #[test]
    fn a_folder_is_made_in_what_is_fresh_and_nowhere_else() {
        let inside = tempfile::tempdir().expect("a folder");
        for name in ["dev", "dev/there", "other"] {
            std::fs::create_dir(inside.path().join(name)).expect("a folder");
        }
        symlink("/other", inside.path().join("dev/link")).expect("a link");
        let root = root(inside.path());
        let make = |path| root.make_in_fresh(Path::new(path)).is_some();
        assert!(!make("dev/pts"), "nothing is fresh");
        root.note_fresh(Path::new("dev"));
        assert!(make("dev/pts") && make("dev/shm"));
        assert!(inside.path().join("dev/pts").is_dir());
        for other in ["dev/there", "dev/link", "other/pts", "dev/pts/deeper", ""] {
            root.note_fresh(Path::new("dev"));
            assert!(!make(other), "{other}");
            assert!(!make("dev/next"), "{other} may have covered it");
        }
        assert!(!inside.path().join("dev/next").exists());
    }

    #[test]
    fn a_loop_of_links_is_an_error() {
        let inside = tempfile::tempdir().expect("a folder");
        symlink("b", inside.path().join("a")).expect("a link");
        symlink("a", inside.path().join("b")).expect("a link");
        assert_eq!(
            root(inside.path()).dir(Path::new("a/c")).map(drop),
            Err(Errno::ELOOP)
        );
    }

    #[test]
    fn a_link_is_refused_where_none_may_be() {
        let inside = tempfile::tempdir().expect("a folder");
        symlink("/etc", inside.path().join("proc")).expect("a link");
        assert_eq!(
            root(inside.path())
                .open_plain(Path::new("proc"), OFlag::O_PATH)
                .map(drop),
            Err(Errno::ELOOP)
        );
    }
}
