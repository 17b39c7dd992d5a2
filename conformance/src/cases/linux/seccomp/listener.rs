//! config-linux.md#the-container-process-state: the listener's way to the agent.

use std::io::{self, IoSlice};
use std::mem::{MaybeUninit, forget};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::{RARE, filter, supported};
use crate::case::Name;
use crate::cases::prelude::*;
use crate::drive::{Deadline, Limit};
use crate::trial::Delivery;
use crate::verdict::Stop;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![delivered(), killable(), again(), unused()];
    cases.extend(unreachable());
    cases
}

/// A filter that tells an agent of the rare call.
pub(super) fn notifying() -> Value {
    let mut profile = filter(&json!({"names": [RARE.0], "action": "SCMP_ACT_NOTIFY"}));
    profile["listenerPath"] = "{dir}/seccomp".into();
    profile["listenerMetadata"] = "for the agent".into();
    profile
}

/// A case whose container has such a filter.
pub(super) fn notified(name: &str, covers: impl crate::case::Ids) -> Case {
    Case::new(format!("linux/seccomp/{name}"), covers)
        .needs([Need::Seccomp, Need::SeccompAction("user_notif")])
        .bundle(|b| b.set("/linux/seccomp", notifying()))
}

fn delivered() -> Case {
    const NOTIFY: &str = "config-linux.seccomp.action-notify";
    const ONE: &str = "config-linux.seccomp.listener-path.one-state-per-connection";
    const CLOSED: &str = "config-linux.seccomp.listener-path.closed-after";
    const FD: &str = "config-linux.seccomp.seccomp-fd";
    const METADATA: &str = "config-linux.seccomp.listener-metadata";
    const STREAM: &str = "config-linux.seccomp.listener-path.socket-type";
    notified(
        "listener_is_sent",
        [NOTIFY, ONE, CLOSED, FD, METADATA, STREAM],
    )
    .run(|t| {
        let agent = t.seccomp_agent()?;
        // The filter may be loaded by either.
        t.on(STREAM).must(t.create())?;
        t.on(STREAM).must(t.start())?;
        let mut delivery = agent.take()?;
        t.on(CLOSED)
            .that("the connection ends", delivery.closed, delivery.closed)?;
        let state = delivery.state();
        t.on(ONE).that(
            "one JSON document came over the connection",
            state.is_object(),
            &delivery.text,
        )?;
        t.on(FD).eq("fds", &state["fds"], ["seccompFd"])?;
        t.on(FD).eq("descriptors", delivery.fds.len(), 1)?;
        t.on(METADATA)
            .eq("metadata", &state["metadata"], "for the agent")?;
        answered(t, delivery.fds.remove(0))
    })
    .saboteurs([
        relays("send the state twice", |to, delivery| {
            send(to, &delivery.text.repeat(2), &delivery)
        })
        .on(ONE),
        relays("keep the connection open", |to, delivery| {
            send(to, &delivery.text, &delivery)?;
            to.try_clone().map(forget)
        })
        .on(CLOSED),
        relays("send no descriptor", |to, mut delivery| {
            delivery.fds.clear();
            send(to, &delivery.text, &delivery)
        })
        .on(FD),
        relays("send another descriptor", |to, mut delivery| {
            delivery.fds = vec![std::fs::File::open("/dev/null")?.into()];
            send(to, &delivery.text, &delivery)
        })
        .on(NOTIFY),
        drops("/linux/seccomp/listenerMetadata").on(METADATA),
        drops("/linux/seccomp/listenerPath").on(STREAM),
        alters("/linux/seccomp/listenerPath", "{dir}/elsewhere").on(STREAM),
        lies("create", How::Refuse).on(STREAM),
    ])
}

/// An agent that holds this listener is told of a rare call, and decides what comes of it.
fn answered(t: &Trial, listener: OwnedFd) -> Result<(), Stop> {
    const EPROTO: i32 = 71;
    let told = t.notified(listener, EPROTO)?;
    let call = t.started()?.attempt(|p| p.syscall(RARE.1, &[0]))?;
    t.eq(
        "the call that the agent is told of",
        told.syscall()?,
        RARE.1,
    )?;
    t.eq("what the agent makes of the call", call, "EPROTO")
}

/// The flag is for listeners only: seccomp(2), SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV.
fn killable() -> Case {
    notified(
        "flag_wait_killable_recv",
        "config-linux.seccomp.flag-wait-killable-recv",
    )
    .needs([Need::Kernel(5, 19)])
    .bundle(|b| {
        let flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"];
        b.set("/linux/seccomp", notifying())
            .set("/linux/seccomp/flags", flags)
    })
    .run(|t| {
        let agent = t.seccomp_agent()?;
        supported(t)?;
        let mut delivery = agent.take()?;
        t.eq("descriptors", delivery.fds.len(), 1)?;
        answered(t, delivery.fds.remove(0))
    })
    .saboteurs([relays("send no descriptor", |to, mut delivery| {
        delivery.fds.clear();
        send(to, &delivery.text, &delivery)
    })])
}

fn again() -> Case {
    notified(
        "every_process_has_its_connection",
        "config-linux.seccomp.listener-path.no-reuse",
    )
    .run(|t| {
        let agent = t.seccomp_agent()?;
        t.create()?;
        t.start()?;
        agent.take()?;
        t.succeeds(&t.exec(["/probe", "true"])?)?;
        let second = t.must(agent.take())?;
        t.eq("descriptors", second.fds.len(), 1)
    })
    .saboteurs([lies("exec", How::Skip), lies("exec", How::Exit(1))])
}

fn unused() -> Case {
    Case::new(
        "linux/seccomp/listener_path_without_notify",
        "config-linux.seccomp.listener-path.ignored-without-notify",
    )
    .needs([Need::Seccomp])
    .bundle(|b| {
        let mut profile =
            filter(&json!({"names": [RARE.0], "action": "SCMP_ACT_ERRNO", "errnoRet": 71}));
        profile["listenerPath"] = "{dir}/nowhere".into();
        b.set("/linux/seccomp", profile)
    })
    .run(|t| {
        let call = t.must(t.agent())?.attempt(|p| p.syscall(RARE.1, &[0]))?;
        t.eq("the call that is refused", call, "EPROTO")
    })
    .saboteurs([
        lies("create", How::Refuse),
        drops("/linux/seccomp/syscalls"),
    ])
}

/// A listener that cannot be sent is an error of `create`, or of `start` where a runtime loads the
/// filter only then.
fn unreachable() -> [Case; 3] {
    const FAILURE: &str = "config-linux.seccomp.listener-path.send-failure-errors";
    let judge = |t: &Trial| {
        let create = t.try_create()?;
        if create.ok() {
            t.errors(&t.try_start()?)
        } else {
            t.errors(&create)
        }
    };
    [
        notified("refused_unreachable_agent", FAILURE).run(judge),
        notified(
            "refused_datagram_agent",
            "config-linux.seccomp.listener-path.socket-type",
        )
        .run(move |t| {
            let path = t.dir().join("seccomp");
            let _agent = UnixDatagram::bind(&path)
                .map_err(|error| Stop::broken(format!("bind {}", path.display()), error))?;
            judge(t)
        }),
        notified(
            "refused_notify_without_agent",
            "config-linux.seccomp.listener-path.missing-with-notify",
        )
        .bundle(|b| {
            b.set("/linux/seccomp", notifying())
                .remove("/linux/seccomp/listenerPath")
                .remove("/linux/seccomp/listenerMetadata")
        })
        .run(judge),
    ]
    .map(|case| case.saboteurs([drops("/linux/seccomp")]))
}

/// A runtime that sends something else to the agent than it should: what it sends is received,
/// and `resend` sends it on as it likes.
pub(super) fn relays(
    text: impl Into<Name>,
    resend: impl Fn(&UnixStream, Delivery) -> io::Result<()> + Send + Sync + 'static,
) -> Saboteur {
    let resend: Arc<Resend> = Arc::new(resend);
    wraps(text, move |call, next| {
        let dir = call.bundle().and_then(Path::parent);
        let (true, Some(dir)) = (call.operation() == "create", dir) else {
            return next(call);
        };
        let listener = UnixListener::bind(dir.join("relay"))
            .map_err(|error| Stop::broken("listen as a relay", error))?;
        let (agent, resend) = (dir.join("seccomp"), Arc::clone(&resend));
        // Runtimes differ in whether they send at `create` or at `start`. A relay that fails
        // leaves the agent without a connection, which is no kill.
        let limit = call.limit;
        thread::spawn(move || relay(&listener, limit, &agent, &*resend));
        alters("/linux/seccomp/listenerPath", "{dir}/relay").interpose(call, next)
    })
}

type Resend = dyn Fn(&UnixStream, Delivery) -> io::Result<()> + Send + Sync;

fn relay(listener: &UnixListener, limit: Limit, agent: &Path, resend: &Resend) -> io::Result<()> {
    let deadline = Deadline::after(limit);
    if deadline.readable(listener.as_fd())? {
        let (from, _) = listener.accept()?;
        let delivery = Delivery::of(&from, deadline)?;
        resend(&UnixStream::connect(agent)?, delivery)?;
    }
    Ok(())
}

pub(super) fn send(to: &UnixStream, text: &str, delivery: &Delivery) -> io::Result<()> {
    let fds: Vec<_> = delivery.fds.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&fds));
    }
    sendmsg(
        to,
        &[IoSlice::new(text.as_bytes())],
        &mut control,
        SendFlags::empty(),
    )?;
    Ok(())
}
