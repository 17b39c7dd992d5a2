//! Why a bundle could not be made.

use std::io;
use std::path::{Path, PathBuf};

/// Why a bundle could not be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message describes its variant")]
pub enum Error {
    #[error("{dir} is not empty: a bundle is made in a new or an empty folder", dir = .0.display())]
    NotEmpty(PathBuf),
    #[error("{dir} lies below {source_dir}: a folder cannot be copied into itself", dir = .dir.display(), source_dir = .source_dir.display())]
    IntoItself { dir: PathBuf, source_dir: PathBuf },
    #[error(
        "there is no busybox in $PATH: install busybox-static, or name one by --rootfs busybox=PATH"
    )]
    NoBusybox,
    #[error("{path} is no static program: a root file system with nothing else cannot start it (Debian: busybox-static)", path = .0.display())]
    NotStatic(PathBuf),
    #[error("{path} does not list its applets: {said}", path = .path.display())]
    NoApplets { path: PathBuf, said: String },
    #[error("{path} is no OCI image layout: {reason}", path = .path.display())]
    Layout { path: PathBuf, reason: String },
    #[error("{path} is no blob that can be used: {reason}", path = .path.display())]
    Blob { path: PathBuf, reason: String },
    #[error("archive {archive}: entry {entry:?} {reason}")]
    Entry {
        archive: String,
        entry: PathBuf,
        reason: &'static str,
    },
    #[error("the image's user {0:?} is not in its /etc/passwd or /etc/group")]
    User(String),
    #[error("read {path}: {source}", path = .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{what} {path} in the root file system: {source}", path = .path.display())]
    Write {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("make {path}: {source}", path = .path.display())]
    Make { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Bundle(#[from] plimsoll_fixtures::bundle::Error),
}

impl Error {
    /// Whether the command asked for what cannot be; otherwise the machine refused.
    pub fn is_usage(&self) -> bool {
        !matches!(
            self,
            Self::Write { .. } | Self::Make { .. } | Self::Bundle(_)
        )
    }

    /// Names the file that could not be read.
    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }
}
