//! What `create` and `run` have in common: from the command line to a container that waits.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::finish::Sequel;
use super::{CommandError, Context, Matches, narrate, rfc3339};
use crate::exec::cgroup;
use crate::exec::create::{self, Created, Extras, Hold};
use crate::exec::criu::{self, Restored};
use crate::exec::{StepError, notify, pidfd, protect};
use crate::host::Facts;
use crate::plan::{Options, Origin, Plan};
use crate::spec;
use crate::state::{Container, Process, Record, Status};

/// A container that is about to be made.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    context: &'a Context,
    /// The text of config.json.
    config: String,
    /// The plan.
    pub(super) plan: Plan,
    facts: Facts,
    pid_file: Option<PathBuf>,
    console_socket: Option<PathBuf>,
    pidfd_socket: Option<PathBuf>,
}

impl<'a> Launch<'a> {
    /// Loads, looks and plans.
    pub(super) fn new(context: &'a Context, matches: &Matches) -> Result<Self, CommandError> {
        let preserve_fds = matches.number("preserve-fds")?.unwrap_or(0);
        let listen_fds = listen_fds();
        protect::enter(preserve_fds + listen_fds, context.log.descriptor())?;
        let bundle = Path::new(matches.value("bundle").unwrap_or("."));
        let config = spec::load(bundle)?;
        let bundle = std::fs::canonicalize(bundle).map_err(CommandError::io(format!(
            "resolve bundle {}",
            bundle.display()
        )))?;
        let mut facts =
            Facts::look().map_err(CommandError::io("look at the machine".to_owned()))?;
        if let Some(rootless) = context.rootless {
            facts.cgroups.assume(rootless);
        }
        let dir = context.store.dir(matches.id())?;
        let options = Options {
            id: matches.id().to_owned(),
            bundle,
            no_pivot: matches.switch("no-pivot"),
            no_new_keyring: matches.switch("no-new-keyring"),
            preserve_fds,
            systemd_cgroup: context.cgroup_manager == super::CgroupManager::Systemd,
            no_cgroup: context.cgroup_manager == super::CgroupManager::Disabled,
            listen_fds,
            notify: notify::manager().map(|_| notify::folder(&dir)),
        };
        let plan = Plan::new(&config, &facts, &options)?;
        if context.log.debugs() {
            for line in narrate::plan(&plan) {
                context.log.debug(line);
            }
        }
        for warning in &config.warnings {
            context.log.warn(warning);
        }
        for warning in plan.process.iter().flat_map(|process| &process.warnings) {
            context.log.warn(warning);
        }
        let path = |flag| {
            matches
                .value(flag)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Ok(Self {
            context,
            // The rest has done its work; init would hold it as long as it waits.
            config: config.text,
            plan,
            facts,
            pid_file: path("pid-file"),
            console_socket: path("console-socket"),
            pidfd_socket: path("pidfd-socket"),
        })
    }

    /// Whether the process gets a terminal.
    pub(super) fn terminal(&self) -> bool {
        self.plan
            .process
            .as_ref()
            .is_some_and(|process| process.terminal.is_some())
    }

    /// A terminal and a socket for its master belong together where nobody stays to serve it.
    pub(super) fn check_console(&self, detached: bool) -> Result<(), CommandError> {
        let why = match (self.terminal(), self.console_socket.is_some()) {
            (true, false) if detached => {
                "a terminal needs --console-socket, since nobody stays to serve it"
            }
            (false, true) => "--console-socket is given, but the process has no terminal",
            _ => return Ok(()),
        };
        Err(StepError::refused(why, &Origin::at("/process/terminal")).into())
    }

    /// Connects to the socket that `--console-socket` names.
    pub(super) fn console(&self) -> Result<Option<OwnedFd>, CommandError> {
        Ok(self
            .console_socket
            .as_deref()
            .map(create::console_socket)
            .transpose()?)
    }

    /// Closes what was passed on to the container, so that its readers see when it ends.
    pub(super) fn close_passed(&self) {
        for fd in 3..3 + self.plan.inherited_fds {
            drop(crate::sys::process::adopt(fd as i32));
        }
    }

    /// Makes the container, which this command or another one starts. What is to be done before it starts, `hold`
    /// does, if that is while it is made.
    pub(super) fn create(
        &self,
        console: Option<OwnedFd>,
        awaits_start: bool,
        hold: Option<Hold<'_>>,
    ) -> Result<Created, CommandError> {
        let extras = Extras {
            awaits_start,
            ..self.extras(console)?
        };
        let created = create::create(&self.plan, &extras, self.record()?, hold)?;
        self.context
            .log
            .debug(format_args!("init has the PID {}", created.init.pid));
        for warning in created.groups.warnings() {
            self.context.log.warn(warning);
        }
        Ok(created)
    }

    /// Restores the container.
    pub(super) fn restore(
        &self,
        console: Option<OwnedFd>,
        options: &criu::Options,
    ) -> Result<Restored, CommandError> {
        let restored = criu::restore(&self.plan, &self.extras(console)?, self.record()?, options)?;
        for warning in &restored.warnings {
            self.context.log.warn(warning);
        }
        Ok(restored)
    }

    fn extras(&self, console: Option<OwnedFd>) -> Result<Extras<'_>, StepError> {
        Ok(Extras {
            config: &self.config,
            console,
            pid_file: self.pid_file.clone(),
            pidfd_socket: self
                .pidfd_socket
                .as_deref()
                .map(pidfd::connect)
                .transpose()?,
            privileged: self.facts.capable(CAP_SETUID) && self.facts.capable(CAP_SETGID),
            opens_trees: self.facts.capable(CAP_SYS_ADMIN),
            awaits_start: false,
        })
    }

    /// Takes the id.
    fn record(&self) -> Result<Container, CommandError> {
        let record = Record {
            oci_version: spec::OCI_VERSION.to_owned(),
            id: self.plan.state.id.clone(),
            recorded: Status::Creating,
            pid: 0,
            bundle: PathBuf::from(&self.plan.state.bundle),
            rootfs: self.plan.rootfs.path.clone(),
            created: rfc3339(std::time::SystemTime::now()),
            owner: self.facts.euid,
            annotations: self.plan.state.annotations.clone(),
            pid_start: 0,
            pid_mark: None,
            creator: Process::current(),
            init_exe: None,
            cgroup: None,
            resctrl: None,
            private_pid_namespace: self
                .plan
                .namespaces
                .creates(oci_spec::runtime::LinuxNamespaceType::Pid),
            plain_start: Sequel::of_plan(&self.plan).is_ok_and(|sequel| sequel.is_plain()),
            plain_delete: self.plan.hooks.poststop.is_empty(),
        };
        // Before anything is made, so that whoever finds a create killed half-way can clean up; and
        // not before the id is taken, since a `delete` may still be removing the last of its name.
        let container = self.context.store.create(record, |record| {
            record.cgroup = Some(cgroup::survey(&self.plan.cgroup));
        })?;
        if self.plan.notifies {
            notify::make_folder(container.dir())?;
        }
        Ok(container)
    }
}

/// linux/capability.h
const CAP_SETGID: u8 = 6;
/// linux/capability.h
const CAP_SETUID: u8 = 7;
/// linux/capability.h
const CAP_SYS_ADMIN: u8 = 21;

/// The number of descriptors that the caller passes by sd_listen_fds(3); 0 where the announcement
/// is meant for another process.
fn listen_fds() -> u32 {
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    match (number("LISTEN_PID"), number("LISTEN_FDS")) {
        (Some(pid), Some(count)) if pid == std::process::id() => count,
        _ => 0,
    }
}
