//! A container that is locked for writing.

use std::fs::{self, File};
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::error::StateError;
use super::record::Record;
use super::store::{COPY_FILE, STATE_FILE};
use super::write;
use crate::spec::CONFIG_FILE;

/// How long a command waits for another one that holds the lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// A container's folder under lock, with its record. Dropping it unlocks, and removes the folder of
/// a container that was begun and not kept.
///
/// The lock is a flock(2) on the folder itself: it is released when the last copy of the descriptor
/// is closed, so a child that outlives the command must close its copy ([`Container::lock_fd`]) at
/// once.
#[derive(Debug)]
pub struct Container {
    dir: PathBuf,
    lock: Flock<File>,
    record: Record,
    unfinished: bool,
    /// Whether there may be a copy of the record.
    copied: bool,
    /// The record that is written beside the other one, to take its place.
    staged: Option<Record>,
    /// Whether a record lies beside the other one, either the staged one or one that has lost its place.
    beside: bool,
}

impl Container {
    /// Locks a folder just made and writes its first record.
    pub(super) fn begin(dir: PathBuf, record: impl FnOnce() -> Record) -> Result<Self, StateError> {
        let lock = acquire(&dir)?;
        let mut container = Self::known(dir, lock, record());
        container.unfinished = true;
        container.copied = false;
        container.write_by(
            write::new,
            STATE_FILE,
            &encode(&container.dir, &container.record)?,
        )?;
        Ok(container)
    }

    fn known(dir: PathBuf, lock: Flock<File>, record: Record) -> Self {
        Self {
            dir,
            lock,
            record,
            unfinished: false,
            copied: true,
            staged: None,
            beside: false,
        }
    }

    /// Writes the copy of the configuration. Nobody reads it before the container is recorded as created, but
    /// for its poststop hooks, which are owed once another hook has run.
    pub fn write_config(&self, config: &str) -> Result<(), StateError> {
        self.write_by(
            |path, text| fs::write(path, text),
            CONFIG_FILE,
            config.as_bytes(),
        )
    }

    /// Locks the folder of an existing container and reads its record.
    pub(super) fn lock(dir: PathBuf) -> Result<Self, StateError> {
        let lock = acquire(&dir)?;
        let record = Record::read(&dir)?;
        Ok(Self::known(dir, lock, record))
    }

    /// Locks the folder of a container whose record is lost, by the copy of what has to be undone.
    pub(super) fn lock_by_copy(dir: PathBuf) -> Result<Self, StateError> {
        let lock = acquire(&dir)?;
        let record = Record::read_copy(&dir)?;
        Ok(Self::known(dir, lock, record))
    }

    /// The container's id.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// The container's folder in the store; sockets may lie in it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The record as last written.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Changes the record and writes it, so that it survives the death of this process.
    pub fn update(&mut self, change: impl FnOnce(&mut Record)) -> Result<(), StateError> {
        self.staged = None;
        let mut changed = self.record.clone();
        change(&mut changed);
        let undone_alike = changed.is_undone_like(&self.record);
        let before = mem::replace(&mut self.record, changed);
        self.save(!undone_alike)
            .inspect_err(|_| self.record = before)
    }

    /// Changes the record and writes only the copy of what has to be undone; the record follows with the next
    /// [`Container::update`].
    pub fn update_copy(&mut self, change: impl FnOnce(&mut Record)) -> Result<(), StateError> {
        self.staged = None;
        change(&mut self.record);
        let json = encode(&self.dir, &self.record)?;
        self.save_copy(&json)
    }

    /// Writes what the record will be, if all goes well, beside what it is: [`Container::publish`] then takes
    /// one call.
    pub fn stage(&mut self, change: impl FnOnce(&mut Record)) -> Result<(), StateError> {
        let mut next = self.record.clone();
        change(&mut next);
        self.beside = true;
        self.write_by(write::beside, STATE_FILE, &encode(&self.dir, &next)?)?;
        self.staged = next.is_undone_like(&self.record).then_some(next);
        Ok(())
    }

    /// Puts the staged record in place, if it is the one that is `wanted`; false where there is none.
    pub fn publish(&mut self, wanted: impl FnOnce(&Record) -> bool) -> Result<bool, StateError> {
        let Some(next) = self.staged.take().filter(wanted) else {
            return Ok(false);
        };
        self.write_by(|path, _| write::put_in_place(path), STATE_FILE, &[])?;
        self.record = next;
        Ok(true)
    }

    /// Takes the staged record for the one in place: init has put it there ([`publish_in`]).
    pub fn was_published(&mut self) {
        if let Some(next) = self.staged.take() {
            self.record = next;
        }
    }

    /// Whether a record is staged.
    pub fn is_staged(&self) -> bool {
        self.staged.is_some()
    }

    /// Writes a file into the container's folder, whole or not at all.
    pub fn write(&self, name: &str, contents: &[u8]) -> Result<(), StateError> {
        self.write_by(write::atomically, name, contents)
    }

    fn write_by(
        &self,
        write: impl FnOnce(&Path, &[u8]) -> io::Result<()>,
        name: &str,
        contents: &[u8],
    ) -> Result<(), StateError> {
        let path = self.dir.join(name);
        write(&path, contents).map_err(|source| StateError::Io {
            action: "write",
            path,
            source,
        })
    }

    /// From now on the folder stays when the container is dropped: `create` has done its work.
    pub fn keep(&mut self) {
        self.unfinished = false;
    }

    /// The descriptor that holds the lock, for a child that must close its copy.
    pub fn lock_fd(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    /// Removes the folder: the container is gone and its id free.
    pub fn remove(mut self) -> Result<(), StateError> {
        self.unfinished = false;
        self.beside = false;
        remove(&self.dir)
    }

    /// Writes the record, after its copy where that is wanted.
    fn save(&mut self, with_copy: bool) -> Result<(), StateError> {
        let json = encode(&self.dir, &self.record)?;
        if with_copy {
            self.save_copy(&json)?;
        }
        self.write(STATE_FILE, &json)?;
        self.beside = false;
        Ok(())
    }

    fn save_copy(&mut self, json: &[u8]) -> Result<(), StateError> {
        let write = if self.copied {
            write::atomically
        } else {
            write::new
        };
        self.write_by(write, COPY_FILE, json)?;
        self.copied = true;
        Ok(())
    }
}

/// Puts the staged record of the container whose folder this is in place, in a process that has inherited the descriptor
/// ([`Container::lock_fd`]).
pub fn publish_in(folder: BorrowedFd<'_>) -> io::Result<()> {
    write::put_in_place_below(folder, STATE_FILE)
}

fn encode(dir: &Path, record: &Record) -> Result<Vec<u8>, StateError> {
    record.to_json().map_err(|error| StateError::Io {
        action: "encode",
        path: dir.join(STATE_FILE),
        source: error.into(),
    })
}

impl Drop for Container {
    fn drop(&mut self) {
        if self.beside {
            write::remove_beside(&self.dir.join(STATE_FILE));
        }
        if self.unfinished {
            // The error that led here is the one to report; `delete --force` clears a folder left.
            let _ = remove(&self.dir);
        }
    }
}

/// Removes a container's folder. `state.json` goes last, so that an interrupted removal is still
/// known as a container and can be repeated.
pub(super) fn remove(dir: &Path) -> Result<(), StateError> {
    let io = |source| StateError::Io {
        action: "remove",
        path: dir.to_owned(),
        source,
    };
    for entry in fs::read_dir(dir).map_err(io)? {
        let entry = entry.map_err(io)?;
        if entry.file_name() == STATE_FILE {
            continue;
        }
        if entry.file_type().map_err(io)?.is_dir() {
            fs::remove_dir_all(entry.path()).map_err(io)?;
        } else {
            fs::remove_file(entry.path()).map_err(io)?;
        }
    }
    // Usually it is the only one left; a folder of another time may have none.
    let last = fs::remove_file(dir.join(STATE_FILE)).and_then(|()| fs::remove_dir(dir));
    last.or_else(|_| fs::remove_dir_all(dir)).map_err(io)
}

/// Locks a folder; a folder that was removed or replaced while we waited does not count.
pub(super) fn acquire(dir: &Path) -> Result<Flock<File>, StateError> {
    let io = |action| {
        move |source: io::Error| {
            if source.kind() == io::ErrorKind::NotFound {
                StateError::NotFound
            } else {
                StateError::Io {
                    action,
                    path: dir.to_owned(),
                    source,
                }
            }
        }
    };
    let deadline = Instant::now() + PATIENCE;
    let mut file = File::open(dir).map_err(io("open"))?;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => {
                let ours = lock.metadata().map_err(io("stat"))?;
                let there = fs::metadata(dir).map_err(io("stat"))?;
                if (ours.dev(), ours.ino()) == (there.dev(), there.ino()) {
                    return Ok(lock);
                }
                file = File::open(dir).map_err(io("open"))?;
            }
            Err((returned, Errno::EAGAIN)) if Instant::now() < deadline => {
                file = returned;
                sleep(Duration::from_millis(2));
            }
            Err((_, Errno::EAGAIN)) => {
                let id = dir
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                return Err(StateError::Locked { id });
            }
            Err((_, errno)) => return Err(io("lock")(errno.into())),
        }
    }
}
