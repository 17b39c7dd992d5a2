//! Brings a saved container back.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::libc::SIGKILL;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{Pid, fchdir};

use super::super::channel::send_fd;
use super::super::claims::Claims;
use super::super::create::{CreateError, Extras, record, write_pid_file};
use super::super::grouping::{Grouping, remove_cgroups};
use super::super::root::Root;
use super::super::{Context, StepError, hooks};
use super::dump::Folders;
use super::options::{Options, inherit, pair};
use super::service::{Kind, Notice, Service, pass_on};
use super::wire::Message;
use super::{DESCRIPTORS, NULL};
use crate::plan::mounts::Source;
use crate::plan::{Origin, Plan, external};
use crate::state::{Container, Process, Status};
use crate::sys::clone::{pidfd_open, pidfd_send_signal};

const LOG: &str = "restore.log";
const NONE: Origin = Origin::at("");

/// A container that runs again, as this process's child.
#[derive(Debug)]
pub struct Restored {
    /// Its record, under lock.
    pub container: Container,
    /// Its init.
    pub pid: Pid,
    /// Its descriptor.
    pub pidfd: OwnedFd,
    /// The terminal's master, where nobody else was to get it.
    pub master: Option<OwnedFd>,
    /// What is to be logged and is no error.
    pub warnings: Vec<String>,
}

/// Restores a container from the folder of the images; what fails leaves nothing behind.
pub fn restore(
    plan: &Plan,
    extras: &Extras<'_>,
    container: Container,
    options: &Options,
) -> Result<Restored, CreateError> {
    let mut rising = Rising {
        plan,
        extras,
        container,
        claims: Claims::default(),
        pid: None,
        master: None,
    };
    match rising.run(options) {
        Ok((pid, pidfd, warnings)) => Ok(Restored {
            container: rising.container,
            pid,
            pidfd,
            master: rising.master,
            warnings,
        }),
        Err(error) => {
            rising.undo();
            Err(error)
        }
    }
}

struct Rising<'a> {
    plan: &'a Plan,
    extras: &'a Extras<'a>,
    container: Container,
    claims: Claims,
    /// Init, once CRIU has named it.
    pid: Option<i32>,
    master: Option<OwnedFd>,
}

impl Rising<'_> {
    fn run(&mut self, options: &Options) -> Result<(Pid, OwnedFd, Vec<String>), CreateError> {
        self.container.write_config(self.extras.config)?;
        let mut groups = Grouping::begin(&self.plan.cgroup, &self.container)?;
        groups.load_late()?;
        self.claims
            .enter_class(self.plan.intel_rdt.as_ref(), &mut self.container)?;
        let root = MountedRoot::new(self.plan, &self.container)?;
        let prepared = self.prepare(options, &root);
        root.leave()?;
        let (_folders, _namespaces, mut message, service) = prepared?;
        // What CRIU restores starts where CRIU is.
        groups.attach(&mut self.container, service.pid())?;
        groups.limit()?;
        add_cgroups(&mut message, service.pid())?;
        let log = options.work.as_ref().unwrap_or(&options.images).join(LOG);
        let restored = service.ask(Kind::Restore, &message, &log, |notice| self.heed(notice))?;
        drop(root);
        let pid = restored.or(self.pid).ok_or_else(|| {
            StepError::refused(
                "restore the container with criu: it names no process",
                &NONE,
            )
        })?;
        self.pid = Some(pid);
        let pidfd = pidfd_open(Pid::from_raw(pid)).step(&NONE, || "open the restored init")?;
        self.claims.assign(pid)?;
        self.hand_over(pid)?;
        Ok((Pid::from_raw(pid), pidfd, groups.warnings().to_vec()))
    }

    /// Makes the container visible as running, unless its process has ended already.
    fn hand_over(&mut self, pid: i32) -> Result<(), CreateError> {
        // Of one that has ended nothing but the PID is known, by which no living one is taken for it.
        let process = Process::find(pid).unwrap_or(Process {
            pid,
            start: 0,
            mark: None,
        });
        self.container.update(|record| {
            record.recorded = Status::Running;
            record.set_process(process);
            record.creator = None;
        })?;
        if let Some(path) = &self.extras.pid_file {
            write_pid_file(path, pid)?;
        }
        Ok(())
    }

    /// Starts CRIU where the root is mounted. Its folders are opened there as well, since CRIU mounts
    /// something in one of them.
    fn prepare(
        &self,
        options: &Options,
        root: &MountedRoot,
    ) -> Result<(Folders, Vec<OwnedFd>, Message, Service), StepError> {
        let folders = Folders::open(options)?;
        let mut message = folders.message(options, LOG);
        message.text(13, &root.path.to_string_lossy());
        // Devices that cannot be opened by name; init as this process's child.
        message.flag(6, true).flag(26, true);
        add_external(&mut message, self.plan);
        let namespaces = open_namespaces(self.plan)?;
        for (namespace, file) in external::namespaces(self.plan).iter().zip(&namespaces) {
            inherit(&mut message, namespace.key, file.as_raw_fd());
        }
        add_descriptors(&mut message, &options.images)?;
        Ok((folders, namespaces, message, Service::start(true)?))
    }

    /// Does what CRIU waits for.
    fn heed(&mut self, notice: Notice) -> Result<(), CreateError> {
        match notice.script.as_str() {
            // The namespaces are there and empty; engines configure networks here, as at create.
            "setup-namespaces" => {
                let Some(pid) = notice.pid else { return Ok(()) };
                let hooks = &self.plan.hooks;
                if !(hooks.prestart.is_empty() && hooks.create_runtime.is_empty()) {
                    record(&mut self.container, pid, Status::Creating)?;
                    let state = || self.plan.state.render("creating", Some(pid));
                    hooks::run(&hooks.prestart, state)?;
                    hooks::run(&hooks.create_runtime, state)?;
                }
            }
            "orphan-pts-master" => match (&self.extras.console, notice.fd) {
                (Some(socket), Some(master)) => {
                    let describe = || "send the terminal's master over the console socket";
                    send_fd(socket.as_fd(), "/dev/ptmx", master.as_fd())
                        .step(&Origin::at("--console-socket"), describe)?;
                }
                (None, master) => self.master = master,
                (Some(_), None) => {}
            },
            "post-restore" => self.pid = notice.pid.or(self.pid),
            _ => {}
        }
        Ok(())
    }

    fn undo(self) {
        if let Some(pid) = self.pid {
            // Gone already is as good.
            if let Ok(pidfd) = pidfd_open(Pid::from_raw(pid)) {
                let _ = pidfd_send_signal(pidfd.as_fd(), SIGKILL);
            }
        }
        remove_cgroups(&self.container);
        self.claims.undo();
    }
}

/// The root file system as CRIU wants it: a mount point that nothing covers. It is mounted in a mount
/// namespace that only CRIU stays in, so that nothing of it can stay.
struct MountedRoot {
    path: PathBuf,
    /// The mount namespace to return to, and the working directory in it.
    home: [OwnedFd; 2],
}

impl MountedRoot {
    fn new(plan: &Plan, container: &Container) -> Result<Self, StepError> {
        let origin = &Origin::at("/root/path");
        let path = container.dir().join("criu-root");
        let describe = || format!("bind {} on {}", plan.rootfs.path.display(), path.display());
        make_mount_points(plan)?;
        fs::create_dir(&path).step(origin, describe)?;
        let namespace = File::open("/proc/self/ns/mnt").step(origin, describe)?;
        let folder = File::open(".").step(origin, describe)?;
        unshare(CloneFlags::CLONE_NEWNS).step(origin, describe)?;
        let root = Self {
            path: path.clone(),
            home: [namespace.into(), folder.into()],
        };
        let mounted = root.mount(plan).step(origin, describe);
        if mounted.is_err() {
            root.leave()?;
        }
        mounted.map(|()| root)
    }

    fn mount(&self, plan: &Plan) -> nix::Result<()> {
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_SLAVE | MsFlags::MS_REC, none)?;
        let bind = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(Some(&plan.rootfs.path), &self.path, none, bind, none)
    }

    /// Returns to where hooks belong; the mounts end with CRIU.
    fn leave(&self) -> Result<(), StepError> {
        let [namespace, folder] = &self.home;
        setns(namespace, CloneFlags::CLONE_NEWNS)
            .and_then(|()| fchdir(folder))
            .step(&NONE, || "return to the runtime's mount namespace")
    }
}

impl Drop for MountedRoot {
    fn drop(&mut self) {
        // If it does not go now, it goes with the container's folder.
        let _ = fs::remove_dir(&self.path);
    }
}

/// The mount points in the root file system, which the images do not hold.
fn make_mount_points(plan: &Plan) -> Result<(), StepError> {
    let describe = || format!("open {}", plan.rootfs.path.display());
    let folder = File::open(&plan.rootfs.path).step(&Origin::at("/root/path"), describe)?;
    let root = Root::new(folder.into());
    for mount in external::mount_points(plan) {
        let file = match &mount.source {
            Source::Bind { path, .. } => !path.is_dir(),
            _ => false,
        };
        let made = if file {
            root.file(&mount.target)
        } else {
            root.dir(&mount.target)
        };
        made.step(&mount.origin, || {
            format!("make the mount point /{}", mount.target.display())
        })?;
    }
    Ok(())
}

/// Says where the host's part of the container is.
fn add_external(message: &mut Message, plan: &Plan) {
    for mount in external::mounts(plan) {
        let (inside, outside) = (mount.inside, mount.outside);
        pair(
            message,
            23,
            &inside.to_string_lossy(),
            &outside.to_string_lossy(),
        );
    }
    if external::masked(plan).next().is_some() {
        pair(message, 23, NULL, NULL);
    }
}

/// The files of the namespaces that the host provides, open for CRIU as well.
fn open_namespaces(plan: &Plan) -> Result<Vec<OwnedFd>, StepError> {
    external::namespaces(plan)
        .iter()
        .map(|namespace| {
            let join = namespace.join;
            let describe = || format!("open {}", join.path.display());
            let file = OwnedFd::from(File::open(&join.path).step(&join.origin, describe)?);
            pass_on(&file).step(&join.origin, describe)?;
            Ok(file)
        })
        .collect()
}

/// Puts this process's standard streams in the place of the pipes that the saved ones were.
fn add_descriptors(message: &mut Message, images: &Path) -> Result<(), StepError> {
    let path = images.join(DESCRIPTORS);
    let origin = &Origin::at("--image-path");
    let describe = || format!("read {}", path.display());
    let text = fs::read_to_string(&path).step(origin, describe)?;
    let names: Vec<String> = serde_json::from_str(&text)
        .map_err(|error| StepError::refused(format!("{}: {error}", describe()), origin))?;
    for (fd, name) in (0..3).zip(&names) {
        if name.contains("pipe:") {
            inherit(message, name, fd);
        }
    }
    Ok(())
}

/// Names the cgroups that CRIU is in as those for the container, whatever it was in before.
fn add_cgroups(message: &mut Message, pid: i32) -> Result<(), StepError> {
    let path = format!("/proc/{pid}/cgroup");
    let text = fs::read_to_string(&path).step(&NONE, || format!("read {path}"))?;
    for line in text.lines() {
        // cgroups(7): hierarchy-ID:controller-list:cgroup-path
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        for controller in controllers.split(',') {
            pair(message, 25, controller, path);
        }
    }
    Ok(())
}
