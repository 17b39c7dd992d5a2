//! config-linux.md#network-devices. The runtime is called in a network namespace of the case's own,
//! where one end of a veth pair is the device to be moved.

use plimsoll_fixtures::probe::Interface;

use crate::cases::prelude::*;
use crate::drive::Outcome;
use crate::observe::{self, NewNamespace};
use crate::verdict::Stop;

const MOVED: &str = "config-linux.net-devices.moved";

pub(super) fn cases() -> Vec<Case> {
    vec![
        moved(),
        renamed(),
        attributes(),
        impossible(),
        conflict(),
        template(),
        left_alone(),
        stays(),
        vanishes(),
    ]
}

/// The moved device, and what it has on the host.
const DEVICE: &str = "ours0";
const HARDWARE: &str = "02:00:00:00:17:01";
const ADDRESSES: [&str; 2] = ["10.9.8.7/24", "fd00::7/64"];

fn case(name: &str, covers: impl crate::case::Ids) -> Case {
    Case::new(format!("linux/net_devices/{name}"), covers)
        .needs([
            Need::Root,
            Need::Namespace("net"),
            Need::NetDevice("veth"),
            Need::Program("ip"),
            Need::Program("nsenter"),
        ])
        .bundle(|b| b.set("/linux/netDevices", json!({ DEVICE: {} })))
}

fn network(t: &Trial) -> Check<NewNamespace> {
    match NAMESPACES.iter().find(|kind| kind.config == "network") {
        Some(&kind) => t.new_namespace(kind),
        None => Err(Stop::Broken("no network namespaces".into())),
    }
}

/// The arguments of nsenter(1) that run `ip` in a network namespace, by its path.
fn ip(namespace: &str, words: &str) -> Vec<String> {
    let words = words.split(' ').map(str::to_owned);
    [format!("--net={namespace}"), "ip".to_owned()]
        .into_iter()
        .chain(words)
        .collect()
}

/// A host of the case's own, with the device on it.
fn host(t: &Trial) -> Check<NewNamespace> {
    let host = network(t)?;
    // busybox takes no name for the other end; the first that the kernel gives is this one.
    for words in [
        "link add ours0 type veth",
        "link set veth0 name theirs0",
        "link set ours0 mtu 1400 address 02:00:00:00:17:01",
        "addr add 10.9.8.7/24 dev ours0",
        "-6 addr add fd00::7/64 dev ours0",
    ] {
        t.host("nsenter", &ip(&host.path, words))?;
    }
    Ok(host)
}

fn try_create(t: &Trial, host: &NewNamespace) -> Check<Outcome> {
    let mut call = t.create_call();
    call.through = vec!["nsenter".into(), format!("--net={}", host.path)];
    t.try_create_by(call)
}

/// Whether a network namespace has a link of this name.
fn has_link(namespace: &str, name: &str) -> Check<bool> {
    let links = observe::host("nsenter", &ip(namespace, "-o link"))?;
    Ok(links
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .any(|link| link.trim_end_matches(':').split('@').next() == Some(name)))
}

/// The container's network namespace, by path.
fn inside(t: &Trial) -> Check<String> {
    Ok(format!("/proc/{}/ns/net", t.pid()?))
}

/// The device as the container's program sees it.
fn seen(t: &Trial, name: &str) -> Check<Option<Interface>> {
    t.start()?;
    let all = t.started()?.get(crate::trial::Probe::interfaces)?;
    Ok(all.into_iter().find(|interface| interface.name == name))
}

/// A runtime that does something with the device in the container's namespace behind an operation.
fn meddles(operation: &'static str, words: &'static str) -> Saboteur {
    wraps(format!("{operation}: ip {words}"), move |call, next| {
        let outcome = next(call)?;
        if call.operation() == operation && outcome.ok() {
            let state = next(&call.aside(["state", call.id()]))?
                .json()
                .unwrap_or_default();
            let inside = format!("/proc/{}/ns/net", state["pid"]);
            observe::host("nsenter", &ip(&inside, words))?;
        }
        Ok(outcome)
    })
}

fn moved() -> Case {
    const NAME: &str = "config-linux.net-devices.name-default";
    const UP: &str = "config-linux.net-devices.set-up";
    const ENABLED: &str = "features-linux.net-devices.enabled";
    case("moved", [MOVED, NAME, UP, ENABLED])
        .run(|t| {
            let host = host(t)?;
            t.on([MOVED, ENABLED])
                .must(try_create(t, &host).and_then(|one| t.accepted(&one)))?;
            t.on([MOVED, ENABLED]).eq(
                "the host still has it",
                has_link(&host.path, DEVICE)?,
                false,
            )?;
            let device = seen(t, DEVICE)?;
            t.on(NAME).that(
                "the container has it by its name",
                device.is_some(),
                &device,
            )?;
            let up = device.is_some_and(|device| device.is_up());
            t.on(UP).eq("it is up", up, true)
        })
        .saboteurs([
            drops("/linux/netDevices").on([MOVED, ENABLED]),
            alters("/linux/netDevices/ours0/name", "other0").on(NAME),
            meddles("create", "link set ours0 down").on(UP),
        ])
}

fn renamed() -> Case {
    case("renamed", "config-linux.net-devices.name-rename")
        .bundle(|b| b.set("/linux/netDevices", json!({ DEVICE: {"name": "inner7"} })))
        .run(|t| {
            let host = host(t)?;
            t.accepted(&try_create(t, &host)?)?;
            let device = seen(t, "inner7")?;
            t.that(
                "the container has it by its new name",
                device.is_some(),
                &device,
            )
        })
        .saboteurs([
            drops("/linux/netDevices/ours0/name"),
            alters("/linux/netDevices/ours0/name", "inner8"),
        ])
}

fn attributes() -> Case {
    const ATTRIBUTES: &str = "config-linux.net-devices.attributes-preserved";
    const PERMANENT: &str = "config-linux.net-devices.addresses-preserved";
    case("preserved", [ATTRIBUTES, PERMANENT])
        .run(|t| {
            let host = host(t)?;
            t.accepted(&try_create(t, &host)?)?;
            let Some(device) = seen(t, DEVICE)? else {
                return Trial::spoilt("the container has the device", true, false.into());
            };
            t.eq("MTU", device.mtu, 1400)?;
            t.eq("hardware address", &device.hardware_address, HARDWARE)?;
            for address in ADDRESSES {
                t.on(PERMANENT)
                    .has("addresses", &device.addresses, address)?;
            }
            Ok(())
        })
        .saboteurs([
            meddles("create", "link set ours0 mtu 1300").on(ATTRIBUTES),
            meddles("create", "link set ours0 address 02:00:00:00:17:02").on(ATTRIBUTES),
            meddles("create", "addr flush dev ours0").on(PERMANENT),
            meddles("create", "-6 addr del fd00::7/64 dev ours0").on(PERMANENT),
        ])
}

fn impossible() -> Case {
    case(
        "refused_impossible",
        "config-linux.net-devices.check-possible",
    )
    .run(|t| {
        let host = host(t)?;
        let honest = t.config()?;
        let mut configs = vec![honest.clone(); 3];
        configs[0]["linux"]["netDevices"] = json!({"missing0": {}});
        configs[1]["linux"]["netDevices"] = json!({ DEVICE: {"name": "longer-than-fifteen"} });
        if let Some(list) = configs[2]["linux"]["namespaces"].as_array_mut() {
            list.retain(|entry| entry["type"] != "network");
        }
        for config in configs {
            t.set_config(&config)?;
            t.errors(&try_create(t, &host)?)?;
            t.eq("the host still has it", has_link(&host.path, DEVICE)?, true)?;
        }
        Ok(())
    })
    .saboteurs([drops("/linux/netDevices")])
}

/// A namespace to join that has links of these names.
fn joined(t: &Trial, links: &[&str]) -> Check<NewNamespace> {
    let held = network(t)?;
    for link in links {
        t.host(
            "nsenter",
            &ip(&held.path, &format!("link add {link} type veth")),
        )?;
    }
    let mut config = t.config()?;
    for entry in config["linux"]["namespaces"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        if entry["type"] == "network" {
            entry["path"] = held.path.clone().into();
        }
    }
    t.set_config(&config)?;
    Ok(held)
}

fn conflict() -> Case {
    case(
        "refused_name_that_is_taken",
        "config-linux.net-devices.name-conflict-errors",
    )
    .bundle(|b| b.set("/linux/netDevices", json!({ DEVICE: {"name": "taken0"} })))
    .run(|t| {
        joined(t, &["taken0"])?;
        let host = host(t)?;
        t.errors(&try_create(t, &host)?)?;
        t.eq("the host still has it", has_link(&host.path, DEVICE)?, true)
    })
    .saboteurs([
        drops("/linux/netDevices"),
        alters("/linux/netDevices/ours0/name", "free0"),
    ])
}

fn template() -> Case {
    const ALLOWED: &str = "config-linux.net-devices.template-allowed";
    const KERNEL: &str = "config-linux.net-devices.template-kernel-name";
    case("name_template", [ALLOWED, KERNEL])
        .bundle(|b| b.set("/linux/netDevices", json!({ DEVICE: {"name": "many%d"} })))
        .run(|t| {
            let held = joined(t, &["many0"])?;
            let host = host(t)?;
            t.must(try_create(t, &host).and_then(|one| t.accepted(&one)))?;
            let next = has_link(&held.path, "many1")?;
            t.on(KERNEL)
                .eq("the container has it by the next name", next, true)
        })
        .saboteurs([
            lies("create", How::Refuse).on(ALLOWED),
            alters("/linux/netDevices/ours0/name", "many7").on(KERNEL),
        ])
}

fn left_alone() -> Case {
    case(
        "left_alone_inside",
        "config-linux.net-devices.no-lifecycle-management",
    )
    .run(|t| {
        let host = host(t)?;
        t.accepted(&try_create(t, &host)?)?;
        let namespace = inside(t)?;
        if !has_link(&namespace, DEVICE)? {
            return Trial::spoilt("the container has the device", true, false.into());
        }
        t.host("nsenter", &ip(&namespace, "link set ours0 mtu 1300"))?;
        let device = seen(t, DEVICE)?;
        t.eq("MTU after `start`", device.map(|device| device.mtu), 1300)
    })
    .saboteurs([meddles("start", "link set ours0 mtu 1400")])
}

fn stays() -> Case {
    case("stays_at_delete", "config-linux.net-devices.no-move-back")
        .run(|t| {
            let held = joined(t, &[])?;
            let host = host(t)?;
            t.accepted(&try_create(t, &host)?)?;
            t.stop()?;
            t.delete()?;
            t.eq(
                "the joined namespace has it",
                has_link(&held.path, DEVICE)?,
                true,
            )?;
            t.eq("the host has it", has_link(&host.path, DEVICE)?, false)
        })
        .saboteurs([meddles("create", "link del ours0")])
}

/// A veth pair goes with either of its ends.
fn vanishes() -> Case {
    case(
        "goes_with_the_namespace",
        "config-linux.net-devices.kernel-cleanup",
    )
    .run(|t| {
        let host = host(t)?;
        t.accepted(&try_create(t, &host)?)?;
        t.stop()?;
        t.delete()?;
        let deadline = t.deadline();
        // The kernel takes a namespace apart a little later than its last process ends.
        while has_link(&host.path, "theirs0")? && !deadline.left().is_zero() {
            std::thread::yield_now();
        }
        t.eq(
            "the host has the other end",
            has_link(&host.path, "theirs0")?,
            false,
        )
    })
    .saboteurs([drops("/linux/netDevices")])
}
