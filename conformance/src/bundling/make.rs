//! Makes a bundle.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::archive::{Role, unpack};
use super::config::{Form, ImageConfig};
use super::rootfs::Rootfs;
use super::source::Source;
use super::{Error, busybox, config, image, tree, user};

/// What a bundle is to be.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where its root file system comes from.
    pub source: Source,
    /// The program and its arguments; empty: the image's, or a shell, or the probe's own.
    pub args: Vec<String>,
    /// What its config is made from.
    pub form: Form,
}

/// A bundle that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// How many files and folders its root file system was given.
    pub entries: usize,
    /// Devices that only root may make.
    pub left_out: Vec<PathBuf>,
}

/// Makes the bundle in the folder `dir`, new or empty. A failure leaves it as it was.
pub fn make(dir: &Path, request: &Request) -> Result<Made, Error> {
    let failed = |source| Error::Make {
        path: dir.to_owned(),
        source,
    };
    let existed = match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => true,
            Some(_) => return Err(Error::NotEmpty(dir.to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(dir).map_err(failed)?;
            false
        }
        Err(error) => return Err(failed(error)),
    };
    let made = fill(dir, request);
    if made.is_err() {
        // The failure itself is what counts; the folder holds only what was made here.
        let _ = fs::remove_dir_all(dir.join("rootfs"));
        let _ = fs::remove_file(dir.join("config.json"));
        if !existed {
            let _ = fs::remove_dir(dir);
        }
    }
    made
}

fn fill(dir: &Path, request: &Request) -> Result<Made, Error> {
    let Request { source, args, form } = request;
    if *source == Source::Probe {
        config::probe(*form, args).write_to(dir)?;
        return Ok(Made {
            entries: 1,
            left_out: Vec::new(),
        });
    }
    if let Source::Dir(from) = source {
        refuse_itself(dir, from)?;
    }
    let root = dir.join("rootfs");
    fs::create_dir(&root).map_err(|source| Error::Make {
        path: root.clone(),
        source,
    })?;
    let mut rootfs = Rootfs::new(&root)?;
    let mut said = ImageConfig::default();
    match source {
        Source::Probe => {}
        Source::Busybox(path) => busybox::install(path.as_deref(), &mut rootfs)?,
        Source::Tar(file) => unpack(file, Role::Whole, &mut rootfs)?,
        Source::Dir(from) => tree::copy(from, &mut rootfs)?,
        Source::Oci { layout, tag } => {
            said = image::unpack_image(layout, tag.as_deref(), &mut rootfs)?;
        }
    }
    let name = said.user.as_deref().unwrap_or_default();
    let user = user::resolve(name, &rootfs)?;
    config::bundle(*form, args, &said, user).write_to(dir)?;
    let (entries, left_out) = rootfs.finish()?;
    Ok(Made { entries, left_out })
}

/// Refuses to copy a folder into a bundle below it, which would never end.
fn refuse_itself(dir: &Path, from: &Path) -> Result<(), Error> {
    let from = fs::canonicalize(from).map_err(Error::reading(from))?;
    let dir = fs::canonicalize(dir).map_err(Error::reading(dir))?;
    if dir.starts_with(&from) {
        return Err(Error::IntoItself {
            dir,
            source_dir: from,
        });
    }
    Ok(())
}
