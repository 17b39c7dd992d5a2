//! rtnetlink(7): requests and their answers.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

/// Every message and attribute begins on a multiple of this (`NLMSG_ALIGNTO`).
const ALIGN: usize = 4;
/// `struct nlmsghdr`: length, type, flags, sequence, port.
const HEADER: usize = 16;
/// `struct nlattr`: length and type.
const ATTRIBUTE: usize = 4;
/// More than the kernel puts into one datagram (`NLMSG_GOODSIZE`, 32 KiB for dumps).
const DATAGRAM: usize = 64 * 1024;

/// A request under construction.
#[derive(Debug)]
pub struct Request(Vec<u8>);

impl Request {
    /// A request of this type (`RTM_*`) with these flags besides `NLM_F_REQUEST` and `NLM_F_ACK`.
    pub fn new(kind: u16, flags: u16, body: &[u8]) -> Self {
        let flags = flags | (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(body);
        let mut request = Self(bytes);
        request.pad();
        request
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(ALIGN), 0);
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = (ATTRIBUTE + value.len()) as u16;
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.pad();
        self
    }

    /// Adds a text, with the null that the kernel wants.
    #[must_use]
    pub fn text(self, kind: u16, text: &str) -> Self {
        self.attribute(kind, &[text.as_bytes(), &[0]].concat())
    }
}

/// A socket to the network namespace in which it was opened.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

impl Netlink {
    /// Opens a socket in the network namespace of this thread.
    pub fn open() -> nix::Result<Self> {
        socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )
        .map(Self)
    }

    /// Sends a request and returns the bodies of all messages that answer it.
    pub fn call(&self, request: Request) -> nix::Result<Vec<Vec<u8>>> {
        let mut bytes = request.0;
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        send(self.0.as_raw_fd(), &bytes, MsgFlags::empty())?;
        let mut answers = Vec::new();
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let received = match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                other => other?,
            };
            let mut rest = &buffer[..received];
            while let Some((kind, body, after)) = message(rest) {
                rest = after;
                match i32::from(kind) {
                    libc::NLMSG_ERROR => {
                        let errno = body.first_chunk().map_or(0, |b| i32::from_ne_bytes(*b));
                        return match errno {
                            0 => Ok(answers),
                            error => Err(Errno::from_raw(-error)),
                        };
                    }
                    libc::NLMSG_DONE => return Ok(answers),
                    _ => answers.push(body.to_vec()),
                }
            }
        }
    }
}

/// Splits the first message off: its type, its body, and what follows.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes([*bytes.get(4)?, *bytes.get(5)?]);
    let body = bytes.get(HEADER..length)?;
    let next = length.next_multiple_of(ALIGN).min(bytes.len());
    Some((kind, body, &bytes[next..]))
}

/// The attributes of a message, type and value, that follow its fixed part of this length.
pub fn attributes(body: &[u8], fixed: usize) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = body.get(fixed..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (head, _) = rest.split_first_chunk::<ATTRIBUTE>()?;
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]);
        let value = rest.get(ATTRIBUTE..length)?;
        rest = &rest[length.next_multiple_of(ALIGN).min(rest.len())..];
        Some((kind, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back_as_they_were_written() {
        let request = Request::new(16, 0, &[7; 8])
            .attribute(3, b"abc")
            .text(28, "x");
        let body = &request.0[HEADER..];
        let found: Vec<_> = attributes(body, 8).collect();
        assert_eq!(found, [(3, &b"abc"[..]), (28, &b"x\0"[..])]);
    }

    #[test]
    fn what_is_cut_short_ends_the_list() {
        assert_eq!(attributes(&[9, 0, 1, 0, 1], 0).count(), 0);
        assert_eq!(attributes(&[2, 0, 1, 0], 0).count(), 0);
        assert_eq!(attributes(&[], 16).count(), 0);
        assert!(message(&[64, 0, 0, 0, 1, 0]).is_none());
        assert!(message(&[]).is_none());
    }

    #[test]
    fn the_kernel_answers_and_says_what_is_wrong() {
        let netlink = Netlink::open().expect("a socket");
        let dump = Request::new(libc::RTM_GETLINK, libc::NLM_F_DUMP as u16, &[0; 16]);
        let links = netlink.call(dump).expect("a dump");
        let names: Vec<_> = links
            .iter()
            .flat_map(|body| attributes(body, 16))
            .filter(|(kind, _)| *kind == libc::IFLA_IFNAME)
            .collect();
        assert!(
            names.contains(&(libc::IFLA_IFNAME, &b"lo\0"[..])),
            "{names:?}"
        );
        let wrong = Request::new(libc::RTM_GETLINK, 0, &[0; 16]).text(libc::IFLA_IFNAME, "nosuch");
        assert_eq!(netlink.call(wrong), Err(Errno::ENODEV));
    }
}
