//! Waiting for a change in directories: inotify(7).

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

use crate::drive::Deadline;

/// Tells that something was written in directories, since it was made.
pub(super) struct Watch(OwnedFd);

impl Watch {
    /// Watches these directories.
    pub(super) fn over(dirs: &[PathBuf]) -> io::Result<Self> {
        let watch = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        for dir in dirs {
            add_watch(&watch, dir, WatchFlags::CREATE | WatchFlags::CLOSE_WRITE)?;
        }
        Ok(Self(watch))
    }

    /// Waits for something new; true once there is nothing to wait for any more: `over` has hung
    /// up, or the deadline has come.
    pub(super) fn news(&self, over: BorrowedFd<'_>, deadline: Deadline) -> io::Result<bool> {
        let [new, ended] = deadline.either_readable([self.0.as_fd(), over])?;
        if new {
            self.take()?;
        }
        Ok(ended || !new)
    }

    /// Takes the events that are there: what they are does not matter, only that they came.
    fn take(&self) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.0, &mut buffer);
        loop {
            match reader.next() {
                Ok(_) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::pipe::{PipeFlags, pipe_with};

    use super::*;
    use crate::drive::Limits;

    #[test]
    fn a_new_file_is_news_and_a_hung_up_call_is_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let watch = Watch::over(&[dir.path().to_owned()]).unwrap();
        let (over, call) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let long = Deadline::after(Limits::default().event);
        fs::write(dir.path().join("log"), "x").unwrap();
        assert!(!watch.news(over.as_fd(), long).unwrap());
        drop(call);
        assert!(watch.news(over.as_fd(), long).unwrap());
    }

    #[test]
    fn the_deadline_ends_it_too() {
        let watch = Watch::over(&[]).unwrap();
        let (over, _call) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let now = Deadline::now();
        assert!(watch.news(over.as_fd(), now).unwrap());
    }
}
