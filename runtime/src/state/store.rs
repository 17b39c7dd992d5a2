//! The root directory with a folder for each container.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::container::{self, Container};
use super::error::StateError;
use super::id;
use super::record::{Freezer, Reader, Record};
use crate::read;

/// The root directory.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// The file that holds the [`Record`].
pub(super) const STATE_FILE: &str = "state.json";

/// The record as it was when something that has to be undone was last added: should `state.json` be lost,
/// `delete --force` knows from here which process and which cgroups are this store's. Nothing else
/// would tell: the container of another store may have the same id, and so the same cgroup.
pub(super) const COPY_FILE: &str = "undo.json";

impl Store {
    /// The store at `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where the containers' folders lie.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a container.
    pub fn dir(&self, id: &str) -> Result<PathBuf, StateError> {
        id::check(id)?;
        Ok(self.root.join(id))
    }

    /// Makes the folder of a new container, locks it and writes the first record. A container that is dropped before
    /// [`Container::keep`] is removed again.
    ///
    /// `complete` adds to the record, before it is written, what may be looked at only once the id is
    /// taken.
    pub fn create(
        &self,
        mut record: Record,
        complete: impl FnOnce(&mut Record),
    ) -> Result<Container, StateError> {
        let dir = self.dir(&record.id)?;
        let mut builder = DirBuilder::new();
        builder.mode(0o711);
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| StateError::Io {
                action,
                path,
                source,
            }
        };
        let attempt = || DirBuilder::new().mode(0o700).create(&dir);
        let made = match attempt() {
            // The first container.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                builder
                    .recursive(true)
                    .create(&self.root)
                    .map_err(io("create", &self.root))?;
                attempt()
            }
            result => result,
        };
        made.map_err(|source| {
            if source.kind() == io::ErrorKind::AlreadyExists {
                StateError::Exists
            } else {
                io("create", &dir)(source)
            }
        })?;
        Container::begin(dir, move || {
            complete(&mut record);
            record
        })
    }

    /// Locks a container for writing, waiting for other writers.
    pub fn lock(&self, id: &str) -> Result<Container, StateError> {
        Container::lock(self.dir(id)?)
    }

    /// Locks a container whose `state.json` is lost, by the copy of what has to be undone.
    ///
    /// # Errors
    /// [`StateError::NotFound`] or [`StateError::Corrupt`] where there is no copy either.
    pub fn lock_by_copy(&self, id: &str) -> Result<Container, StateError> {
        Container::lock_by_copy(self.dir(id)?)
    }

    /// The record of a container whose `state.json` is lost, without a lock.
    ///
    /// # Errors
    /// As [`Store::lock_by_copy`].
    pub fn read_copy(&self, id: &str) -> Result<Record, StateError> {
        Record::read_copy(&self.dir(id)?)
    }

    /// Removes what lies in a container's folder, whatever it is; no folder is fine.
    pub fn clear(&self, id: &str) -> Result<(), StateError> {
        let dir = self.dir(id)?;
        match container::acquire(&dir) {
            Ok(_lock) => container::remove(&dir),
            Err(StateError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads a container's record without a lock.
    pub fn read(&self, id: &str) -> Result<Record, StateError> {
        Record::read(&self.dir(id)?)
    }

    /// As [`Store::read`], of what is shown of a container.
    pub fn glance(&self, id: &str) -> Result<Record<Freezer>, StateError> {
        Record::glance(&self.dir(id)?)
    }

    /// What reads many as [`Store::glance`] reads one.
    pub fn reader(&self) -> Reader {
        Reader::new(self.root.clone())
    }

    /// The copy of the configuration that `create` was given.
    pub fn config(&self, id: &str) -> Result<String, StateError> {
        let path = self.dir(id)?.join(crate::spec::CONFIG_FILE);
        read::small_text(&path).map_err(|source| StateError::Io {
            action: "read",
            path,
            source,
        })
    }

    /// The ids in use, sorted; half-made folders are among them.
    pub fn ids(&self) -> Result<Vec<String>, StateError> {
        let io = |source| StateError::Io {
            action: "list",
            path: self.root.clone(),
            source,
        };
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io)?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(io)?;
            let folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if let Ok(name) = entry.file_name().into_string()
                && folder
                && id::check(&name).is_ok()
            {
                ids.push(name);
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }
}
