//! What the container's first process does before it becomes the user's program.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::stat::Mode;
use nix::unistd::{fchdir, getpid, sethostname, setsid};
use oci_spec::runtime::LinuxNamespaceType;

use super::become_process::Becoming;
use super::cgroup::Prepared;
use super::channel::{Channel, Message};
use super::namespaces::{Opened, become_root, join_all, unshare_new};
use super::procfs::Procfs;
use super::root::Root;
use super::{Context, StepError, console, devices, hooks, mounts, null_streams};
use super::{protect_paths, switch};
use crate::plan::loopback::Loopback;
use crate::plan::mounts::relative;
use crate::plan::namespaces::flag;
use crate::plan::rootfs::Switch;
use crate::plan::{Origin, Plan};
use crate::state::publish_in;
use crate::sys::entry::{close_own_tree, own_tree};
use crate::sys::{process as sys, rest};

/// What init inherits from the runtime.
#[derive(Debug)]
pub struct Setup<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// The listening end of the start socket, where another command starts the container.
    pub listener: Option<BorrowedFd<'a>>,
    /// Whoever takes the terminal's master.
    pub console: Option<BorrowedFd<'a>>,
    /// Namespaces to join, unless an intermediate process has joined them.
    pub joins: &'a [Opened],
    /// Bind sources that the runtime opened, by the index of the mount.
    pub trees: &'a [Option<OwnedFd>],
    /// The runtime's own procfs, where the plan writes to one.
    pub procfs: Option<&'a Procfs>,
    /// The cgroups to enter; `None` where the runtime puts this process into them.
    pub cgroup: Option<&'a Prepared>,
    /// The caller's file creation mask.
    pub umask: Mode,
    /// The container's folder, where init is to go on by itself: its record lies there, ready to be put in place.
    pub folder: Option<BorrowedFd<'a>>,
}

/// Where the process stands in config.json.
static PROCESS: Origin = Origin::at("/process");

/// Runs init. `mapped` is false where this process still waits for its ids.
pub fn main(setup: &Setup<'_>, channel: Channel, mapped: bool) -> ! {
    let mut channel = channel;
    let Err(error) = run(setup, &mut channel, mapped);
    // Where nobody listens any more there is nobody to tell.
    let _ = channel.send(&Message::Failed(error));
    sys::exit(1)
}

fn run(
    setup: &Setup<'_>,
    channel: &mut Channel,
    mapped: bool,
) -> Result<std::convert::Infallible, StepError> {
    enter_namespaces(setup, channel, mapped)?;
    // The root's descriptor ends here, before `wait` closes all that is not needed any more.
    prepare(setup, channel).and_then(|root| switch::enter(&root, &setup.plan.rootfs))?;
    if setup.plan.rootfs.switch != Switch::Chroot {
        null_streams::reopen()?;
    }
    let becoming = becoming(setup);
    if let Some(folder) = setup.folder {
        go_on(setup, channel, folder)?;
    }
    let program = becoming.as_ref().map(Becoming::assume).transpose()?;
    if setup.folder.is_none() && !wait(setup, channel)? {
        // `create` is gone and has not recorded this container.
        sys::exit(1);
    }
    hooks::run(&setup.plan.hooks.start_container, || {
        setup.plan.state.render("created", Some(getpid().as_raw()))
    })?;
    match (becoming, program) {
        (Some(becoming), Some(program)) => becoming.execute(&program, channel),
        _ => Err(StepError::refused(
            "start: config.json has no process",
            &PROCESS,
        )),
    }
}

/// Steps that fail only if the runtime has gone need no origin.
const NONE: Origin = Origin::at("");

fn enter_namespaces(setup: &Setup<'_>, channel: &Channel, mapped: bool) -> Result<(), StepError> {
    let plan = setup.plan;
    if let (Some(becoming), Some(procfs)) = (becoming(setup), setup.procfs) {
        becoming.score(procfs)?;
    }
    if !mapped {
        channel
            .send(&Message::NeedIds)
            .step(&NONE, || "ask for ids")?;
        expect_go(channel)?;
        become_root(plan.namespaces.idmap.as_ref())?;
        if plan.namespaces.creates(LinuxNamespaceType::Ipc) {
            unshare_new(
                flag(LinuxNamespaceType::Ipc),
                &Origin::at("/linux/namespaces"),
            )?;
        }
    }
    join_all(setup.joins)?;
    setsid().step(&NONE, || "make a session")?;
    if plan.namespaces.creates(LinuxNamespaceType::Cgroup) {
        unshare_new(
            flag(LinuxNamespaceType::Cgroup),
            &Origin::at("/linux/namespaces"),
        )?;
    }
    if let Some(name) = &plan.keyring {
        join_keyring(name)?;
    }
    if plan.loopback == Loopback::Init {
        crate::sys::net::loopback_up().step(&Origin::at("/linux/namespaces"), || "bring lo up")?;
    }
    if !plan.net_devices.is_empty() {
        channel
            .send(&Message::NeedDevices)
            .step(&NONE, || "ask for network devices")?;
        expect_go(channel)?;
    }
    if let Some(name) = &plan.hostname {
        sethostname(name).step(&Origin::at("/hostname"), || format!("set hostname {name}"))?;
    }
    if let Some(name) = &plan.domainname {
        sys::set_domainname(name).step(&Origin::at("/domainname"), || {
            format!("set domainname {name}")
        })?;
    }
    if let Some(procfs) = setup.procfs {
        for (path, value, origin) in &plan.sysctl {
            procfs
                .write(&Path::new("sys").join(path), value.as_bytes())
                .step(origin, || format!("write {value:?} to /proc/sys/{path}"))?;
        }
    }
    Ok(())
}

/// Makes the container's session keyring, or joins it.
pub(super) fn join_keyring(name: &std::ffi::CStr) -> Result<(), StepError> {
    match sys::join_session_keyring(name) {
        // A kernel without keys has none to keep apart.
        Ok(()) | Err(Errno::ENOSYS) => Ok(()),
        result => result.step(&NONE, || "join the container's session keyring"),
    }
}

fn expect_go(channel: &Channel) -> Result<(), StepError> {
    match channel.receive() {
        Ok(Some(Message::Go)) => Ok(()),
        // The runtime is gone, or has failed and says so itself.
        _ => sys::exit(1),
    }
}

/// Everything up to the change of the root.
fn prepare(setup: &Setup<'_>, channel: &Channel) -> Result<Root, StepError> {
    let plan = setup.plan;
    // Devices and mount points get exactly the modes asked for.
    nix::sys::stat::umask(Mode::empty());
    let root = switch::open_root(&plan.rootfs)?;
    for (index, mount) in plan.mounts.iter().enumerate() {
        let tree = setup.trees.get(index).and_then(Option::as_ref);
        mounts::apply(&root, mount, tree)?;
    }
    devices::apply(&root, &plan.devices)?;
    if let Some(process) = &plan.process {
        // runc makes it too, and images rely on it.
        root.dir(&relative(&process.cwd))
            .step(&PROCESS.child("cwd"), || {
                format!("make cwd {}", process.cwd.display())
            })?;
        if let (Some(terminal), Some(socket)) = (process.terminal, setup.console) {
            console::attach(terminal, process.uid, Some(&root), socket, &PROCESS)?;
        }
    }
    if !(plan.hooks.prestart.is_empty() && plan.hooks.create_runtime.is_empty()) {
        channel
            .send(&Message::NeedHooks)
            .step(&NONE, || "ask for the hooks of create")?;
        expect_go(channel)?;
    }
    // Where mounts were made last is no place for hooks to be; runc's run here too.
    fchdir(&root).step(&NONE, || "enter the root")?;
    hooks::run(&plan.hooks.create_container, || {
        plan.state.render("creating", Some(getpid().as_raw()))
    })?;
    protect_paths::mask(&root, &plan.rootfs.masked)?;
    protect_paths::readonly(&root, &plan.rootfs.readonly_paths)?;
    if plan.rootfs.readonly {
        protect_paths::readonly_root(&root)?;
    }
    if let (Some(becoming), Some(procfs)) = (becoming(setup), setup.procfs) {
        becoming.label(procfs)?;
    }
    Ok(root)
}

/// What init becomes, if config.json has a process.
fn becoming<'a>(setup: &Setup<'a>) -> Option<Becoming<'a>> {
    let plan = setup.plan;
    plan.process.as_ref().map(|process| Becoming {
        process,
        scheduling: &plan.scheduling,
        seccomp: plan.seccomp.as_ref(),
        origin: &PROCESS,
        umask: setup.umask,
        inherited_fds: plan.inherited_fds,
        listen_fds: plan.listen_fds,
    })
}

/// Makes the container visible, once the runtime has done its part; usually it has by now.
fn go_on(setup: &Setup<'_>, channel: &Channel, folder: BorrowedFd<'_>) -> Result<(), StepError> {
    sys::reset_signals_but_pipe().step(&NONE, || "reset signals")?;
    if channel.receive() != Ok(Some(Message::Start)) {
        // The runtime is gone, or has failed and says so itself.
        sys::exit(1);
    }
    // CVE-2016-9962: from here on others may enter, and none may look into this process while it holds what is outside.
    prctl::set_dumpable(false).step(&NONE, || "become undumpable")?;
    publish_in(folder).step(&NONE, || "put the container's record in place")?;
    close_own_tree();
    close_the_rest(setup, &[channel.as_fd().as_raw_fd()])
}

/// Closes what leads out of the container and is not kept (CVE-2024-21626): execve(2) finds its program before it
/// closes anything.
fn close_the_rest(setup: &Setup<'_>, keep: &[RawFd]) -> Result<(), StepError> {
    sys::close_all_but(3 + setup.plan.inherited_fds, keep)
        .step(&NONE, || "close what is not the container's")
}

/// Waits for `start`. True when it has come; from then on it listens on the channel.
fn wait(setup: &Setup<'_>, channel: &mut Channel) -> Result<bool, StepError> {
    let describe = || "wait for start";
    let mut keep = vec![channel.as_fd().as_raw_fd()];
    keep.extend(setup.listener.map(|listener| listener.as_raw_fd()));
    keep.extend(own_tree());
    close_the_rest(setup, &keep)?;
    channel.send(&Message::Created).step(&NONE, describe)?;
    close_own_tree();
    // The runtime is at work meanwhile.
    sys::reset_signals_but_pipe().step(&NONE, describe)?;
    let listener = match (channel.receive().step(&NONE, describe)?, setup.listener) {
        (Some(Message::Start), _) => return Ok(true),
        (Some(Message::Release), Some(listener)) => listener,
        _ => return Ok(false),
    };
    loop {
        // `start` may be long in coming, for many containers at once.
        let connection = rest::accept(listener).step(&NONE, describe)?;
        let connection = Channel::new(connection);
        // Whoever hangs up without a word did not start anything.
        if connection.receive() == Ok(Some(Message::Start)) {
            *channel = connection;
            return Ok(true);
        }
    }
}
