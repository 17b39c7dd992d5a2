//! A connection to a bus, or to systemd itself where no bus runs.
//! D-Bus specification, "Authentication Protocol"

use std::env;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::wire::{self, Kind, Message, Method, PREFIX};

/// How long systemd may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open and authenticated connection.
#[derive(Debug)]
pub(super) struct Bus {
    stream: UnixStream,
    serial: u32,
    /// Signals that came while an answer was awaited.
    signals: Vec<Message>,
    /// Messages have no destination where systemd itself is at the other end.
    direct: bool,
}

/// Why a call failed.
#[derive(Debug)]
pub(super) enum CallError {
    /// The other end answered with an error.
    Remote {
        /// Such as `org.freedesktop.systemd1.NoSuchUnit`.
        name: String,
        /// What it says about it.
        text: String,
    },
    /// The connection failed.
    Io(io::Error),
}

impl CallError {
    /// Whether the other end said just this.
    pub(super) fn is(&self, name: &str) -> bool {
        matches!(self, Self::Remote { name: known, .. } if known.ends_with(name))
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Remote { name, text } => write!(f, "{text} ({name})"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for CallError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn garbled(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// Where to connect: each a socket, and whether it is systemd's own.
fn addresses(user: bool) -> Vec<(PathBuf, bool)> {
    let variable = if user {
        "DBUS_SESSION_BUS_ADDRESS"
    } else {
        "DBUS_SYSTEM_BUS_ADDRESS"
    };
    let mut out = Vec::new();
    for address in env::var(variable).unwrap_or_default().split(';') {
        let path = address
            .strip_prefix("unix:path=")
            .and_then(|rest| rest.split(',').next());
        out.extend(path.map(|path| (PathBuf::from(path), false)));
    }
    if user {
        let id = nix::unistd::geteuid();
        let runtime = env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty());
        let runtime =
            runtime.map_or_else(|| PathBuf::from(format!("/run/user/{id}")), PathBuf::from);
        out.push((runtime.join("bus"), false));
        out.push((runtime.join("systemd/private"), true));
    } else {
        out.push(("/run/dbus/system_bus_socket".into(), false));
        out.push(("/run/systemd/private".into(), true));
    }
    out
}

impl Bus {
    /// Connects to the system's manager, or to the user's.
    pub(super) fn connect(user: bool) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for (path, direct) in addresses(user) {
            match Self::open(&path, direct) {
                Ok(bus) => return Ok(bus),
                Err(error) => {
                    let text = format!("{}: {error}", path.display());
                    last = io::Error::new(error.kind(), text);
                }
            }
        }
        Err(last)
    }

    fn open(path: &std::path::Path, direct: bool) -> io::Result<Self> {
        let mut stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // No identity of our own: in a user namespace our number is not the one that the other end
        // sees, and it takes that from the socket.
        stream.write_all(b"\0AUTH EXTERNAL\r\n")?;
        expect(&mut stream, "DATA")?;
        stream.write_all(b"DATA\r\n")?;
        expect(&mut stream, "OK")?;
        stream.write_all(b"BEGIN\r\n")?;
        let mut bus = Self {
            stream,
            serial: 0,
            signals: Vec::new(),
            direct,
        };
        if !direct {
            let method = Method {
                destination: "org.freedesktop.DBus",
                path: "/org/freedesktop/DBus",
                interface: "org.freedesktop.DBus",
                member: "Hello",
                signature: "",
            };
            bus.call(&method, &[])
                .map_err(|error| io::Error::other(error.to_string()))?;
        }
        Ok(bus)
    }

    /// Whether systemd itself is at the other end.
    pub(super) fn is_direct(&self) -> bool {
        self.direct
    }

    /// Calls a method and waits for its answer.
    pub(super) fn call(&mut self, method: &Method, body: &[u8]) -> Result<Message, CallError> {
        self.serial += 1;
        let method = Method {
            destination: if self.direct { "" } else { method.destination },
            ..*method
        };
        self.stream
            .write_all(&wire::call(&method, self.serial, body))?;
        loop {
            let message = self.receive()?;
            if message.kind == Kind::Signal as u8 {
                self.signals.push(message);
            } else if message.reply_to == self.serial {
                if message.kind != Kind::Error as u8 {
                    return Ok(message);
                }
                let text = message.body().text().unwrap_or_default();
                return Err(CallError::Remote {
                    name: message.error,
                    text,
                });
            }
        }
    }

    /// The next signal.
    pub(super) fn signal(&mut self) -> io::Result<Message> {
        if !self.signals.is_empty() {
            return Ok(self.signals.remove(0));
        }
        loop {
            let message = self.receive()?;
            if message.kind == Kind::Signal as u8 {
                return Ok(message);
            }
        }
    }

    fn receive(&mut self) -> io::Result<Message> {
        let mut prefix = [0; PREFIX];
        self.stream.read_exact(&mut prefix)?;
        let length = wire::length(&prefix).ok_or_else(|| garbled("not a D-Bus message"))?;
        let mut bytes = prefix.to_vec();
        bytes.resize(length, 0);
        self.stream.read_exact(&mut bytes[PREFIX..])?;
        Message::parse(&bytes).ok_or_else(|| garbled("a D-Bus message that ends early"))
    }
}

/// Reads a line of the authentication and checks its first word.
fn expect(stream: &mut UnixStream, word: &str) -> io::Result<()> {
    let mut line = Vec::new();
    // Byte by byte: what follows the line belongs to somebody else. It is a few dozen bytes long.
    while !line.ends_with(b"\r\n") && line.len() < 1024 {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    if line.starts_with(word.as_bytes()) {
        return Ok(());
    }
    Err(garbled(&format!(
        "authentication refused: {}",
        String::from_utf8_lossy(&line).trim()
    )))
}
