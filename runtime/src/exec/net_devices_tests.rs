//! Devices that really move, between network namespaces of the test's own.

use std::fs::File;
use std::process::Command;

use nix::sched::unshare;

use super::*;

/// Runs `ip` in this thread's namespace.
fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .expect("ip starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs in a thread whose namespace holds a pair of devices, beside an empty one; not at all, with
/// the reason, where the machine cannot.
fn between(test: impl FnOnce(&mut Mover, &dyn Fn(&str) -> String) + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
                println!("skipped: no network namespace: {error}");
                return;
            }
            let container = File::open("/proc/thread-self/ns/net").expect("a namespace");
            unshare(CloneFlags::CLONE_NEWNET).expect("as before");
            let host = File::open("/proc/thread-self/ns/net").expect("a namespace");
            let made = Command::new("ip")
                .args("link add out0 type veth peer name peer0".split(' '))
                .output();
            if !made.as_ref().is_ok_and(|made| made.status.success()) {
                println!("skipped: no veth pair can be made: {made:?}");
                return;
            }
            ip("link set dev out0 mtu 1400 alias kept txqueuelen 77 up");
            ip("link set dev peer0 up");
            ip("addr add 10.9.8.7/24 brd + dev out0 label out0:x");
            ip("addr add fd00::7/64 dev out0");
            let mut mover = Mover::open(container.as_fd()).expect("both sides");
            let inside = |arguments: &str| {
                setns(&container, CloneFlags::CLONE_NEWNET).expect("inside");
                let printed = ip(arguments);
                setns(&host, CloneFlags::CLONE_NEWNET).expect("outside");
                printed
            };
            test(&mut mover, &inside);
        });
        thread.join().expect("the thread's assertions hold");
    });
}

fn device(inside: &str) -> NetDevice {
    NetDevice {
        outside: "out0".into(),
        inside: inside.into(),
        origin: Origin::at("/linux/netDevices/out0"),
    }
}

#[test]
fn a_device_moves_with_its_attributes_and_addresses_and_is_up() {
    between(|mover, inside| {
        mover.move_all(&[device("eth7")]).expect("moved");
        assert!(!ip("link show").contains("out0:"));
        let link = inside("link show dev eth7");
        for kept in ["mtu 1400", "alias kept", "qlen 77", ",UP"] {
            assert!(link.contains(kept), "no {kept} in {link}");
        }
        let addresses = inside("addr show dev eth7");
        for kept in [
            "10.9.8.7/24 brd 10.9.8.255 scope global eth7:x",
            "fd00::7/64",
        ] {
            assert!(addresses.contains(kept), "no {kept} in {addresses}");
        }
    });
}

#[test]
fn a_name_that_is_taken_is_refused_and_the_device_stays() {
    between(|mover, inside| {
        inside("link add eth7 type veth peer name other");
        let error = mover.move_all(&[device("eth7")]).expect_err("taken");
        assert!(
            error
                .to_string()
                .contains("config.json /linux/netDevices/out0")
        );
        let link = ip("addr show dev out0");
        assert!(
            link.contains("10.9.8.7/24") && link.contains(",UP"),
            "{link}"
        );
    });
}

#[test]
fn the_kernel_numbers_a_template() {
    between(|mover, inside| {
        inside("link add eth0 type veth peer name other");
        mover.move_all(&[device("eth%d")]).expect("moved");
        assert!(inside("addr show dev eth1").contains("10.9.8.7/24"));
    });
}

#[test]
fn a_device_comes_back_as_it_was_where_a_later_one_fails() {
    between(|mover, inside| {
        let missing = NetDevice {
            outside: "nosuch".into(),
            inside: "nosuch".into(),
            origin: Origin::at("/linux/netDevices/nosuch"),
        };
        let error = mover
            .move_all(&[device("eth7"), missing])
            .expect_err("missing");
        assert!(
            error.to_string().contains("/linux/netDevices/nosuch"),
            "{error}"
        );
        let link = ip("addr show dev out0");
        for kept in [
            "10.9.8.7/24 brd 10.9.8.255 scope global out0:x",
            "fd00::7/64",
            ",UP",
            "mtu 1400",
        ] {
            assert!(link.contains(kept), "no {kept} in {link}");
        }
        assert!(!inside("link show").contains("eth7"));
    });
}
