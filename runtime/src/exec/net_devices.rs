//! Moves network devices into the container, and back where create fails.
//!
//! A device loses its addresses on the way and is set down; the permanent ones of global scope are
//! read before and given again.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::libc;
use nix::sched::{CloneFlags, setns};

use super::{Context, StepError};
use crate::plan::Origin;
use crate::plan::net_devices::NetDevice;
use crate::sys::netlink::{Netlink, Request, attributes};

/// Lengths of `struct ifinfomsg` and `struct ifaddrmsg` (rtnetlink(7)).
const LINK: usize = 16;
const ADDRESS: usize = 8;

/// `IFA_F_*` that a new address takes (linux/if_addr.h, inet6_rtm_newaddr of the kernel): NODAD,
/// HOMEADDRESS, MANAGETEMPADDR, NOPREFIXROUTE, MCAUTOJOIN.
const ADDRESS_FLAGS: u32 = 0x02 | 0x10 | 0x100 | 0x200 | 0x400;

/// Both sides of a move.
#[derive(Debug)]
pub struct Mover {
    outside: Side,
    inside: Side,
    moved: Vec<Moved>,
}

/// A network namespace and a socket in it.
#[derive(Debug)]
struct Side {
    netlink: Netlink,
    namespace: OwnedFd,
}

/// A device that went over, as it was.
#[derive(Debug)]
struct Moved {
    device: NetDevice,
    index: i32,
    was_up: bool,
    addresses: Vec<Vec<u8>>,
}

/// A device as its namespace lists it.
#[derive(Debug)]
struct Link {
    index: i32,
    name: String,
    up: bool,
}

impl Mover {
    /// Opens both sides: this thread's network namespace, and the container's.
    ///
    /// Enters the container's for a moment, hence this process must have one thread.
    pub fn open(container: BorrowedFd<'_>) -> Result<Self, StepError> {
        const ORIGIN: Origin = Origin::at("/linux/netDevices");
        let context = || "open the network namespaces to move devices between";
        let own = std::fs::File::open("/proc/thread-self/ns/net").step(&ORIGIN, context)?;
        let outside = Side {
            netlink: Netlink::open().step(&ORIGIN, context)?,
            namespace: own.into(),
        };
        let namespace = container.try_clone_to_owned().step(&ORIGIN, context)?;
        setns(container, CloneFlags::CLONE_NEWNET).step(&ORIGIN, context)?;
        let netlink = Netlink::open();
        setns(&outside.namespace, CloneFlags::CLONE_NEWNET).step(&ORIGIN, context)?;
        Ok(Self {
            outside,
            inside: Side {
                netlink: netlink.step(&ORIGIN, context)?,
                namespace,
            },
            moved: Vec::new(),
        })
    }

    /// Moves the devices, names them, gives them their addresses and sets them up. Where one fails
    /// all are given back.
    pub fn move_all(&mut self, devices: &[NetDevice]) -> Result<(), StepError> {
        for device in devices {
            if let Err(error) = self.move_one(device) {
                self.give_back();
                return Err(error);
            }
        }
        Ok(())
    }

    fn move_one(&mut self, device: &NetDevice) -> Result<(), StepError> {
        let NetDevice {
            outside: name,
            inside: new_name,
            origin,
        } = device;
        let say = |what: &'static str| move || format!("{what} network device {name}");
        let links = self.outside.links().step(origin, say("look for"))?;
        let Some(link) = links.iter().find(|link| link.name == *name) else {
            let why = format!("network device {name} does not exist");
            return Err(StepError::refused(why, origin));
        };
        let before = self.inside.links().step(origin, say("make place for"))?;
        if !device.is_template() && before.iter().any(|link| link.name == *new_name) {
            let why = format!("the container has a network device {new_name} already");
            return Err(StepError::refused(why, origin));
        }
        let addresses = self.outside.addresses(link.index);
        let addresses = addresses.step(origin, say("read the addresses of"))?;
        self.outside
            .send(link.index, &self.inside, new_name)
            .step(origin, || {
                format!("move network device {name} to the container as {new_name}")
            })?;
        let after = self.inside.links().step(origin, say("find the moved"))?;
        let arrived = after
            .iter()
            .find(|link| before.iter().all(|other| other.index != link.index))
            .ok_or_else(|| {
                let why = format!("network device {name} did not arrive in the container");
                StepError::refused(why, origin)
            })?;
        self.moved.push(Moved {
            device: device.clone(),
            index: arrived.index,
            was_up: link.up,
            addresses: addresses.clone(),
        });
        for address in &addresses {
            self.inside
                .add(address, arrived.index, (name, &arrived.name))
                .step(origin, say("give its addresses back to"))?;
        }
        self.inside.up(arrived.index).step(origin, say("set up"))
    }

    /// Moves the devices back, where create fails. What cannot be restored is lost: an error is
    /// being reported already.
    pub fn give_back(&mut self) {
        for moved in self.moved.drain(..).rev() {
            let name = &moved.device.outside;
            if self.inside.send(moved.index, &self.outside, name).is_err() {
                continue;
            }
            let links = self.outside.links().unwrap_or_default();
            let Some(link) = links.iter().find(|link| link.name == *name) else {
                continue;
            };
            for address in &moved.addresses {
                // As above: the rest is restored as far as it goes.
                let _ = self.outside.add(address, link.index, (name, name));
            }
            if moved.was_up {
                // As above.
                let _ = self.outside.up(link.index);
            }
        }
    }
}

/// `struct ifinfomsg`: family, type, index, flags, and which of them change.
fn link_message(index: i32, flags: u32) -> [u8; LINK] {
    let mut bytes = [0; LINK];
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    bytes[8..12].copy_from_slice(&flags.to_ne_bytes());
    bytes[12..].copy_from_slice(&flags.to_ne_bytes());
    bytes
}

/// The word at this offset.
fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

/// A text without its null.
fn text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).into_owned()
}

impl Side {
    fn links(&self) -> nix::Result<Vec<Link>> {
        let request = Request::new(
            libc::RTM_GETLINK,
            libc::NLM_F_DUMP as u16,
            &link_message(0, 0),
        );
        let answers = self.netlink.call(request)?;
        let links = answers.iter().filter_map(|body| {
            let mut attributes = attributes(body, LINK);
            let (_, name) = attributes.find(|(kind, _)| *kind == libc::IFLA_IFNAME)?;
            Some(Link {
                index: word(body, 4).cast_signed(),
                name: text(name),
                up: word(body, 8) & libc::IFF_UP as u32 != 0,
            })
        });
        Ok(links.collect())
    }

    /// The messages for the permanent addresses of global scope that a device has.
    fn addresses(&self, index: i32) -> nix::Result<Vec<Vec<u8>>> {
        let request = Request::new(libc::RTM_GETADDR, libc::NLM_F_DUMP as u16, &[0; ADDRESS]);
        let mut answers = self.netlink.call(request)?;
        answers.retain(|body| {
            // struct ifaddrmsg: family, prefix length, flags, scope, index.
            let global = body.get(3) == Some(&libc::RT_SCOPE_UNIVERSE);
            word(body, 4).cast_signed() == index
                && global
                && flags(body) & libc::IFA_F_PERMANENT != 0
        });
        Ok(answers)
    }

    fn send(&self, index: i32, to: &Self, name: &str) -> nix::Result<()> {
        let target = to.namespace.as_fd().as_raw_fd();
        let request = Request::new(libc::RTM_NEWLINK, 0, &link_message(index, 0))
            .attribute(libc::IFLA_NET_NS_FD, &target.to_ne_bytes())
            .text(libc::IFLA_IFNAME, name);
        self.netlink.call(request).map(drop)
    }

    fn up(&self, index: i32) -> nix::Result<()> {
        let body = link_message(index, libc::IFF_UP as u32);
        let request = Request::new(libc::RTM_NEWLINK, 0, &body);
        self.netlink.call(request).map(drop)
    }

    /// Adds an address that another device had, whose label may hold its old name.
    fn add(&self, address: &[u8], index: i32, (old, new): (&str, &str)) -> nix::Result<()> {
        let flags = flags(address) & ADDRESS_FLAGS;
        let mut body = [0; ADDRESS];
        body[..2].copy_from_slice(&address[..2]);
        body[2] = flags as u8;
        body[3] = libc::RT_SCOPE_UNIVERSE;
        body[4..].copy_from_slice(&index.to_ne_bytes());
        let create = (libc::NLM_F_CREATE | libc::NLM_F_EXCL) as u16;
        let mut request = Request::new(libc::RTM_NEWADDR, create, &body);
        for (kind, value) in attributes(address, ADDRESS) {
            request = match kind {
                libc::IFA_LABEL => {
                    let label = text(value);
                    let suffix = label.strip_prefix(old);
                    request.text(
                        kind,
                        &suffix.map_or(label.clone(), |end| format!("{new}{end}")),
                    )
                }
                libc::IFA_FLAGS => request.attribute(kind, &flags.to_ne_bytes()),
                // What the kernel counts itself: a permanent address lives for ever.
                libc::IFA_CACHEINFO => request,
                _ => request.attribute(kind, value),
            };
        }
        self.netlink.call(request).map(drop)
    }
}

/// All flags of an address; the fixed part holds the low eight only.
fn flags(address: &[u8]) -> u32 {
    let full = attributes(address, ADDRESS).find(|(kind, _)| *kind == libc::IFA_FLAGS);
    let low = u32::from(address.get(2).copied().unwrap_or(0));
    full.map_or(low, |(_, value)| word(value, 0))
}

#[cfg(test)]
#[path = "net_devices_tests.rs"]
mod tests;
