//! What checkpoint and restore may be asked for, and how CRIU is told.
//! The numbers are the fields of `criu_opts` in CRIU's `images/rpc.proto`.

use std::os::fd::RawFd;
use std::path::PathBuf;

use super::wire::Message;

/// What CRIU does with control groups: `criu_cg_mode`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CgroupMode {
    /// Leave them alone.
    Ignore,
    /// Restore properties of those that CRIU makes.
    #[default]
    Soft,
    /// Restore all, and properties of those that were there.
    Full,
    /// Fail where one is there already.
    Strict,
}

impl CgroupMode {
    /// By the word of `--manage-cgroups-mode`.
    pub fn named(word: &str) -> Option<Self> {
        Some(match word {
            "ignore" => Self::Ignore,
            "soft" => Self::Soft,
            "full" => Self::Full,
            "strict" => Self::Strict,
            _ => return None,
        })
    }

    fn number(self) -> i64 {
        match self {
            Self::Ignore => 0,
            Self::Soft => 3,
            Self::Full => 4,
            Self::Strict => 5,
        }
    }
}

/// What is on or off: the number is that of the field in `criu_opts`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Switch {
    /// Let the container go on.
    LeaveRunning = 3,
    /// Unix sockets whose other end lies outside.
    ExtUnixSk = 4,
    /// Open TCP connections.
    TcpEstablished = 5,
    /// A session or terminal of the caller's.
    ShellJob = 7,
    /// File locks.
    FileLocks = 8,
    /// Keep each page of memory once.
    AutoDedup = 16,
    /// Files that were unlinked.
    LinkRemap = 18,
    /// Leave out TCP connections in flight.
    TcpSkipInFlight = 46,
    /// Fetch memory on demand.
    LazyPages = 48,
    /// Restore TCP connections as closed.
    TcpClose = 52,
}

/// The switches by the name of their flag.
pub const SWITCHES: [(&str, Switch); 10] = [
    ("leave-running", Switch::LeaveRunning),
    ("ext-unix-sk", Switch::ExtUnixSk),
    ("tcp-established", Switch::TcpEstablished),
    ("shell-job", Switch::ShellJob),
    ("file-locks", Switch::FileLocks),
    ("auto-dedup", Switch::AutoDedup),
    ("link-remap", Switch::LinkRemap),
    ("tcp-skip-in-flight", Switch::TcpSkipInFlight),
    ("lazy-pages", Switch::LazyPages),
    ("tcp-close", Switch::TcpClose),
];

/// Whoever takes the memory pages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PageServer {
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: u16,
}

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--image-path`
    pub images: PathBuf,
    /// `--work-path`; without it, CRIU works in the folder of the images.
    pub work: Option<PathBuf>,
    /// `--parent-path`, relative to the images.
    pub parent: Option<String>,
    /// What is switched on.
    pub switches: Vec<Switch>,
    /// `--pre-dump`: memory only.
    pub pre_dump: bool,
    /// `--status-fd`
    pub status_fd: Option<RawFd>,
    /// `--page-server`
    pub page_server: Option<PageServer>,
    /// `--manage-cgroups-mode`
    pub cgroups: CgroupMode,
    /// `--empty-ns`: `CLONE_NEW*` flags.
    pub empty_namespaces: u64,
    /// `--lsm-profile`
    pub lsm_profile: Option<String>,
    /// `--lsm-mount-context`
    pub lsm_mount_context: Option<String>,
    /// A configuration file for CRIU: the annotation `org.criu.config`.
    pub config_file: Option<String>,
}

impl Options {
    /// The `criu_opts` that checkpoint and restore have in common. The descriptors are this process's:
    /// CRIU opens them through its peer's `/proc/PID/fd`.
    pub(super) fn message(&self, images: RawFd, work: Option<RawFd>, log: &str) -> Message {
        let mut options = Message::default();
        options
            .number(1, images.into())
            .number(9, LOG_LEVEL)
            .text(10, log)
            // Notices, and terminals whose master is outside.
            .flag(12, true)
            .flag(50, true)
            .flag(24, self.cgroups != CgroupMode::Ignore)
            .number(34, self.cgroups.number());
        for switch in &self.switches {
            options.flag(*switch as u64, true);
        }
        if let Some(work) = work {
            options.number(17, work.into());
        }
        if let Some(server) = &self.page_server {
            let mut at = Message::default();
            at.text(1, &server.address).number(2, server.port.into());
            options.message(11, &at);
        }
        if self.empty_namespaces != 0 {
            options.number(38, self.empty_namespaces as i64);
        }
        if let Some(fd) = self.status_fd {
            options.number(49, fd.into());
        }
        for (field, text) in [
            (14, &self.parent),
            (51, &self.config_file),
            (53, &self.lsm_profile),
            (64, &self.lsm_mount_context),
        ] {
            if let Some(text) = text {
                options.text(field, text);
            }
        }
        options.flag(15, self.parent.is_some() || self.pre_dump);
        options
    }
}

/// Everything but CRIU's debugging: `LOG_DEBUG` of CRIU's `criu-log.h`, as runc asks for.
const LOG_LEVEL: i64 = 4;

/// Adds a pair of texts, as `ext_mount_map` has them.
pub(super) fn pair(options: &mut Message, field: u64, key: &str, value: &str) {
    let mut pair = Message::default();
    pair.text(1, key).text(2, value);
    options.message(field, &pair);
}

/// Adds a descriptor of CRIU's own under the name that the images have for it: `inherit_fd`.
pub(super) fn inherit(options: &mut Message, key: &str, fd: RawFd) {
    let mut inherited = Message::default();
    inherited.text(1, key).number(2, fd.into());
    options.message(27, &inherited);
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Value, read};
    use super::*;

    fn fields(options: &Options) -> Vec<(u64, Vec<u8>)> {
        let message = options.message(7, None, "dump.log");
        let fields = read(message.as_bytes()).expect("a message");
        let number = |value: Value<'_>| match value {
            Value::Number(number) => vec![number as u8],
            Value::Bytes(bytes) => bytes.to_vec(),
        };
        fields
            .into_iter()
            .map(|(field, value)| (field, number(value)))
            .collect()
    }

    #[test]
    fn each_option_has_its_field_and_none_is_sent_unasked() {
        let plain = fields(&Options::default());
        let numbers: Vec<_> = plain.iter().map(|(field, _)| *field).collect();
        assert_eq!(numbers, [1, 9, 10, 12, 50, 24, 34]);
        let all = Options {
            parent: Some("../p".into()),
            switches: vec![Switch::LeaveRunning, Switch::TcpEstablished],
            page_server: Some(PageServer {
                address: "::1".into(),
                port: 27,
            }),
            status_fd: Some(9),
            cgroups: CgroupMode::Ignore,
            ..Options::default()
        };
        let all = fields(&all);
        let value = |field| {
            all.iter()
                .find(|(other, _)| *other == field)
                .map(|(_, value)| value.as_slice())
        };
        assert_eq!(value(3), Some(&[1][..]));
        assert_eq!(value(5), Some(&[1][..]));
        assert_eq!(value(11), Some(&b"\x0a\x03::1\x10\x1b"[..]));
        assert_eq!(value(14), Some(&b"../p"[..]));
        assert_eq!(value(15), Some(&[1][..]));
        assert_eq!(value(24), None);
        assert_eq!(value(34), Some(&[0][..]));
        assert_eq!(value(49), Some(&[9][..]));
    }
}
