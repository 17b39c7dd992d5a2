//! Saves a container.

use std::fs::{self, DirBuilder, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::Path;

use super::super::{Context, StepError};
use super::DESCRIPTORS;
use super::options::{Options, pair};
use super::service::{Kind, Service};
use super::wire::Message;
use crate::plan::{Origin, Plan, external};
use crate::state::Record;

const LOG: &str = "dump.log";
const NONE: Origin = Origin::at("");

/// The folders that CRIU reads and writes.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) images: File,
    pub(super) work: Option<File>,
}

impl Folders {
    /// Opens them; the folder of CRIU's logs is made where it is missing.
    pub(super) fn open(options: &Options) -> Result<Self, StepError> {
        let images = open(&options.images, &Origin::at("--image-path"))?;
        let work = options.work.as_deref().map(|work| {
            let origin = Origin::at("--work-path");
            make(work, &origin).and_then(|()| open(work, &origin))
        });
        Ok(Self {
            images,
            work: work.transpose()?,
        })
    }

    /// What CRIU is told of them.
    pub(super) fn message(&self, options: &Options, log: &str) -> Message {
        let work = self.work.as_ref().map(AsRawFd::as_raw_fd);
        options.message(self.images.as_raw_fd(), work, log)
    }
}

fn make(folder: &Path, origin: &Origin) -> Result<(), StepError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .step(origin, || format!("make {}", folder.display()))
}

/// Inside a user namespace CRIU reads the images as the container's root: its group may enter.
fn admit(folder: &Path, plan: &Plan, origin: &Origin) -> Result<(), StepError> {
    let Some(group) = external::root_group(&plan.namespaces) else {
        return Ok(());
    };
    let describe = || format!("let group {group} into {}", folder.display());
    chown(folder, None, Some(group)).step(origin, describe)?;
    fs::set_permissions(folder, Permissions::from_mode(0o710)).step(origin, describe)
}

fn open(folder: &Path, origin: &Origin) -> Result<File, StepError> {
    File::open(folder).step(origin, || format!("open {}", folder.display()))
}

/// Saves the container into the folder of the images. Unless it is to go on, its processes are gone
/// afterwards.
pub fn dump(plan: &Plan, record: &Record, options: &Options) -> Result<(), StepError> {
    let origin = Origin::at("--image-path");
    if !options.images.exists() {
        make(&options.images, &origin)?;
        admit(&options.images, plan, &origin)?;
    }
    let folders = Folders::open(options)?;
    if let Some(parent) = &options.parent {
        open(&options.images.join(parent), &Origin::at("--parent-path"))?;
    }
    let mut message = folders.message(options, LOG);
    message
        .number(2, record.pid.into())
        .text(13, &plan.rootfs.path.to_string_lossy());
    if let Some(freezer) = freezer(record) {
        message.text(44, &freezer.to_string_lossy());
    }
    let kind = if options.pre_dump {
        Kind::PreDump
    } else {
        add_external(&mut message, plan, record.pid)?;
        keep_descriptors(&options.images, record.pid)?;
        Kind::Dump
    };
    let log = options.work.as_ref().unwrap_or(&options.images).join(LOG);
    Service::start(false)?.ask(kind, &message, &log, |_| Ok::<_, StepError>(()))?;
    Ok(())
}

/// The cgroup by which CRIU may hold all processes at once.
fn freezer(record: &Record) -> Option<&Path> {
    let paths = &record.cgroup.as_ref()?.paths;
    let path = paths.get("freezer").or_else(|| paths.get("unified"))?;
    Some(path)
}

/// Names what is not the container's own.
fn add_external(message: &mut Message, plan: &Plan, pid: i32) -> Result<(), StepError> {
    for mount in external::mounts(plan) {
        let inside = mount.inside.to_string_lossy();
        pair(message, 23, &inside, &inside);
    }
    for (path, _) in external::masked(plan) {
        let path = path.to_string_lossy();
        // Asked of the container: a path that it lacks is not masked, and a folder by a tmpfs.
        let file = fs::metadata(format!("/proc/{pid}/root{path}")).is_ok_and(|file| !file.is_dir());
        if file {
            pair(message, 23, &path, super::NULL);
        }
    }
    for namespace in external::namespaces(plan) {
        let path = format!("/proc/{pid}/ns/{}", namespace.name);
        let found =
            fs::metadata(&path).step(&namespace.join.origin, || format!("look at {path}"))?;
        let text = format!("{}[{}]:{}", namespace.name, found.ino(), namespace.key);
        message.text(37, &text);
    }
    Ok(())
}

/// Keeps what the standard streams are, by which `restore` puts its own in their place.
fn keep_descriptors(images: &Path, pid: i32) -> Result<(), StepError> {
    let names: Vec<String> = (0..3)
        .map(|fd| {
            fs::read_link(format!("/proc/{pid}/fd/{fd}"))
                .map(|link| link.to_string_lossy().into_owned())
                // A stream that the process has closed has no name.
                .unwrap_or_default()
        })
        .collect();
    let path = images.join(DESCRIPTORS);
    fs::write(&path, serde_json::json!(names).to_string())
        .step(&NONE, || format!("write {}", path.display()))
}
